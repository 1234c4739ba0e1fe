import type { ClientRequest } from 'node:http'
import { Agent, request } from 'node:https'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { refs } from '../../../shared/api/refs.ts'
import type { KeyPair } from '../../../shared/pki/certificates.ts'
import type { FakeCluster } from '../fake-cluster.ts'
import { startFakeCluster } from '../fake-cluster.ts'

let cluster: FakeCluster
let [flood, mine]: KeyPair[] = []

beforeAll(async () => {
  cluster = await startFakeCluster()
  for (const name of ['flood', 'mine']) {
    await cluster.admin.create(refs.ClusterRoleBinding, {
      metadata: { name }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [{ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' }] })
  }
  flood = await cluster.credentials('flood', [])
  mine = await cluster.credentials('mine', [])
  // Long enough a list that a handful of them is felt.
  const data = { text: 'x'.repeat(2000) }
  for (let i = 0; i < 400; i++) await cluster.admin.create(refs.ConfigMap, { metadata: { name: `c${i}`, namespace: 'default' }, data })
}, 30_000)
afterAll(() => cluster.close())

const path = '/api/v1/namespaces/default/configmaps'

function call(agent: Agent, target: string, options: { method?: string; body?: string } = {}): Promise<{ code: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    const req = request(`${cluster.url}${target}`, { agent, method: options.method ?? 'GET', headers: options.body ? { 'content-type': 'application/json' } : {} }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (c: Buffer) => chunks.push(c))
      res.on('end', () => resolve({ code: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks).toString() }))
    })
    req.on('error', reject)
    req.end(options.body)
  })
}

const agentOf = (pair: KeyPair | undefined, sockets: number): Agent => new Agent({ keepAlive: true, maxSockets: sockets, ca: cluster.ca.certPem, cert: pair?.certPem ?? '', key: pair?.keyPem ?? '' })

async function latencies(count: number): Promise<number[]> {
  const agent = agentOf(mine, 1)
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const at = performance.now()
    expect((await call(agent, `${path}/c1`)).code).toBe(200)
    times.push(performance.now() - at)
  }
  agent.destroy()
  return times.sort((a, b) => a - b)
}

it('a client that floods with lists does not keep another from its answers', async () => {
  const agent = agentOf(flood, 100)
  let over = false
  const waits: number[] = []
  const flooding = Array.from({ length: 100 }, async () => {
    // Selective, so that the server works for each and sends little: what waits is its time, not the line.
    while (!over) { const at = performance.now(); await call(agent, `${path}?labelSelector=none%3Dsuch`); waits.push(performance.now() - at) }
  })
  await latencies(5)
  const before = waits.length
  const times = await latencies(30)
  over = true
  await Promise.all(flooding)
  agent.destroy()
  // The flood went on all the while, and 100 of its requests were always waiting.
  const theirs = waits.slice(before).sort((a, b) => a - b)
  expect(theirs.length).toBeGreaterThan(30)
  // It waits for a round of what has arrived, as each request of the flood does, and never behind several of them: whatever the machine's pace.
  expect(times[15]).toBeLessThan(theirs[theirs.length >> 1]! * 1.5)
  expect(times.at(-1)).toBeLessThan(theirs.at(-1)! * 3)
}, 60_000)

it('a client whose bodies never end holds nobody up', async () => {
  const stuck: ClientRequest[] = []
  const agent = agentOf(flood, 300)
  for (let i = 0; i < 250; i++) {
    const req = request(`${cluster.url}${path}`, { agent, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': '10' } })
    // Cut below, on purpose.
    req.on('error', () => undefined).flushHeaders()
    stuck.push(req)
  }
  const other = agentOf(mine, 1)
  const created = await call(other, path, { method: 'POST', body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'through' } }) })
  expect(created.code).toBe(201)
  for (const req of stuck) req.destroy()
  agent.destroy()
  other.destroy()
}, 30_000)

it('says who decided: the schema, the level, and what is refused is told when to come back', async () => {
  const agent = agentOf(mine, 1)
  const answer = await call(agent, `${path}/c1`)
  expect(answer.headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/)
  const admin = await cluster.credentials('admin', ['system:masters'])
  const metrics = await call(agentOf(admin, 1), '/metrics')
  expect(metrics.body).toMatch(/^apiserver_flowcontrol_dispatched_requests_total\{priority_level="global-default",flow_schema="global-default"\} \d+$/m)
  expect(metrics.body).toMatch(/^apiserver_flowcontrol_current_executing_seats\{priority_level="global-default"\} \d+$/m)
  agent.destroy()
})
