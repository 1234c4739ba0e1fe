/** What the server says of itself and of its requests: health, metrics, the audit log; and options of lists and watches over HTTPS. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { connect } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refs } from '../../shared/api/refs.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import { RotatingFile } from '../../shared/host/rotating-file.ts'
import { policyFaults } from './audit/rules.ts'
import type { FakeCluster } from './fake-cluster.ts'
import { startFakeCluster } from './fake-cluster.ts'
import { loadProtobufEncoder } from './schema/protobuf-encode.ts'

let cluster: FakeCluster
let agent: Agent
const lines: string[] = []
const rule = (level: 'None' | 'Metadata' | 'RequestResponse', resource: string) => ({ level, resources: [{ group: '', resources: [resource] }] })

beforeAll(async () => {
  const policy = { omitStages: ['RequestReceived' as const], rules: [rule('RequestResponse', 'configmaps'), rule('Metadata', 'secrets')] }
  cluster = await startFakeCluster({ deps: { audit: { policy, sink: { write: (line) => { lines.push(line); return true }, close: async () => undefined } } } })
  const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
  agent = new Agent({ ca: cluster.ca.certPem, cert: certPem, key: keyPem, keepAlive: true })
  for (const name of ['a', 'b', 'c']) await cluster.admin.create(refs.ConfigMap, { metadata: { name, namespace: 'default' } })
})
afterAll(async () => { agent.destroy(); await cluster.close() })

interface Answer { code: number; text: string; headers: Record<string, unknown> }
const get = (path: string, options: { headers?: Record<string, string>; agent?: Agent } = {}): Promise<Answer> => new Promise((resolve, reject) => {
  request(`${cluster.url}${path}`, { agent: options.agent ?? agent, headers: options.headers ?? {} }, (res) => {
    const chunks: Buffer[] = []
    res.on('data', (c: Buffer) => chunks.push(c))
    res.on('end', () => resolve({ code: res.statusCode ?? 0, text: Buffer.concat(chunks).toString(), headers: res.headers }))
  }).on('error', reject).end()
})
const MAPS = '/api/v1/namespaces/default/configmaps'
const status = async (query: string): Promise<unknown> => {
  const { code, text } = await get(`${MAPS}?${query}`)
  return [code, (JSON.parse(text.split('\n')[0] ?? '') as { message?: string }).message]
}

describe('a body that is refused', () => {
  /** Sends a request's head and as much of the body as `sends` says; resolves with what came back once an answer is whole, or the connection is closed. */
  async function raw(head: string, sends: readonly Buffer[], next = ''): Promise<string> {
    const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
    const { port } = new URL(cluster.url)
    const socket = connect({ host: '127.0.0.1', port: Number(port), ca: cluster.ca.certPem, cert: certPem, key: keyPem })
    let text = ''
    const answers = (): number => text.match(/^HTTP\/1\.1 (?!100)/gm)?.length ?? 0
    const closed = new Promise<void>((resolve, reject) => { socket.once('close', () => resolve()).once('error', reject) })
    const answered = new Promise<void>((resolve) => { socket.on('data', (d: Buffer) => { text += d.toString(); if (answers() === 1 && next !== '') { socket.write(next); next = '' } else if (answers() === 2) resolve() }) })
    socket.write(head)
    for (const part of sends) socket.write(part)
    await Promise.race([answered, closed])
    socket.destroy()
    return text
  }
  const post = (length: number): string => `POST ${MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`
  const megabytes = (count: number): Buffer[] => Array.from({ length: count }, () => Buffer.alloc(1 << 20, 'x'))

  it('for its size is taken to its end, so that the answer is read and the connection serves the next request', async () => {
    const text = await raw(post(8 << 20), megabytes(8), `GET /livez HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 413 [^]*"reason":"RequestEntityTooLarge"[^]*HTTP\/1\.1 200 OK\r\n[^]*ok$/)
    expect(text.toLowerCase()).not.toContain('connection: close')
  })
  it('and never ends has the connection closed, after the answer', async () => {
    const text = await raw(post(8 << 20), megabytes(1))
    expect(text).toMatch(/^HTTP\/1\.1 413 [^]*"reason":"RequestEntityTooLarge"/)
    expect(text.toLowerCase()).toContain('connection: close')
  })
})

describe('health', () => {
  it('is whole, verbose, without some, or one check', async () => {
    expect(await get('/readyz')).toMatchObject({ code: 200, text: 'ok' })
    expect((await get('/livez?verbose')).text).toMatch(/^\[\+\]ping ok\n\[\+\]log ok\n\[\+\]etcd ok\n[^]*\nlivez check passed\n$/)
    expect((await get('/readyz?verbose&exclude=etcd&exclude=none')).text).toContain('[+]etcd excluded: ok\n')
    expect((await get('/readyz?verbose&exclude=none')).text).toContain('warn: some health checks cannot be excluded: no matches for "none"\n')
    expect(await get('/readyz/poststarthook/rbac/bootstrap-roles')).toMatchObject({ code: 200, text: 'ok' })
    expect((await get('/readyz/none')).code).toBe(404)
    expect((await get('/livez/shutdown')).code).toBe(404)
  })
})

describe('metrics', () => {
  it('count requests under upstream\'s names, for who may read them', async () => {
    const { text, headers } = await get('/metrics')
    expect(headers['content-type']).toContain('version=0.0.4')
    expect(text).toMatch(/^apiserver_request_total\{verb="POST",group="",version="v1",resource="configmaps",subresource="",scope="namespace",dry_run="",component="apiserver",code="201"\} 3$/m)
    expect(text).toMatch(/^apiserver_storage_objects\{resource="configmaps"\} \d+$/m)
    const anonymous = new Agent({ ca: cluster.ca.certPem })
    expect((await get('/metrics', { agent: anonymous })).code).toBe(403)
  })
})

describe('lists and watches', () => {
  it.each([
    ['resourceVersionMatch=Exact', 422, 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided'],
    ['sendInitialEvents=true', 422, 'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list'],
    ['watch=1&resourceVersionMatch=NotOlderThan', 422, 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'],
    ['resourceVersion=x', 400, 'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'],
    ['fieldSelector=spec.x%3D1', 400, '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"'],
    ['labelSelector=a%3Db%3Dc', 400, 'found \'=\', expected: \',\' or \'end of string\''],
    ['labelSelector=a%20b', 400, 'unable to parse requirement: found \'b\', expected: in, notin, =, ==, !=, gt, lt'],
    ['timeout=5', 400, 'invalid timeout specified in the request URL - time: missing unit in duration "5"'],
  ])('%s: %d', async (query, code, message) => { expect(await status(query)).toEqual([code, message]) })

  it('a state that is not there yet is a 504 that says when to come back', async () => {
    const { code, text, headers } = await get(`${MAPS}?resourceVersion=99999999&resourceVersionMatch=NotOlderThan`)
    expect(JSON.parse(text)).toMatchObject({ reason: 'Timeout', message: expect.stringMatching(/^Timeout: Too large resource version: 99999999, current: \d+$/) as string, details: { retryAfterSeconds: 1 } })
    expect([code, headers['retry-after']]).toEqual([504, '1'])
    expect((await get(`${MAPS}/a?resourceVersion=99999999`)).code).toBe(504)
  })

  it('a streamed list ends with its bookmark, as objects and as a table', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1'
    const events = (await get(`${MAPS}?${query}`)).text.trim().split('\n').map((l) => JSON.parse(l) as { type: string; object: { metadata: { annotations?: object } } })
    expect(events.slice(0, 4).map((e) => e.type)).toEqual(['ADDED', 'ADDED', 'ADDED', 'BOOKMARK'])
    expect(events[3]?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
    const rows = (await get(`${MAPS}?${query}`, { headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } })).text.trim().split('\n').map((l) => JSON.parse(l) as { type: string; object: { kind: string; columnDefinitions: unknown[] | null } })
    expect(rows.slice(0, 4).map((e) => [e.type, e.object.kind, e.object.columnDefinitions !== null])).toEqual([['ADDED', 'Table', true], ['ADDED', 'Table', false], ['ADDED', 'Table', false], ['BOOKMARK', 'Table', false]])
  })

  it('a watch from before what is kept says so inside the stream', async () => {
    await cluster.store.compact(cluster.store.revision)
    const late = await get(`${MAPS}?watch=1&resourceVersion=2`)
    expect([late.code, JSON.parse(late.text)]).toMatchObject([200, { type: 'ERROR', object: { code: 410, reason: 'Expired' } }])
  })
})

describe('audit', () => {
  it('writes what the policy says and no more, under the client\'s id', async () => {
    lines.length = 0
    await get(`${MAPS}/a`, { headers: { 'audit-id': 'mine' } })
    await cluster.admin.create(refs.Secret, { metadata: { name: 's', namespace: 'default' }, stringData: { password: 'hunter2' } })
    await get('/api/v1/nodes')
    const events = lines.map((l) => JSON.parse(l) as Record<string, unknown>)
    expect(events).toMatchObject([
      { auditID: 'mine', level: 'RequestResponse', stage: 'ResponseComplete', verb: 'get', user: { username: 'admin' }, objectRef: { resource: 'configmaps', namespace: 'default', name: 'a' }, responseStatus: { code: 200 }, responseObject: { kind: 'ConfigMap' } },
      { level: 'Metadata', verb: 'create', objectRef: { resource: 'secrets' }, responseStatus: { code: 201 } },
    ])
    expect(lines.join('')).not.toContain('hunter2')
  })

  it('reads protobuf both ways', async () => {
    const body = (await loadProtobufEncoder()).encode({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'proto' }, data: { k: 'v' } })
    lines.length = 0
    const { promise, resolve } = Promise.withResolvers<void>()
    const type = 'application/vnd.kubernetes.protobuf'
    request(`${cluster.url}${MAPS}`, { agent, method: 'POST', headers: { 'Content-Type': type, Accept: type, 'Content-Length': body.length } }, (res) => { res.resume().on('end', resolve) }).end(body)
    await promise
    expect(lines.map((l) => JSON.parse(l) as object)).toMatchObject([{ responseStatus: { code: 201 }, requestObject: { kind: 'ConfigMap', metadata: { name: 'proto' }, data: { k: 'v' } }, responseObject: { kind: 'ConfigMap', metadata: { name: 'proto', uid: expect.any(String) as string }, data: { k: 'v' } } }])
  })

  it('refuses a policy by what is wrong in it', () => {
    expect(policyFaults({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Some', user: 'x' }] })).toEqual([
      'rules[0]: unknown field "user"', 'rules[0]: level: Unsupported value: "Some": supported values: "None", "Metadata", "Request", "RequestResponse"'])
    expect(policyFaults({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [] })).toEqual(['loaded illegal policy with 0 rules'])
  })

  it('turns its file over and keeps so many', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'audit-'))
    let now = Date.UTC(2026, 0, 1)
    const options = { path: join(dir, 'audit.log'), maxBytes: 10, maxBackups: 2, log: silentLog, clock: { ...systemClock, now: () => (now += 1000) } }
    for (let i = 0; i < 5; i++) {
      const file = new RotatingFile(options)
      await file.open()
      expect(file.write(`line ${i}..\n`)).toBe(true)
      await file.close()
    }
    expect((await readdir(dir)).length).toBe(3)
    expect(await readFile(options.path, 'utf8')).toBe('line 4..\n')
    await rm(dir, { recursive: true })
  })
})
