/** Thousands of pods started and stopped on one real node, with everything counted that could grow: memory, handles, mounts, namespaces, cgroups, disk. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { ignore } from '../../shared/base/ignore.ts'
import { openApi, type Api } from './api.ts'
import { costAlone } from './process-cost.ts'

export interface SoakRow { readonly work: string; readonly kubernetes: string; readonly target: string; readonly here: string }

interface Sample {
  readonly pods: number
  /** Bytes of anonymous memory. */
  readonly agent: number
  readonly controlPlane: number
  readonly handles: number
  readonly mounts: number
  readonly namespaces: number
  readonly cgroups: number
  /** Bytes of files below the folders of node and engine. */
  readonly disk: number
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false)

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(entries.map(async (e) => {
    const path = join(folder, e.name)
    if (e.isDirectory()) return bytesBelow(path)
    return e.isFile() ? (await ignore(stat(path), 'it was removed while we looked'))?.blocks ?? 0 : 0
  }))
  return sizes.reduce((a, b) => a + b, 0)
}

async function foldersBelow(folder: string): Promise<number> {
  const entries = (await readdir(folder, { withFileTypes: true }).catch(() => [])).filter((e) => e.isDirectory())
  return entries.length + (await Promise.all(entries.map((e) => foldersBelow(join(folder, e.name))))).reduce((a, b) => a + b, 0)
}

async function sample(cluster: Cluster, pods: number): Promise<Sample> {
  // Alone: the programs an agent happens to run at the moment of a look come and go.
  const [agent, controlPlane] = await Promise.all([costAlone(cluster.agent.pid), costAlone(cluster.controlPlane.pid)])
  const v1 = await exists('/sys/fs/cgroup/memory')
  return {
    pods, agent: agent.anonymous, controlPlane: controlPlane.anonymous, handles: (await readdir(`/proc/${cluster.agent.pid}/fd`)).length,
    mounts: (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').length, namespaces: (await readdir('/run/netns').catch(() => [])).length,
    cgroups: await foldersBelow(v1 ? '/sys/fs/cgroup/memory/bramble' : '/sys/fs/cgroup/bramble'), disk: 512 * (await bytesBelow(join(cluster.dir, 'agent')) + await bytesBelow(join(cluster.engine.address.replace(/^unix:\/\//, ''), '..'))),
  }
}

interface PodShape { metadata: { name: string; uid: string }; status?: { phase?: string; conditions?: { type: string; status: string }[] } }

/** One after the other in each of `lanes` lanes: created, Ready, deleted without grace, and gone from the node before the next. */
async function run(api: Api, cluster: Cluster, options: { pods: number; lanes: number; every: number; seen(sample: Sample): void }): Promise<number> {
  const ready = new Map<string, (uid: string) => void>()
  const abort = new AbortController()
  await api.watch('/api/v1/namespaces/default/pods?watch=1', ({ object }) => {
    const pod = object as unknown as PodShape
    if (pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) ready.get(pod.metadata.name)?.(pod.metadata.uid)
  }, abort.signal)
  let begun = 0
  let done = 0
  const at = performance.now()
  const lane = async (): Promise<void> => {
    while (begun < options.pods) {
      const name = `soak-${begun++}`
      const isReady = new Promise<string>((resolve) => ready.set(name, resolve))
      const { status, body } = await api.call('POST', '/api/v1/namespaces/default/pods', {
        apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, containers: [{ name: 'm', image: testImage, command: ['sleep', '1000000'] }] },
      })
      if (status !== 201) throw new Error(`POST: ${status} ${body.toString()}`)
      const uid = await isReady
      ready.delete(name)
      await api.call('DELETE', `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`)
      while (await exists(join(cluster.dir, 'agent/pods/pods', uid))) await sleep(10)
      if (++done % options.every === 0) options.seen(await sample(cluster, done))
    }
  }
  await Promise.all(Array.from({ length: options.lanes }, lane))
  abort.abort()
  return performance.now() - at
}

/** Prints each sample; the rows compare the first tenth with the end. */
export async function soakRows(cluster: Cluster, pods: number, say: (text: string) => void): Promise<SoakRow[]> {
  const api = await openApi(cluster.kubeconfig, 16)
  const samples: Sample[] = []
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1)
  const took = await run(api, cluster, {
    pods, lanes: 8, every: Math.max(50, Math.floor(pods / 20)),
    seen: (s) => { samples.push(s); say(`${s.pods} pods: agent ${mb(s.agent)} MB, control plane ${mb(s.controlPlane)} MB, ${s.handles} handles, ${s.mounts} mounts, ${s.namespaces} network namespaces, ${s.cgroups} cgroups, ${mb(s.disk)} MB on disk`) },
  })
  api.close()
  await sleep(2000)
  const [first, last] = [samples[1] ?? samples[0], await sample(cluster, pods)]
  if (!first) throw new Error('no sample')
  const row = (work: string, target: string, here: string): SoakRow => ({ work: `${pods} pods started and stopped: ${work}`, kubernetes: '', target, here })
  return [
    row('time, and pods a second', '20 min', `${(took / 60_000).toFixed(1)} min, ${(1000 * pods / took).toFixed(1)}`),
    row('agent memory after a tenth and at the end, anonymous', 'flat', `${mb(first.agent)} / ${mb(last.agent)} MB`),
    row('control plane memory after a tenth and at the end, anonymous', 'flat', `${mb(first.controlPlane)} / ${mb(last.controlPlane)} MB`),
    row('handles of the agent; mounts; network namespaces; cgroups, each after a tenth and at the end', 'flat', [first.handles, last.handles, first.mounts, last.mounts, first.namespaces, last.namespaces, first.cgroups, last.cgroups].reduce((t, n, i) => t + (i === 0 ? '' : i % 2 ? ' / ' : '; ') + n, '')),
    row('disk of node and engine after a tenth and at the end', 'flat', `${mb(first.disk)} / ${mb(last.disk)} MB`),
  ]
}
