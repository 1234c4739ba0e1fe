/** A control plane alone, a process of its own with a folder of its own on free ports of loopback, for load and for clients without nodes. */
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { heapFlags } from '../../scripts/bundle.ts'
import { start } from '../../shared/host/exec.ts'
import { readIfThere } from '../../shared/host/files.ts'
import { openConnections } from '../bench/load-client.ts'
import { eventually, freePort } from './cluster.ts'

/** For `node`: on SIGUSR2 the process collects all garbage and says `held N`, the bytes of its heap and what that owns outside of it. */
const collects = ['--expose-gc', '--import', 'data:text/javascript,process.on("SIGUSR2", () => { gc(); const { heapUsed, external } = process.memoryUsage(); console.log(`held ${heapUsed + external}`) })']

/** The control plane from the sources with the heap of the shipped program. */
const fromSources = [process.execPath, ...heapFlags['bramble-control-plane'], join(import.meta.dirname, '../../control-plane/main.ts')]

export interface LoneControlPlane {
  /** Of the administrator. */
  readonly kubeconfig: string
  readonly pid: number
  /** False once the process has ended. */
  readonly alive: boolean
  log(): Promise<string>
  /** Bytes in use after a collection of all garbage, of a process started to count them. What the system counts besides, V8 and malloc keep to give out again. */
  held(): Promise<number>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

/**
 * `argv`: the program, with node's flags before it; from the sources unless given. `counting`: it can be asked what it holds. Resolves when the namespace `default` takes pods.
 */
export async function startControlPlane({ argv = fromSources, counting = false }: { argv?: readonly string[]; counting?: boolean } = {}): Promise<LoneControlPlane> {
  const [node = '', ...flags] = argv
  const dir = await mkdtemp(join(tmpdir(), 'bramble-alone-'))
  const file = join(dir, 'log')
  const log = await open(file, 'a')
  const child = start([node, ...counting ? collects : [], ...flags, '--data-dir', join(dir, 'cp'), '--api-port', String(await freePort()), '--mqtt-port', String(await freePort()), '--address', '127.0.0.1'], { stdio: ['ignore', log.fd, log.fd], env: process.env })
  await log.close()
  const kubeconfig = join(dir, 'cp/admin.kubeconfig')
  await eventually('control plane up', async () => await readIfThere(kubeconfig) !== undefined)
  await eventually('default account', async () => {
    const [c] = await openConnections(kubeconfig, 1)
    const answer = await c?.call('GET', '/api/v1/namespaces/default/serviceaccounts/default')
    c?.close()
    return answer?.status === 200
  })
  return {
    kubeconfig, pid: child.pid ?? 0, log: () => readFile(file, 'utf8'),
    get alive() { return child.exitCode === null && child.signalCode === null },
    async held() {
      const said = async (): Promise<string[]> => (await readFile(file, 'utf8')).match(/(?<=^held )\d+$/gm) ?? []
      const before = (await said()).length
      process.kill(child.pid ?? 0, 'SIGUSR2')
      return Number(await eventually('what it holds', async () => (await said())[before]))
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGTERM')
        await gone
      }
      await rm(dir, { recursive: true, force: true })
    },
  }
}
