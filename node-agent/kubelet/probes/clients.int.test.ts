/** The probes' clients against real sockets. */
import { createServer as createHttp, type Server as HttpServer } from 'node:http'
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer as createTcp, type AddressInfo, type Server } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { createCa } from '../../../shared/pki/certificates.ts'
import { grpcProbe } from './grpc-client.ts'
import { httpProbe } from './http-client.ts'
import { tcpProbe } from './tcp-client.ts'

const servers: (Server | HttpServer | Http2Server)[] = []
async function listening<T extends Server | HttpServer | Http2Server>(server: T): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => { (server as Server).listen(0, '127.0.0.1', resolve) })
  return ((server as Server).address() as AddressInfo).port
}
afterEach(async () => { await Promise.all(servers.splice(0).map((s) => new Promise((resolve) => { (s as Server).close(resolve); (s as HttpServer).closeAllConnections?.() }))) })

/** A port nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createTcp()
  const port = await listening(server)
  servers.splice(servers.indexOf(server), 1)
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Health { readonly status?: number; readonly grpcStatus: string; readonly message?: string; readonly silent?: boolean }

/** The health service as a gRPC server answers it; returns what it was asked. */
async function healthServer(answers: Record<string, Health>): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const server = createHttp2()
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const parts: Buffer[] = []
    stream.on('data', (d: Buffer) => parts.push(d))
    stream.on('end', () => {
      const body = Buffer.concat(parts)
      const service = body.subarray(7).toString()
      asked.push(`${headers[':path']} ${headers['content-type']} ${service}`)
      const answer = answers[service] ?? { grpcStatus: '12', message: 'unknown service' }
      if (answer.silent) return
      if (answer.status === undefined) { stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': answer.grpcStatus, 'grpc-message': answer.message ?? '' }, { endStream: true }); return }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': answer.grpcStatus }))
      stream.end(Buffer.from(answer.status === 0 ? [0, 0, 0, 0, 0] : [0, 0, 0, 0, 2, 8, answer.status]))
    })
  })
  return { port: await listening(server), asked }
}

describe('gRPC', () => {
  it('asks the health service for the named service, and takes SERVING alone as success', async () => {
    const { port, asked } = await healthServer({ '': { status: 1, grpcStatus: '0' }, web: { status: 2, grpcStatus: '0' }, none: { status: 0, grpcStatus: '0' } })
    const probe = (service: string) => grpcProbe({ host: '127.0.0.1', port, service }, 2000)
    expect(await probe('')).toEqual({ ok: true, output: 'service healthy' })
    expect(await probe('web')).toEqual({ ok: false, output: 'service unhealthy (responded with "NOT_SERVING")' })
    expect(await probe('none')).toEqual({ ok: false, output: 'service unhealthy (responded with "UNKNOWN")' })
    expect(asked[1]).toBe('/grpc.health.v1.Health/Check application/grpc web')
  })

  it('says what went wrong', async () => {
    const { port } = await healthServer({ slow: { silent: true, grpcStatus: '0' }, lost: { grpcStatus: '5', message: 'unknown%20service' } })
    const probe = (service: string, timeout = 2000) => grpcProbe({ host: '127.0.0.1', port, service }, timeout)
    expect(await probe('x')).toEqual({ ok: false, output: 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service' })
    expect(await probe('lost')).toEqual({ ok: false, output: 'error: health rpc probe failed: rpc error: code = NotFound desc = unknown service' })
    expect(await probe('slow', 1000)).toEqual({ ok: false, output: 'timeout: health rpc did not complete within 1s' })
    const closed = await closedPort()
    expect(await grpcProbe({ host: '127.0.0.1', port: closed, service: '' }, 1000)).toEqual({ ok: false, output: `error: failed to connect service at "127.0.0.1:${closed}": dial tcp 127.0.0.1:${closed}: connect: connection refused` })
    const http1 = await listening(createHttp((_, res) => res.end('no')))
    expect((await grpcProbe({ host: '127.0.0.1', port: http1, service: '' }, 1000)).ok).toBe(false)
  })
})

describe('HTTP', () => {
  it('takes 200 to 399 as success, sends the headers, and does not wait for a body', async () => {
    const seen: Record<string, unknown>[] = []
    const port = await listening(createHttp((req, res) => {
      seen.push({ url: req.url, ...req.headers })
      // The body never ends.
      res.writeHead(Number(req.url!.slice(1)) || 200).write('begun')
    }))
    const probe = (path: string) => httpProbe({ scheme: 'http', host: '127.0.0.1', port, path, headers: [{ name: 'Host', value: 'shop.example' }, { name: 'X-Probe', value: 'a' }] }, 2000)
    expect(await probe('/200')).toEqual({ ok: true, output: '' })
    expect((await probe('/302')).ok).toBe(true)
    expect(await probe('/404')).toEqual({ ok: false, output: 'HTTP probe failed with statuscode: 404' })
    expect(await probe('/500')).toEqual({ ok: false, output: 'HTTP probe failed with statuscode: 500' })
    expect(seen[0]).toMatchObject({ host: 'shop.example', 'x-probe': 'a', 'user-agent': 'kube-probe/1.33' })
  })

  it('speaks TLS without asking who answers, sends what it was told and nothing beside it', async () => {
    const { keyPem, certPem } = await createCa({ commonName: 'somebody' }, { now: Date.now(), ttl: 3_600_000 })
    const heads: string[] = []
    const port = await listening(createTls({ key: keyPem, cert: certPem }, (socket) => socket.on('error', () => undefined).once('data', (d: Buffer) => { heads.push(d.toString()); socket.end('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n') })))
    const probe = (path: string, headers: { name: string; value: string }[]) => httpProbe({ scheme: 'https', host: '127.0.0.1', port, path, headers }, 2000)
    expect(await probe('a b/é?q=1', [{ name: 'X-Two', value: '1' }, { name: 'X-Two', value: '2' }, { name: 'User-Agent', value: '' }])).toEqual({ ok: true, output: '' })
    expect(heads).toEqual([`GET /a%20b/%C3%A9?q=1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: */*\r\nX-Two: 1\r\nX-Two: 2\r\nConnection: close\r\n\r\n`])
    expect((await probe('/', [{ name: 'X-Evil', value: 'a\r\nHost: other' }])).output).toBe(`Get "https://127.0.0.1:${port}/": net/http: invalid header field value for "X-Evil"`)
    expect(heads.length).toBe(1)
  })

  it('says what is wrong with what is no HTTP, in pieces or whole', async () => {
    const answers = (pieces: readonly string[]) => listening(createTcp((socket) => {
      socket.on('error', () => undefined).resume()
      const next = (i: number): void => { if (i === pieces.length) socket.end(); else socket.write(pieces[i]!, () => setImmediate(next, i + 1)) }
      next(0)
    }))
    const probe = async (...pieces: string[]) => { const port = await answers(pieces); return (await httpProbe({ scheme: 'http', host: '127.0.0.1', port, path: '/', headers: [] }, 2000)).output.replace(`Get "http://127.0.0.1:${port}/": `, '') }
    expect(await probe('HT', 'TP/1', '.1 2', '00 OK\r\n')).toBe('')
    expect(await probe('SSH-2.0-OpenSSH\r\n')).toBe('net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0-OpenSSH\\r"')
    expect(await probe('HTTP/1.1')).toBe('EOF')
    expect(await probe('HTTP/1.1 302 Found\r\n', `X: ${'x'.repeat(70_000)}`)).toBe('net/http: HTTP/1.x transport connection broken: the head of the response is too long')
  })

  it('follows redirects within the host, at most ten, and takes one to elsewhere as success', async () => {
    const asked: string[] = []
    const port = await listening(createHttp((req, res) => {
      asked.push(req.url ?? '')
      const to: Record<string, string> = { '/a/login': '../broken?x=1', '/loop': '/loop', '/away': 'http://shop.example/', '/port': `http://127.0.0.1:${port}/fine` }
      const next = to[req.url ?? '']
      if (next) res.writeHead(302, { Location: next }).end()
      else res.writeHead(req.url === '/broken?x=1' ? 500 : 200).end()
    }))
    const probe = (path: string) => httpProbe({ scheme: 'http', host: '127.0.0.1', port, path, headers: [] }, 2000)
    expect(await probe('/a/login')).toEqual({ ok: false, output: 'HTTP probe failed with statuscode: 500' })
    expect(asked).toEqual(['/a/login', '/broken?x=1'])
    expect(await probe('/port')).toEqual({ ok: true, output: '' })
    expect(await probe('/away')).toEqual({ ok: true, output: 'Probe terminated redirects', warning: true })
    asked.length = 0
    expect(await probe('/loop')).toEqual({ ok: false, output: 'Get "/loop": stopped after 10 redirects' })
    expect(asked).toHaveLength(10)
  })

  it('names a closed port and a server that does not answer', async () => {
    const closed = await closedPort()
    const at = (port: number, timeout: number) => httpProbe({ scheme: 'http', host: '127.0.0.1', port, path: '/x', headers: [] }, timeout)
    expect(await at(closed, 1000)).toEqual({ ok: false, output: `Get "http://127.0.0.1:${closed}/x": dial tcp 127.0.0.1:${closed}: connect: connection refused` })
    const mute = await listening(createHttp(() => undefined))
    expect(await at(mute, 150)).toEqual({ ok: false, output: `Get "http://127.0.0.1:${mute}/x": context deadline exceeded (Client.Timeout exceeded while awaiting headers)` })
  })
})

describe('TCP', () => {
  it('asks whether a port accepts', async () => {
    const open = await listening(createTcp((socket) => socket.on('error', () => undefined)))
    const closed = await closedPort()
    expect(await tcpProbe({ host: '127.0.0.1', port: open }, 1000)).toEqual({ ok: true, output: '' })
    expect(await tcpProbe({ host: '127.0.0.1', port: closed }, 1000)).toEqual({ ok: false, output: `dial tcp 127.0.0.1:${closed}: connect: connection refused` })
  })
})

it('leaves no socket open after thousands of probes of each kind', async () => {
  const http = await listening(createHttp((_, res) => res.end('ok')))
  const { port: grpc } = await healthServer({ '': { status: 1, grpcStatus: '0' } })
  const sockets = (): number => process.getActiveResourcesInfo().filter((r) => r === 'TCPSocketWrap').length
  const before = sockets()
  for (let i = 0; i < 40; i++) {
    const answers = await Promise.all(Array.from({ length: 25 }, (_, n) => n % 3 === 0 ? tcpProbe({ host: '127.0.0.1', port: http }, 5000) : n % 3 === 1 ? httpProbe({ scheme: 'http', host: '127.0.0.1', port: http, path: '/', headers: [] }, 5000) : grpcProbe({ host: '127.0.0.1', port: grpc, service: '' }, 5000)))
    expect(answers.filter((a) => !a.ok)).toEqual([])
  }
  // The servers' ends close when they have seen ours close.
  await expect.poll(sockets, { timeout: 5000 }).toBeLessThanOrEqual(before)
})
