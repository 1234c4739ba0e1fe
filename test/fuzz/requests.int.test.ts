/**
 * A control plane under malformed requests: it answers each with what is wrong, never with 500, does not end and does not grow.
 * The same requests each time, their order over the connections aside; `BRAMBLE_FUZZ_SEED=new` looks for what they miss and says the seed that
 * repeats it, `BRAMBLE_FUZZ_COUNT` makes it longer.
 */
import { readFile } from 'node:fs/promises'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ignore } from '../../shared/base/ignore.ts'
import { defaultWindow } from '../../control-plane/store/window.ts'
import { openConnections } from '../bench/load-client.ts'
import type { LoadConnection } from '../bench/load-client.ts'
import { costOf } from '../bench/process-cost.ts'
import { startControlPlane } from '../testbed/control-plane.ts'
import type { LoneControlPlane } from '../testbed/control-plane.ts'
import { eventually } from '../testbed/cluster.ts'
import { malformed, malformedBytes } from './malformed.ts'
import { served, widgetDefinition } from './manifests.ts'
import { seeded } from './random.ts'
import type { Random } from './random.ts'

const seed = process.env.BRAMBLE_FUZZ_SEED === 'new' ? Date.now() % 2 ** 31 : Number(process.env.BRAMBLE_FUZZ_SEED ?? 20_261_124)
const count = Number(process.env.BRAMBLE_FUZZ_COUNT ?? 100_000)
const connections = 16
/** What is no answer to a client's mistake. 501 and 505 are Node's to a method or version it does not know. */
const ours = new Set([500, 502])
/** What it may hold more once warm: what watches may ask for again, up to the limit of that, and what the engine learns of the code. */
const breath = defaultWindow.maxBytes + 8e6

let server: LoneControlPlane
beforeAll(async () => {
  server = await startControlPlane({ counting: true })
  const [admin] = await openConnections(server.kubeconfig, 1)
  // Endpoints come with their Services, and events are the same objects in two groups.
  const post = async (path: string, object: object): Promise<void> => {
    const answer = await admin?.call('POST', path, { body: JSON.stringify(object), keep: true })
    expect([201, 409], String(answer?.body)).toContain(answer?.status)
  }
  await post('/api/v1/namespaces', { metadata: { name: 'fuzz' } })
  await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgetDefinition)
  await eventually('widgets served', async () => (await admin?.call('GET', '/apis/fuzz.example.com/v1/namespaces/fuzz/widgets'))?.status === 200)
  // Something to update, to patch and to delete. A webhook that cannot be reached would refuse what follows; a request to sign is signed by its sender.
  for (const { base, resource, namespaced, object } of served.filter((s) => !/reviews$|webhook|signing|definitions$|namespaces$|apiservices$/.test(s.resource))) {
    for (const name of namespaced ? ['a', 'b', 'c', 'd'] : ['a', 'b']) await post(`${base}${namespaced ? '/namespaces/fuzz' : ''}/${resource}`, { ...object, metadata: { name } })
  }
  admin?.close()
})
afterAll(() => server.stop())

/** `count` requests over connections that are opened again when the server closes them; calls `bad` with what must not be. */
async function run(random: Random, requests: number, statuses: Map<number, number>, bad: (text: string) => void): Promise<void> {
  let left = requests
  await Promise.all(Array.from({ length: connections }, async () => {
    let connection: LoadConnection | undefined
    while (left-- > 0) {
      if (!connection || connection.ended) [connection] = await openConnections(server.kubeconfig, 1)
      const { method, path, call } = malformed(random)
      const answer = await ignore(connection?.call(method, path, call) ?? Promise.reject(new Error('no connection')), 'the server may close a connection it cannot read further')
      if (!answer) { connection?.close(); connection = undefined }
      statuses.set(answer?.status ?? 0, (statuses.get(answer?.status ?? 0) ?? 0) + 1)
      if (answer && ours.has(answer.status)) bad(`${answer.status} to ${method} ${path}\n${call.headers}${call.type}\n${String(call.body).slice(0, 2000)}\n${String(answer.body).slice(0, 1000)}`)
    }
    connection?.close()
  }))
}

test(`${count} malformed requests: no 500, no crash, no growth (seed ${seed})`, async () => {
  const random = seeded(seed)
  const statuses = new Map<number, number>()
  const wrong: string[] = []
  const bad = (text: string): void => { if (wrong.length < 20) wrong.push(text) }
  const warm = Math.floor(count * 0.4)
  await run(random, warm, statuses, bad)
  const before = await server.held()
  await run(random, count - warm, statuses, bad)
  const after = await server.held()
  console.log(`statuses ${JSON.stringify(Object.fromEntries([...statuses].sort(([a], [b]) => a - b)))}; anonymous ${((await costOf(server.pid)).anonymous / 1e6).toFixed(1)} MB, held ${(before / 1e6).toFixed(1)} -> ${(after / 1e6).toFixed(1)} MB`)
  expect(wrong).toEqual([])
  expect(server.alive).toBe(true)
  // The connection is lost only where the head is refused; most were answered, and many kinds of answer were met.
  expect(statuses.get(0) ?? 0).toBeLessThan(count / 20)
  for (const status of [200, 400, 404, 405, 406, 409, 415, 422]) expect(statuses.get(status), String(status)).toBeGreaterThan(0)
  expect(after - before, `from ${before} to ${after} bytes`).toBeLessThan(breath)
}, 300_000)

test(`bytes that are no request are answered with 400 or a closed connection (seed ${seed})`, async () => {
  const random = seeded(seed)
  const { clusters: [cluster] } = JSON.parse(await readFile(server.kubeconfig, 'utf8')) as { clusters: { cluster: Record<string, string> }[] }
  const url = new URL(cluster?.cluster.server ?? '')
  const ca = Buffer.from(cluster?.cluster['certificate-authority-data'] ?? '', 'base64')
  const send = (bytes: Buffer): Promise<string> => new Promise((resolve) => {
    let answer = ''
    const socket = connect({ host: url.hostname, port: Number(url.port), ca }, () => socket.end(bytes))
    socket.setEncoding('latin1').on('data', (s: string) => { answer += s }).on('error', () => undefined).on('close', () => resolve(answer))
  })
  for (let i = 0; i < 40; i++) {
    const sent = Array.from({ length: 10 }, () => malformedBytes(random))
    const answers = await Promise.all(sent.map(send))
    for (const [n, answer] of answers.entries()) expect(answer.slice(0, 12), `to ${sent[n]?.toString('latin1').slice(0, 200)}`).toMatch(/^$|^HTTP\/1\.1 (1|2|3|4|501|505)/)
  }
  expect(server.alive).toBe(true)
}, 120_000)

test('it serves as before', async () => {
  const [admin] = await openConnections(server.kubeconfig, 1)
  const path = '/api/v1/namespaces/default/configmaps'
  expect((await admin?.call('POST', path, { body: JSON.stringify({ metadata: { name: 'after' }, data: { a: 'b' } }) }))?.status).toBe(201)
  expect(JSON.parse(String((await admin?.call('GET', `${path}/after`, { keep: true }))?.body))).toMatchObject({ kind: 'ConfigMap', data: { a: 'b' } })
  expect((await admin?.call('GET', '/readyz'))?.status).toBe(200)
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  admin?.close()
})
