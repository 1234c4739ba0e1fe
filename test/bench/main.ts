/**
 * `npm run bench`: speed and memory of a real one-node cluster beside what Kubernetes and Docker Swarm need for the same work on a machine
 * of this kind. Prints a table; fails nothing. `-- --runtime docker`, `-- --idle-seconds 30`, `-- --only pods,creates`, `-- --only api`,
 * `-- --only million`, `-- --only node`, `-- --only streams`, and, not without being asked for, `-- --only soak --soak-pods 10000`.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle, heapFlags, programs, root, type Program } from '../../scripts/bundle.ts'
import { Cluster } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { apiRows } from './api-rows.ts'
import { millionRows } from './million.ts'
import { nodeRows } from './node-rows.ts'
import { openApi, type Api } from './api.ts'
import { soakRows } from './soak.ts'
import { streamRows } from './stream-rows.ts'
import { costOf } from './process-cost.ts'

interface Row { readonly work: string; readonly kubernetes: string; readonly swarm: string; readonly target: string; readonly here: string }

const { values } = parseArgs({ options: { runtime: { type: 'string', default: 'containerd' }, 'idle-seconds': { type: 'string', default: '180' }, only: { type: 'string', default: 'pods,deployment,idle,creates,node,api,million' }, 'soak-pods': { type: 'string', default: '10000' }, json: { type: 'string' } } })
const only = new Set(values.only.split(','))
const runtime = values.runtime === 'docker' ? 'docker' : 'containerd'
const rows: Row[] = []
const say = (text: string): void => { process.stderr.write(`${text}\n`) }

const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b)
const quantile = (numbers: readonly number[], q: number): number => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * q))] ?? NaN
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0)

interface PodShape { metadata: { name: string; labels?: Record<string, string> }; status?: { conditions?: { type: string; status: string }[] } }
const isReady = (pod: PodShape): boolean => pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
const spec = { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: testImage, command: ['sleep', '1000000'] }] }

async function created(api: Api, path: string, body: unknown): Promise<void> {
  const { status, body: answer } = await api.call('POST', path, body)
  if (status !== 201) throw new Error(`POST ${path}: ${status} ${answer.toString()}`)
}

/** One pod at a time, from the start of its create to the watch event that says Ready. */
async function podToReady(api: Api): Promise<void> {
  const abort = new AbortController()
  const waiting = new Map<string, { ready: () => void; gone: () => void }>()
  await api.watch('/api/v1/namespaces/default/pods?watch=1', ({ type, object }) => {
    const pod = object as unknown as PodShape
    if (type === 'DELETED') waiting.get(pod.metadata.name)?.gone()
    else if (isReady(pod)) waiting.get(pod.metadata.name)?.ready()
  }, abort.signal)
  const times: number[] = []
  for (let i = 0; i < 21; i++) {
    const name = `one-${i}`
    const [ready, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    waiting.set(name, { ready: ready.resolve, gone: gone.resolve })
    const at = performance.now()
    await created(api, '/api/v1/namespaces/default/pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec })
    await ready.promise
    times.push(performance.now() - at)
    await api.call('DELETE', `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`)
    await gone.promise
  }
  abort.abort()
  say(`pod to Ready: ${times.map((t) => t.toFixed(0)).join(' ')} ms`)
  rows.push({ work: `pod created to Ready, image present, p50 (${runtime})`, kubernetes: '1.0 s', swarm: '0.59 s', target: runtime === 'docker' ? '0.7 s' : '0.4 s', here: seconds(quantile(times.slice(1), 0.5)) })
}

async function deployment(api: Api): Promise<void> {
  const abort = new AbortController()
  const ready = new Set<string>()
  const done = Promise.withResolvers<void>()
  await api.watch('/api/v1/namespaces/default/pods?watch=1&labelSelector=app%3Dthirty', ({ object }) => {
    const pod = object as unknown as PodShape
    if (isReady(pod)) ready.add(pod.metadata.name)
    if (ready.size === 30) done.resolve()
  }, abort.signal)
  const at = performance.now()
  const labels = { app: 'thirty' }
  await created(api, '/apis/apps/v1/namespaces/default/deployments', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'thirty' }, spec: { replicas: 30, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } } })
  await done.promise
  abort.abort()
  rows.push({ work: 'Deployment of 30 replicas, applied to all Ready', kubernetes: '23.0 s', swarm: '8.9 s', target: '8 s', here: seconds(performance.now() - at) })
}

/** With the 30 pods of the deployment. */
async function idle(cluster: Cluster): Promise<void> {
  const span = Number(values['idle-seconds'])
  // Status written lazily (30 s) belongs to the work before, not to idling.
  await sleep(45_000)
  const before = await Promise.all([costOf(cluster.controlPlane.pid), costOf(cluster.agent.pid)])
  say(`idle for ${span} s`)
  await sleep(span * 1000)
  const after = await Promise.all([costOf(cluster.controlPlane.pid), costOf(cluster.agent.pid)])
  const cpu = after.map((c, i) => (100 * (c.cpu - (before[i]?.cpu ?? 0))) / span)
  const written = after.reduce((sum, c, i) => sum + c.written - (before[i]?.written ?? 0), 0) * (86_400 / span)
  const [control, agent] = after
  rows.push(
    { work: 'control plane memory, 1 node, 30 pods: anonymous / PSS', kubernetes: '358 / 562 MB', swarm: '', target: '70 / 140 MB', here: `${megabytes(control.anonymous)} / ${megabytes(control.pss)} MB` },
    { work: 'node agent memory, 30 pods: anonymous / PSS (child processes included)', kubernetes: '50 / 140 MB', swarm: '', target: '35 / 100 MB', here: `${megabytes(agent.anonymous)} / ${megabytes(agent.pss)} MB` },
    { work: 'control plane / agent CPU, idle with 30 pods (% of a core)', kubernetes: '8.0 / 4.5', swarm: '', target: '0.5 / 0.5', here: cpu.map((c) => c.toFixed(2)).join(' / ') },
    { work: `bytes written to disk per day, idle, from ${span} s`, kubernetes: '2,800 MB', swarm: '', target: '10 MB', here: `${(written / 1e6).toFixed(1)} MB` },
  )
}

async function creates(cluster: Cluster): Promise<void> {
  const api = await openApi(cluster.kubeconfig, 32)
  const data = { text: 'x'.repeat(700) }
  let next = 0
  const round = async (count: number): Promise<number> => {
    const at = performance.now()
    const end = next + count
    await Promise.all(Array.from({ length: 32 }, async () => {
      while (next < end) await created(api, '/api/v1/namespaces/default/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `load-${next++}` }, data })
    }))
    return (1000 * count) / (performance.now() - at)
  }
  await round(1000)
  const rates = [await round(3000), await round(3000), await round(3000)]
  api.close()
  say(`creates a second: ${rates.map((r) => r.toFixed(0)).join(' ')}`)
  rows.push({ work: 'creates per second, 32 clients, over TLS, durable (client on the same cores)', kubernetes: '497', swarm: '', target: '1,500', here: quantile(rates, 0.5).toFixed(0) })
}

function print(): void {
  const head: Row = { work: 'work', kubernetes: 'Kubernetes', swarm: 'Swarm', target: 'target', here: 'here' }
  const columns = ['work', 'kubernetes', 'swarm', 'target', 'here'] as const
  const width = Object.fromEntries(columns.map((c) => [c, Math.max(...[head, ...rows].map((r) => r[c].length))])) as Record<keyof Row, number>
  const line = (r: Row): string => `| ${columns.map((c) => r[c].padEnd(width[c])).join(' | ')} |`
  console.log([line(head), `| ${columns.map((c) => '-'.repeat(width[c])).join(' | ')} |`, ...rows.map(line)].join('\n'))
}

async function withCluster(): Promise<void> {
  const cluster = await Cluster.start({ runtime, programs: argv })
  try {
    const api = await openApi(cluster.kubeconfig, 4)
    if (only.has('pods')) await podToReady(api)
    if (only.has('deployment') || only.has('idle')) await deployment(api)
    if (only.has('idle')) await idle(cluster)
    api.close()
    if (only.has('creates')) await creates(cluster)
    if (only.has('soak')) rows.push(...(await soakRows(cluster, Number(values['soak-pods']), say)).map((r) => ({ swarm: '', ...r })))
  } finally {
    await cluster.stop()
  }
}

const bundles = join(root, 'dist/bundle')
await mkdir(bundles, { recursive: true })
for (const p of Object.keys(programs) as Program[]) await bundle(p, bundles, 'bench')
const node = process.execPath
const argv = {
  controlPlane: [node, ...heapFlags['bramble-control-plane'], join(bundles, 'bramble-control-plane.cjs'), '--log-level', 'info'],
  nodeAgent: [node, ...heapFlags['bramble-node-agent'], join(bundles, 'bramble-node-agent.cjs')],
}
if (only.has('api')) rows.push(...(await apiRows(argv.controlPlane, say)).map((r) => ({ swarm: '', ...r })))
if (only.has('million')) rows.push(...(await millionRows(argv.controlPlane, say)).map((r) => ({ swarm: '', ...r })))
if (only.has('node')) rows.push(...(await nodeRows({ runtime, programs: argv, idleSeconds: Number(values['idle-seconds']), say })).map((r) => ({ swarm: '', ...r })))
if (only.has('streams')) rows.push(...(await streamRows({ runtime, programs: argv, say })).map((r) => ({ swarm: '', ...r })))
if ([...only].some((o) => !['api', 'million', 'node', 'streams'].includes(o))) await withCluster()
print()
if (values.json) await writeFile(values.json, JSON.stringify(rows, null, 2))
