/** `--only api`: what the API server does for its clients, a control plane alone over TLS, beside Kubernetes 1.20.2 measured the same way. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startControlPlane } from '../testbed/control-plane.ts'
import { openApi } from './api.ts'
import { LoadConnection, openConnections } from './load-client.ts'
import { costOf } from './process-cost.ts'

export interface ApiRow { readonly work: string; readonly kubernetes: string; readonly target: string; readonly here: string }

const PODS = '/api/v1/namespaces/default/pods'
const MAPS = '/api/v1/namespaces/default/configmaps'

/** A pod as a Deployment makes it, that no scheduler of ours takes. */
const pod = (name: string, i: number): string => JSON.stringify({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: `app-${i % 10}`, tier: 'bench' } },
  spec: {
    schedulerName: 'none', containers: [{
      name: 'main', image: 'registry.example.com/app:1.0', ports: [{ containerPort: 8080 }], env: [{ name: 'A', value: 'b' }],
      resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } }, readinessProbe: { httpGet: { path: '/', port: 8080 } },
    }],
  },
})
const configMap = (name: string): string => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(700) } })

/** `each` for `count` requests over these connections, kept busy; requests a second. */
async function rate(connections: readonly LoadConnection[], count: number, each: (c: LoadConnection, i: number) => Promise<{ status: number }>): Promise<number> {
  let next = 0
  const at = performance.now()
  await Promise.all(connections.map(async (connection) => {
    while (next < count) {
      const { status } = await each(connection, next++)
      if (status >= 300) throw new Error(`status ${status}`)
    }
  }))
  return (1000 * count) / (performance.now() - at)
}

/** The middle of three rounds after one to warm up. */
async function median(round: (n: number) => Promise<number>): Promise<number> {
  await round(0)
  const rates = [await round(1), await round(2), await round(3)].sort((a, b) => a - b)
  return rates[1] ?? 0
}

async function watchers(kubeconfig: string, one: LoadConnection): Promise<number> {
  const api = await openApi(kubeconfig, 60)
  const abort = new AbortController()
  const sent = new Map<string, number>()
  const delays: number[] = []
  const watching = 50
  const updates = 200
  const done = Promise.withResolvers<void>()
  await Promise.all(Array.from({ length: watching }, () => api.watch(`${MAPS}?watch=1&fieldSelector=metadata.name%3Dwatched&resourceVersion=0`, ({ type, object }) => {
    const n = (object as { data?: { n?: string } }).data?.n
    if (type !== 'MODIFIED' || n === undefined) return
    delays.push(performance.now() - (sent.get(n) ?? 0))
    if (delays.length === watching * updates) done.resolve()
  }, abort.signal)))
  for (let i = 0; i < updates; i++) {
    sent.set(String(i), performance.now())
    await one.call('PATCH', `${MAPS}/watched`, { type: 'application/merge-patch+json', body: JSON.stringify({ data: { n: String(i) } }) })
    await sleep(10)
  }
  await done.promise
  abort.abort()
  api.close()
  delays.sort((a, b) => a - b)
  return delays[Math.floor(delays.length * 0.99)] ?? NaN
}

/** Starts a control plane of these programs, measures, ends it. `say` is told each figure as it comes. */
export async function apiRows(argv: readonly string[], say: (text: string) => void): Promise<ApiRow[]> {
  const rows: ApiRow[] = []
  const row = (work: string, kubernetes: string, target: string, here: string): void => { rows.push({ work, kubernetes, target, here }); say(`${work}: ${here} (target ${target})`) }
  const server = await startControlPlane({ argv })
  try {
    const many = await openConnections(server.kubeconfig, 32)
    const [one] = many as [LoadConnection]
    const four = many.slice(0, 4)
    let made = 0
    const map = (c: LoadConnection): Promise<{ status: number }> => c.call('POST', MAPS, { body: configMap(`m${made++}`) })
    row('create ConfigMap of 0.8 kB, 1 client (a second)', '100', '300', (await median(() => rate([one], 500, map))).toFixed(0))
    row('create ConfigMap of 0.8 kB, 32 clients', '497', '1,500', (await median(() => rate(many, 3000, map))).toFixed(0))
    let pods = 0
    const makePod = (c: LoadConnection): Promise<{ status: number }> => { const i = pods++; return c.call('POST', PODS, { body: pod(`p${i}`, i) }) }
    row('create pod, 32 clients', '365', '1,200', (await rate(many, 250, makePod), await rate(many, 750, makePod)).toFixed(0))
    row('get pod, 32 clients', '1,292', '5,000', (await median(() => rate(many, 10_000, (c, i) => c.call('GET', `${PODS}/p${i % 1000}`)))).toFixed(0))
    row('list 1,000 pods, 4 clients', '20', '80', (await median(() => rate(four, 100, (c) => c.call('GET', PODS)))).toFixed(0))
    row('list 100 of 1,000 pods by label, 4 clients', '34', '300', (await median(() => rate(four, 300, (c, i) => c.call('GET', `${PODS}?labelSelector=app%3Dapp-${i % 10}`)))).toFixed(0))
    const patch = (path: string, body: (i: number) => object) => (n: number) => rate(many, 3000, (c, i) =>
      c.call('PATCH', `${PODS}/p${i % 1000}${path}`, { type: 'application/merge-patch+json', body: JSON.stringify(body(i + 10_000 * n)) }))
    row('merge patch of a pod, 32 clients', '370', '1,200', (await median(patch('', (i) => ({ metadata: { annotations: { n: String(i) } } })))).toFixed(0))
    row('status patch of a pod, 32 clients', '370', '1,200', (await median(patch('/status', (i) => ({ status: { message: String(i) } })))).toFixed(0))
    await one.call('POST', MAPS, { body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'watched' }, data: {} }) })
    row('50 watchers x 200 updates, write to event, p99', '25 ms', '10 ms', `${(await watchers(server.kubeconfig, one)).toFixed(1)} ms`)
    await rate(many, 9000, makePod)
    for (const c of many) c.close()
    await sleep(45_000)
    row('anonymous memory with 10,000 pods stored, idle', '', '250 MB', `${((await costOf(server.pid)).anonymous / 1e6).toFixed(0)} MB`)
  } finally {
    await server.stop()
  }
  return rows
}
