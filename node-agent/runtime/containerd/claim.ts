/** One agent, one containerd namespace: what another had made would be taken for rubbish and removed. A label on the namespace names the agent's data folder. */
import { runOk } from '../../../shared/host/exec.ts'
import { claimNamespace, namespaces, type Engine } from './argv.ts'

const label = 'bramble.data-dir'

/** The folder that a listing of namespaces names for this one; undefined where nobody has it. Pure. */
export function claimantOf(listing: string, namespace: string): string | undefined {
  const [, labels = ''] = /^(\S+)\s+(\S.*)$/.exec(listing.split('\n').find((l) => l.split(/\s/)[0] === namespace) ?? '')?.slice(1) ?? []
  const value = labels.trim().split(',').find((l) => l.startsWith(`${label}=`))?.slice(label.length + 1)
  return value ? decodeURIComponent(value) : undefined
}

/** Rejects where another agent has the namespace, with what to do about it. The namespace is there. */
export async function claim(engine: Engine, dataDir: string): Promise<void> {
  const owner = claimantOf((await runOk(namespaces(engine))).toString(), engine.namespace)
  if (owner === dataDir) return
  if (owner !== undefined) {
    throw new Error(`namespace ${JSON.stringify(engine.namespace)} is that of the agent with its state in ${owner}: give this one another (--containerd-namespace); where that agent is no more, ctr namespaces label ${engine.namespace} ${label}=`)
  }
  await runOk(claimNamespace(engine, `${label}=${encodeURIComponent(dataDir)}`))
}
