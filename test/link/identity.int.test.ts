import { createServer, type Server } from 'node:https'
import { connect as connectTcp, type AddressInfo } from 'node:net'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../shared/host/exec.ts'
import { caHash, certificateInfo } from '../../shared/pki/certificate-info.ts'
import { createCa, readCsr, signCsr, type KeyPair } from '../../shared/pki/certificates.ts'
import { formatJoinToken } from '../../shared/pki/join-token.ts'
import { judgeServer } from '../../node-agent/link/clock-guard.ts'
import { loadCredentials, saveCredentials } from '../../node-agent/link/credentials.ts'
import { EnrolError, enrol, obtainCertificate } from '../../node-agent/link/enrol.ts'
import { dialTls } from '../../node-agent/link/tls-connection.ts'
import { hour, until, World } from './harness.ts'

let world: World
let certs: Record<'n1' | 'n2' | 'admin' | 'user' | 'foreign', { args: string[]; pair: KeyPair }>

beforeAll(async () => {
  world = await World.create()
  const foreignCa = await createCa({ commonName: 'other' }, { now: Date.now(), ttl: hour })
  const files = async (name: string, pair: KeyPair) => {
    const at = (f: string) => join(world.folder, `${name}.${f}`)
    await Promise.all([writeFile(at('crt'), pair.certPem), writeFile(at('key'), pair.keyPem), writeFile(join(world.folder, 'ca.crt'), world.ca.certPem)])
    return { pair, args: ['-h', '127.0.0.1', '-p', String(world.broker.port), '--cafile', join(world.folder, 'ca.crt'), '--cert', at('crt'), '--key', at('key')] }
  }
  const node = (n: string) => ({ commonName: `system:node:${n}`, organizations: ['system:nodes'] })
  certs = {
    n1: await files('n1', await world.issue(node('n1'))), n2: await files('n2', await world.issue(node('n2'))),
    admin: await files('admin', await world.issue({ commonName: 'kubernetes-admin', organizations: ['system:masters'] })),
    user: await files('user', await world.issue({ commonName: 'jane' })),
    foreign: await files('foreign', await world.issue(node('n1'), foreignCa)),
  }
})
afterAll(async () => { await world.close() })

const publish = (who: keyof typeof certs, id: string, topic: string, ...more: string[]) => run(['mosquitto_pub', ...certs[who].args, '-i', id, '-t', topic, '-m', '{}', '-q', '1', ...more])
const subscribe = (who: keyof typeof certs, id: string, topic: string, ...more: string[]) => run(['mosquitto_sub', ...certs[who].args, '-i', id, '-t', topic, '-C', '1', '-W', '20', ...more])
const logged = (text: string): boolean => world.lines.all.some((l) => l.includes(text))

describe('a foreign client (mosquitto) at the broker', () => {
  test('may use its own topics', async () => {
    expect((await publish('n1', 'node:n1', 'bramble/v1/nodes/n1/up')).exitCode).toBe(0)
    await until(() => logged('up.type: want hello'), 'refused by name for its content')
  })

  test.each([
    ['n2', 'node:n2', 'bramble/v1/nodes/n1/up'], ['n2', 'node:n2', 'bramble/v1/nodes/n1/online'], ['n2', 'node:n2', 'bramble/v1/nodes/n2/down'],
    ['n2', 'node:n2', 'bramble/v1/nodes/n2/up/x'], ['admin', 'me', 'bramble/v1/nodes/n1/down'],
  ] as const)('%s may not publish on %s %s', async (who, id, topic) => {
    let reached = false
    await using _ = await world.broker.subscribe(topic, () => { reached = true })
    // Cut off while waiting for the PUBACK of a second message: the first alone may be acknowledged on paper [MQTT-3.3.5-2].
    await publish(who, id, topic)
    await until(() => logged(`publish to ${topic} refused`), 'log line')
    expect(reached).toBe(false)
  })

  test('a retained message on `up`, and a will on the topic of another node', async () => {
    await publish('n1', 'node:n1', 'bramble/v1/nodes/n1/up', '-r')
    await until(() => logged('messages on up are not retained'), 'log line')
    const will = await publish('n1', 'node:n1', 'bramble/v1/nodes/n1/up', '--will-topic', 'bramble/v1/nodes/n2/online', '--will-payload', 'x')
    expect(will.exitCode).not.toBe(0)
  })

  test.each([
    ['n2', 'node:n2', 'bramble/v1/nodes/n1/down'], ['n2', 'node:n2', 'bramble/v1/nodes/+/down'], ['n2', 'node:n2', 'bramble/v1/#'], ['n2', 'node:n2', '#'], ['admin', 'me', '#'], ['admin', 'me', '$SYS/#'],
  ] as const)('%s may not subscribe %s %s', async (who, id, topic) => {
    const result = await subscribe(who, id, topic)
    expect(result.stderr.toString()).toMatch(/subscription requests were denied/)
    expect(result.stdout).toHaveLength(0)
    expect(logged(`subscribe to ${topic} refused`)).toBe(true)
  })

  test('an administrator sees everything, retained state first', async () => {
    await publish('n1', 'node:n1', 'bramble/v1/nodes/n1/online', '-r')
    const result = await subscribe('admin', 'watcher', 'bramble/v1/#', '-v')
    expect(result.stdout.toString()).toBe('bramble/v1/nodes/n1/online {}\n')
  })

  test('is refused: other client ids, strangers, a foreign CA, no certificate, kept sessions', async () => {
    const refused = async (result: Promise<{ exitCode: number; stderr: Buffer }>) => { const r = await result; expect(r.exitCode).not.toBe(0); return r.stderr.toString() }
    expect(await refused(publish('n2', 'node:n1', 'bramble/v1/nodes/n2/up'))).toMatch(/not authori[sz]ed/i)
    expect(await refused(publish('admin', 'node:n1', 'bramble/v1/x'))).toMatch(/not authori[sz]ed/i)
    expect(await refused(publish('user', 'jane', 'bramble/v1/x'))).toMatch(/not authori[sz]ed/i)
    expect(await refused(subscribe('admin', 'keeper', 'bramble/v1/#', '-c'))).toMatch(/not authori[sz]ed/i)
    await refused(publish('foreign', 'node:n1', 'bramble/v1/nodes/n1/up'))
    await until(() => world.lines.all.some((l) => l.startsWith('warn connection refused') && l.includes('error=')), 'TLS refusal logged')
    await refused(run(['mosquitto_pub', '-h', '127.0.0.1', '-p', String(world.broker.port), '--cafile', join(world.folder, 'ca.crt'), '-t', 'x', '-m', 'x']))
  })

  test('a packet too large is cut off before it is gathered', async () => {
    await writeFile(join(world.folder, 'large'), Buffer.alloc(1 << 20, 0x20))
    await run(['mosquitto_pub', ...certs.n1.args, '-i', 'node:n1', '-t', 'bramble/v1/nodes/n1/up', '-f', join(world.folder, 'large')])
    await until(() => logged('connection cut: packet too large'), 'cut')
  })

  test('nobody talks plain TCP', async () => {
    const socket = connectTcp(world.broker.port, '127.0.0.1')
    socket.write(Buffer.from('100c00044d5154540402003c0000', 'hex'))
    await new Promise((resolve) => { socket.on('close', resolve); socket.on('error', () => {}) })
  })
})

describe('joining', () => {
  let server: Server
  let url: string
  let served: string
  const secret = { id: 'abcdef', secret: '0123456789abcdef' }
  const requests: { auth: string | undefined; peer: string | undefined; body: { spec: Record<string, unknown> } }[] = []
  let deny = false

  beforeAll(async () => {
    served = world.ca.certPem
    const stored = new Map<string, unknown>()
    server = createServer({ key: world.server.keyPem, cert: world.server.certPem, ca: world.ca.certPem, requestCert: true, rejectUnauthorized: false }, (req, res) => {
      const answer = (code: number, body: unknown): void => { res.writeHead(code, { 'content-type': 'application/json' }); res.end(JSON.stringify(body)) }
      if (req.url === '/cacerts') { res.end(served); return }
      const peer = (req.socket as unknown as { getPeerCertificate(): { subject?: { CN?: string } } }).getPeerCertificate().subject?.CN
      if (req.headers.authorization !== `Bearer ${secret.id}.${secret.secret}` && peer === undefined) { answer(401, { kind: 'Status', status: 'Failure', reason: 'Unauthorized', message: 'Unauthorized', code: 401 }); return }
      if (req.method === 'GET') { answer(200, stored.get(req.url?.split('/').at(-1) ?? '')); return }
      let text = ''
      req.on('data', (c) => { text += String(c) })
      req.on('end', () => void (async () => {
        const body = JSON.parse(text) as { spec: { request: string } }
        requests.push({ auth: req.headers.authorization, peer, body: body as never })
        const csr = { ...body, metadata: { name: `node-csr-${requests.length}` } }
        const pem = Buffer.from(body.spec.request, 'base64').toString()
        expect(await readCsr(pem)).toMatchObject({ organizations: ['system:nodes'] })
        stored.set(csr.metadata.name, { ...csr, status: deny ? { conditions: [{ type: 'Denied', status: 'True', message: 'not today' }] } : { certificate: Buffer.from(await signCsr(world.ca, pem, { now: Date.now(), ttl: hour, usages: ['client'] })).toString('base64') } })
        answer(201, csr)
      })())
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => { await new Promise((resolve) => { server.close(resolve); server.closeAllConnections() }) })

  const token = (hash = caHash(world.ca.certPem), s = secret) => formatJoinToken({ ...s, caHash: hash })
  const join1 = (joinToken: string, serverUrl = url) => enrol({ host: world.host, serverUrl, nodeName: 'pi-7', joinToken, signal: AbortSignal.timeout(10_000) })

  test('a good token gives a certificate that the broker takes; the key is kept private', async () => {
    const credentials = await join1(token())
    expect(certificateInfo(credentials.certPem)).toMatchObject({ commonName: 'system:node:pi-7', organizations: ['system:nodes'] })
    expect(requests.at(-1)?.body.spec).toMatchObject({ signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'] })
    const folder = join(world.folder, 'pi-7')
    await saveCredentials(folder, credentials)
    expect((await stat(join(folder, 'node.pem'))).mode & 0o777).toBe(0o600)
    expect(await loadCredentials(folder)).toEqual({ ...credentials, certPem: credentials.certPem, keyPem: credentials.keyPem })
    const socket = await dialTls({ host: '127.0.0.1', port: world.broker.port, ca: credentials.caPem, identity: credentials, clock: world.host.clock })
    expect(socket.authorized).toBe(true)
    socket.destroy()
    // The next certificate is asked for with this one, without a token.
    const next = await obtainCertificate({ host: world.host, nodeName: 'pi-7', signal: AbortSignal.timeout(5000) }, { serverUrl: url, ca: credentials.caPem, identity: credentials, clock: world.host.clock })
    expect(requests.at(-1)).toMatchObject({ auth: undefined, peer: 'system:node:pi-7' })
    expect(next.keyPem).not.toBe(credentials.keyPem)
  })

  test('bad tokens, another cluster, a denied request: refused at once, with the reason, never with the secret', async () => {
    const wrong = { id: 'abcdef', secret: 'ffffffffffffffff' }
    for (const [attempt, why] of [
      ['nonsense', /not of the form/], [token('0'.repeat(64)), /not the cluster of this token/], [token(undefined, wrong), /unknown or has expired/],
    ] as const) await expect(join1(attempt)).rejects.toThrow(why)
    await expect(join1(token(undefined, wrong))).rejects.toSatisfy((e) => e instanceof EnrolError && !e.message.includes(wrong.secret))
    served = 'hello'
    await expect(join1(token())).rejects.toThrow(/not a certificate/)
    // The server shows the right CA and is not certified by it.
    const other = await createCa({ commonName: 'other' }, { now: Date.now(), ttl: hour })
    served = other.certPem
    await expect(join1(token(caHash(other.certPem)))).rejects.toThrow(/is not the control plane of this cluster/)
    served = world.ca.certPem
    deny = true
    await expect(join1(token())).rejects.toThrow(/denied: not today/)
    deny = false
    await mkdir(join(world.folder, 'torn'), { recursive: true })
    await writeFile(join(world.folder, 'torn', 'ca.crt'), world.ca.certPem)
    await writeFile(join(world.folder, 'torn', 'node.pem'), (await readFile(join(world.folder, 'n1.crt'))).subarray(0, 100))
    await expect(loadCredentials(join(world.folder, 'torn'))).rejects.toThrow(/remove it to join again/)
  })
})

describe('a clock that is behind', () => {
  test('takes what only the date speaks against, and nothing else', async () => {
    const der = Buffer.from(world.server.certPem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
    const peer = { subject: { CN: 'server' }, subjectaltname: 'IP Address:127.0.0.1, DNS:localhost' } as never
    const past = Date.UTC(1970, 0, 2)
    const judge = (over: Partial<Parameters<typeof judgeServer>[0]>, now: number, ca = world.ca.certPem) => judgeServer({ problem: 'CERT_NOT_YET_VALID', der, peer, host: '127.0.0.1', ...over }, ca, now)
    const other = await createCa({ commonName: 'test' }, { now: Date.now(), ttl: hour })
    expect(judge({}, past)).toEqual({ accept: true, clockBehind: true })
    expect(judge({ problem: undefined }, Date.now())).toEqual({ accept: true, clockBehind: false })
    expect(judge({}, past, other.certPem)).toMatchObject({ accept: false, why: 'not signed by the CA of this cluster' })
    expect(judge({ host: '127.0.0.2' }, past).accept).toBe(false)
    expect(judge({ problem: 'CERT_HAS_EXPIRED' }, past)).toMatchObject({ accept: false })
    expect(judge({}, Date.now() + 48 * hour)).toMatchObject({ accept: false, why: 'CERT_HAS_EXPIRED' })
    expect(judge({ der: undefined }, past).accept).toBe(false)
  })

  test('connects all the same, and says so', async () => {
    const clock = { ...world.host.clock, now: () => Date.UTC(1970, 0, 2) }
    // OpenSSL reads the real clock: a server certificate of the future stands in for a board in the past.
    const { issueCertificate } = await import('../../shared/pki/certificates.ts')
    const future = await issueCertificate(await Promise.resolve(world.ca), { commonName: 'server' }, { now: Date.now() + 36 * hour, ttl: hour, usages: ['server'], ips: ['127.0.0.1'] })
    expect(certificateInfo(future.certPem).notBefore).toBeGreaterThan(Date.now())
    const server = createServer({ key: future.keyPem, cert: future.certPem })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const { port } = server.address() as AddressInfo
    const socket = await dialTls({ host: '127.0.0.1', port, ca: world.ca.certPem, clock })
    expect(socket.clockBehind).toBe(true)
    socket.destroy()
    await new Promise((resolve) => { server.close(resolve) })
  })
})

describe('MQTT over WebSocket, on a server that asks for client certificates', () => {
  test('takes a node with its certificate, under the same rules; refuses one without', async () => {
    const { MqttClient } = await import('mqtt')
    const { createWebSocketStream, WebSocket } = await import('ws')
    const server = createServer({ key: world.server.keyPem, cert: world.server.certPem, ca: world.ca.certPem, requestCert: true, rejectUnauthorized: false })
    server.on('upgrade', world.broker.upgrade)
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const { port } = server.address() as AddressInfo
    const dial = (pair?: KeyPair) => new WebSocket(`wss://127.0.0.1:${port}/mqtt`, 'mqtt', { ca: world.ca.certPem, ...(pair ? { cert: pair.certPem, key: pair.keyPem } : {}) })
    const client = new MqttClient(() => createWebSocketStream(dial(certs.n1.pair)) as never, { clientId: 'node:n1', protocolVersion: 4, reconnectPeriod: 0, clean: true })
    client.on('error', () => { /* the refusals below cut the connection */ })
    await new Promise((resolve) => { client.once('connect', resolve) })
    const grants = await new Promise<number[]>((resolve) => {
      client.subscribe(['bramble/v1/nodes/n1/down', 'bramble/v1/nodes/n2/down'], (_error, _asked, suback) => resolve((suback as { granted: number[] }).granted))
    })
    expect(grants).toEqual([0, 128])
    client.end(true)
    const bare = dial()
    const why = await new Promise<string>((resolve) => { bare.on('error', (e) => resolve(e.message)) })
    expect(why).toContain('401')
    await new Promise((resolve) => { server.close(resolve); server.closeAllConnections() })
  })
})
