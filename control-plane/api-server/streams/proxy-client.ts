/** Passes a request on to what {@link ProxyTarget} names, through a connection that its node opened. Source: upstream `UpgradeAwareHandler`. */
import { request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions, type ServerResponse } from 'node:http'
import { connect as netConnect } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as tlsConnect } from 'node:tls'
import { messageOf, isStatus, StatusError } from '../../../shared/base/errors.ts'
import { joinDuplex } from '../../../shared/streams/duplex-stream.ts'
import { proxiedPath, rewrittenLocation, type ProxyTarget } from './proxy-target.ts'

/** Opens the connection on the node. Rejects with a `StatusError`. */
export type OpenTarget = (target: ProxyTarget & { port: number }) => Promise<Duplex>

/** What concerns one connection alone (RFC 9110, 7.6.1), and the credentials, which were for us. */
const dropped = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'authorization', 'host',
  'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-uri'])
const isDropped = (name: string): boolean => dropped.has(name) || name.startsWith('impersonate-') || name.startsWith('sec-websocket-protocol-bearer')

const unreachable = (e: unknown): StatusError => (isStatus(e) && e.code !== 503 ? e : new StatusError('ServiceUnavailable', `error trying to reach service: ${messageOf(e)}`))

const authorityOf = (target: ProxyTarget): string => `${target.host.includes(':') ? `[${target.host}]` : target.host}${target.port === undefined ? '' : `:${target.port}`}`

async function connectTo(target: ProxyTarget, open: OpenTarget): Promise<Duplex> {
  const port = target.port ?? (target.scheme === 'https' ? 443 : 80)
  const plain = target.node === undefined ? netConnect({ host: target.host, port }) : await open({ ...target, port })
  if (target.scheme === 'http' || target.kubelet) return plain
  // Upstream's proxy transport does not verify either: a pod's certificate is its own affair.
  const secure = tlsConnect({ socket: plain, rejectUnauthorized: false })
  return await new Promise((resolve, reject) => {
    secure.once('secureConnect', () => { secure.off('error', reject); resolve(secure) })
    secure.once('error', reject)
  })
}

function headersFor(req: IncomingMessage, target: ProxyTarget, path: string, upgrade: boolean): string[] {
  const out = ['Host', authorityOf(target)]
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = req.rawHeaders.slice(i, i + 2)
    const lower = name.toLowerCase()
    if (!isDropped(lower) || (upgrade && (lower === 'connection' || lower === 'upgrade'))) out.push(name, value)
  }
  const before = req.headers['x-forwarded-for']
  const from = (req.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  out.push('X-Forwarded-For', before ? `${String(before)}, ${from}` : from, 'X-Forwarded-Host', req.headers.host ?? '', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Uri', path)
  // Length or chunks, as they came: the body is passed on as it is read.
  if (req.headers['transfer-encoding']) out.push('Transfer-Encoding', String(req.headers['transfer-encoding']))
  if (!upgrade) out.push('Connection', 'close')
  return out
}

interface Passed { readonly request: ClientRequest; readonly connection: Duplex }

async function begin(req: IncomingMessage, target: ProxyTarget, open: OpenTarget, upgrade: boolean): Promise<Passed> {
  const url = req.url ?? '/'
  const mark = url.indexOf('?')
  const [path, query] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark)]
  const { rest } = proxiedPath(path)
  let connection: Duplex
  try {
    connection = await connectTo(target, open)
  } catch (e) {
    throw unreachable(e)
  }
  const options: RequestOptions = {
    method: req.method ?? 'GET', path: `${rest || '/'}${query}`, headers: headersFor(req, target, path, upgrade), createConnection: () => connection, setDefaultHeaders: false,
  }
  const request = httpRequest(options)
  return { request, connection }
}

function answerHeaders(answer: IncomingMessage, req: IncomingMessage, target: ProxyTarget): string[] {
  const { prefix } = proxiedPath((req.url ?? '/').split('?')[0] ?? '')
  const out: string[] = []
  for (let i = 0; i < answer.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = answer.rawHeaders.slice(i, i + 2)
    const lower = name.toLowerCase()
    if (lower === 'location') out.push(name, rewrittenLocation(value, { prefix, authority: authorityOf(target) }))
    else if (lower === 'authorization' || !isDropped(lower)) out.push(name, value)
  }
  return out
}

/** Any method, path, query and body. Rejects with a `StatusError` where nothing was answered yet. */
export async function proxyRequest(req: IncomingMessage, res: ServerResponse, target: ProxyTarget, open: OpenTarget): Promise<void> {
  const url = req.url ?? '/'
  const path = url.split('?')[0] ?? ''
  // Without it a page's relative links would point beside the proxy (kubernetes#4958).
  if (proxiedPath(path).rest === '' && (req.method === 'GET' || req.method === 'HEAD')) {
    res.writeHead(301, { Location: `${path}/${url.slice(path.length)}` }).end()
    return
  }
  const { request, connection } = await begin(req, target, open, false)
  await new Promise<void>((resolve, reject) => {
    const failed = (e: Error): void => {
      connection.destroy()
      if (res.headersSent) res.destroy(e)
      if (res.headersSent) resolve()
      else reject(unreachable(e))
    }
    request.on('error', failed)
    request.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.statusMessage, answerHeaders(answer, req, target))
      answer.on('error', failed)
      answer.pipe(res)
      res.on('close', () => { connection.destroy(); resolve() })
    })
    res.on('close', () => { if (!res.writableFinished) { request.destroy(); resolve() } })
    req.pipe(request)
  })
}

/** A request that switches protocols: the target's answer is passed on as it is, and then every byte. */
export async function proxyUpgrade(request: { req: IncomingMessage; socket: Duplex; head: Buffer; target: ProxyTarget; open: OpenTarget }): Promise<void> {
  const { req, socket, head, target, open } = request
  const { request: sent, connection } = await begin(req, target, open, true)
  const begun = (answer: IncomingMessage, headers: readonly string[]): void => {
    const lines = headers.reduce<string>((text, part, i) => text + (i % 2 ? `: ${part}\r\n` : part), '')
    socket.write(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${lines}\r\n`)
  }
  await new Promise<void>((resolve, reject) => {
    sent.on('error', (e) => { connection.destroy(); reject(unreachable(e)) })
    sent.on('upgrade', (answer, _connection, early: Buffer) => {
      begun(answer, answer.rawHeaders)
      if (early.length) connection.unshift(early)
      if (head.length) socket.unshift(head)
      void joinDuplex(socket, connection).then(() => resolve())
    })
    sent.on('response', (answer) => {
      begun(answer, [...answerHeaders(answer, req, target), 'Connection', 'close'])
      answer.pipe(socket)
      socket.on('close', () => { connection.destroy(); resolve() })
    })
    sent.end()
  })
}
