/** What a node still holds for pods that are gone: folders, cgroups, mounts, namespaces, links, containers, shims, addresses, rules. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { run, runOk } from '../../shared/host/exec.ts'
import type { Cluster } from './cluster.ts'

export interface Alive { readonly metadata: { readonly uid: string }; readonly status: { readonly podIP?: string } }

const names = (path: string): Promise<string[]> => readdir(path).catch((e: NodeJS.ErrnoException) => { if (e.code === 'ENOENT') return []; throw e })
const lines = (text: Buffer | string): string[] => text.toString().split('\n').filter((l) => l.trim() !== '')
const uidIn = (name: string): string => /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(name)?.[0] ?? name

/** Paths of cgroups of pods, in every hierarchy. */
async function podCgroups(): Promise<string[]> {
  const found = await run(['find', '/sys/fs/cgroup', '-type', 'd', '-name', 'pod*-*-*'])
  return lines(found.stdout)
}

/** Ids of the sandboxes a pod may have had on containerd: as `node-agent/runtime/containerd/records.ts` names them. */
const sandboxes = (uid: string): string[] => [0, 1, 2, 3].map((attempt) => createHash('sha256').update(['sandbox', 'bramble', uid, attempt].join('\0')).digest('hex').slice(0, 16))

/** Snapshots of the engine: images have some, pods have none. */
export async function snapshots(cluster: Cluster): Promise<number> {
  return lines(await runOk(['ctr', '--address', cluster.engine.address, '-n', 'bramble', 'snapshots', 'ls'])).length
}

/**
 * One line for each thing found that belongs to none of `alive`, one container each and none of them on the host's network; `gone` are the uids of every
 * other pod there has been: what is shared with other clusters of this machine is attributed by them. `recordsPerPod` is 2 where
 * each pod has had two sandboxes: the one before is kept for `kubectl logs --previous`. Empty where all is as it should be.
 */
export async function leftovers(cluster: Cluster, alive: readonly Alive[], gone: ReadonlySet<string>, recordsPerPod = 1): Promise<string[]> {
  const out: string[] = []
  const uids = new Set(alive.map((p) => p.metadata.uid))
  const dead = [...gone].filter((uid) => !uids.has(uid))
  const agent = join(cluster.dir, 'agent')
  const state = `/run/bramble/${createHash('sha256').update(agent).digest('hex').slice(0, 8)}`
  for (const folder of ['pods', 'memory', 'logs']) for (const name of await names(join(agent, 'pods', folder))) if (!uids.has(uidIn(name))) out.push(`folder ${folder}/${name}`)
  for (const path of await podCgroups()) if (dead.includes(basename(path).slice(3))) out.push(`cgroup ${path}`)
  const count = (what: string, found: readonly string[], perPod = 1): void => { if (found.length !== alive.length * perPod) out.push(`${found.length} ${what} for ${alive.length} pods: ${found.join(' ').slice(0, 300)}`) }
  count('links on the bridge', lines((await cluster.onNode(['ip', '-br', 'link', 'show', 'master', 'bramble0'])).stdout).map((l) => l.split(/[@ ]/)[0] ?? ''))
  const mounts = lines(await readFile('/proc/self/mountinfo', 'utf8')).map((l) => l.split(' ')[4] ?? '')
  for (const mount of mounts) if (dead.some((uid) => mount.includes(uid))) out.push(`mount ${mount}`)
  if (cluster.options.runtime === 'containerd') {
    const netns = new Set([...await names('/run/netns'), ...mounts.map((m) => basename(m))])
    for (const uid of dead) for (const id of sandboxes(uid)) if (netns.has(`bramble-${id}`)) out.push(`network namespace bramble-${id} of ${uid}`)
    count('roots mounted', mounts.filter((m) => m.startsWith(`${agent}/runtime/`)))
    count('pod folders with namespaces', await names(`${state}/pods`))
    count('sandbox records', await names(join(agent, 'runtime/sandboxes')), recordsPerPod)
    count('container records', await names(join(agent, 'runtime/containers')), recordsPerPod)
    count('containers in the engine', lines(await runOk(['ctr', '--address', cluster.engine.address, '-n', 'bramble', 'containers', 'ls', '-q'])))
    count('states of runc', await names(`${state}/runc/bramble`))
  }
  const database = new DatabaseSync(join(agent, 'node.db'), { readOnly: true })
  const addresses = database.prepare('SELECT uid, ip FROM allocation').all() as { uid: string; ip: string }[]
  database.close()
  for (const { uid, ip } of addresses) if (!uids.has(uid)) out.push(`address ${ip} of ${uid}`)
  const rules = lines((await cluster.onNode(['iptables-save', '-t', 'nat'])).stdout)
  const ips = new Set(alive.map((p) => p.status.podIP))
  for (const rule of rules) {
    const to = /--to-destination ([\d.]+):8080/.exec(rule)?.[1]
    if (to !== undefined && !ips.has(to)) out.push(`rule ${rule}`)
  }
  return out
}
