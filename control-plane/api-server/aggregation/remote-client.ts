/**
 * One aggregated server: requests passed on to the endpoint of its Service over TLS, with our front-proxy certificate and the user in headers.
 * Source: `kube-aggregator/pkg/apiserver/handler_proxy.go` and `apimachinery/pkg/util/proxy/upgradeaware.go`, whose texts the refusals are.
 */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { joinDuplex } from '../../../shared/streams/duplex-stream.ts'
import type { KeyPair } from '../../../shared/pki/certificates.ts'
import type { User } from '../authn/user.ts'
import { connectionFailure, type Dial } from '../service-endpoint.ts'
import type { ForwardedRequest, RemoteServer } from './aggregation.ts'
import { answerHeaders, forwardedHeaders, headersOfUser } from './user-headers.ts'

/** How a remote server is known; another one is another {@link RemoteClient}. */
export interface RemoteTarget {
  readonly namespace: string
  readonly name: string
  readonly port: number
  /** Base64 of PEM; the system's authorities without it. */
  readonly caBundle: string
  readonly insecureSkipTLSVerify: boolean
}

export interface Answer { readonly code: number; readonly contentType: string; readonly body: Buffer }

const UNAVAILABLE = 'service unavailable'
const REDIRECTED = 'the backend attempted to redirect this request, which is not permitted'
/** Of a document that we ask for ourselves: an OpenAPI document has a few megabytes. */
const MAX_ANSWER = 32 << 20
/** As upstream's discovery checks ask, so that they may always. */
const SELF: User = { name: 'system:kube-aggregator', groups: ['system:masters'] }

/** Methods that may be sent again over a new connection where a kept one turned out to be closed. */
const repeatable = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])

/** `http.Error` of Go. */
function refuse(res: ServerResponse, code: number, message: string): void {
  if (res.headersSent) { res.destroy(); return }
  res.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' }).end(`${message}\n`)
}

const redirects = (answer: IncomingMessage): boolean => (answer.statusCode ?? 0) >= 300 && (answer.statusCode ?? 0) <= 399 && answer.headers.location !== undefined

export class RemoteClient implements RemoteServer {
  readonly target: RemoteTarget
  readonly #agent: Agent
  readonly #resolve: () => Dial
  readonly #isAvailable: () => boolean

  /** `resolve`: an endpoint to dial; throws where there is none. `isAvailable`: the condition's word. */
  constructor(target: RemoteTarget, deps: { readonly client: KeyPair; readonly resolve: (target: RemoteTarget) => Dial; readonly isAvailable: () => boolean }) {
    this.target = target
    this.#resolve = () => deps.resolve(target)
    this.#isAvailable = deps.isAvailable
    this.#agent = new Agent({
      keepAlive: true, maxSockets: Infinity, maxFreeSockets: 16, timeout: 90_000, key: deps.client.keyPem, cert: deps.client.certPem, servername: `${target.name}.${target.namespace}.svc`,
      ...(target.insecureSkipTLSVerify ? { rejectUnauthorized: false } : target.caBundle ? { ca: Buffer.from(target.caBundle, 'base64') } : {}),
    })
  }

  async proxy(request: ForwardedRequest, res: ServerResponse): Promise<void> {
    const dial = this.#isAvailable() ? this.#endpoint() : undefined
    if (!dial) { refuse(res, 503, UNAVAILABLE); return }
    const { promise, resolve } = Promise.withResolvers<void>()
    let sent: ClientRequest | undefined
    // Also where our own deadline answered in the server's place.
    res.once('close', () => { sent?.destroy(); resolve() })
    const send = (again: boolean): void => {
      const begun = sent = this.#send(request, dial, String(res.getHeader('Audit-ID') ?? ''))
      begun.on('response', (answer) => pass(answer, res))
      begun.on('error', (e: NodeJS.ErrnoException) => {
        if (res.closed || res.writableFinished) return
        // A kept connection may have been closed by the other side while the request was on its way.
        if (again && begun.reusedSocket && e.code === 'ECONNRESET' && !res.headersSent && request.body && repeatable.has(request.req.method ?? '')) send(false)
        else refuse(res, 503, `error trying to reach service: ${connectionFailure(e)}`)
      })
      if (request.body) begun.end(request.body)
      else request.req.pipe(begun)
    }
    send(true)
    await promise
  }

  async upgrade(request: ForwardedRequest, socket: Duplex, head: Buffer): Promise<void> {
    const dial = this.#isAvailable() ? this.#endpoint() : undefined
    if (!dial) { refuseOn(socket, UNAVAILABLE); return }
    const sent = this.#send({ ...request, body: undefined }, dial, '', true)
    await new Promise<void>((resolve) => {
      socket.once('close', () => { sent.destroy(); resolve() })
      sent.on('error', (e) => { if (!socket.destroyed) refuseOn(socket, `error trying to reach service: ${connectionFailure(e)}`) })
      sent.on('upgrade', (answer, connection: Duplex, early: Buffer) => {
        socket.write(headOf(answer, answer.rawHeaders))
        if (early.length) connection.unshift(early)
        if (head.length) socket.unshift(head)
        void joinDuplex(socket, connection).then(() => resolve())
      })
      sent.on('response', (answer) => {
        socket.write(headOf(answer, [...answerHeaders(answer.rawHeaders, () => false), 'Connection', 'close']))
        answer.pipe(socket)
      })
      sent.end()
    })
  }

  /** A document for ourselves. Rejects with an Error in the words of upstream's client; redirects are not followed. `verify`: false to learn only whether somebody answers; `user`: in whose name, ours unless given. */
  async get(path: string, { accept, timeoutMs, verify = true, user = SELF }: { readonly accept: string; readonly timeoutMs: number; readonly verify?: boolean; readonly user?: User }): Promise<Answer> {
    const { host, port } = this.#resolve()
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const request = httpsRequest({
      ...(verify ? { agent: this.#agent } : { ...this.#agent.options, agent: false, rejectUnauthorized: false }), method: 'GET', path, host, port, signal: AbortSignal.timeout(timeoutMs), headers: ['Host', authority, 'Accept', accept, 'User-Agent', 'kube-aggregator', ...headersOfUser(user)],
    }, (answer) => {
      const chunks: Buffer[] = []
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER) request.destroy(new Error(`the answer is larger than ${MAX_ANSWER} bytes`))
        else chunks.push(chunk)
      })
      answer.on('error', reject)
      answer.on('end', () => resolve({ code: answer.statusCode ?? 0, contentType: answer.headers['content-type'] ?? '', body: Buffer.concat(chunks) }))
    })
    request.on('error', reject)
    request.end()
    try {
      return await promise
    } catch (e) {
      const name = (e as Error).name
      throw new Error(`Get ${JSON.stringify(`https://${authority}${path}`)}: ${name === 'AbortError' || name === 'TimeoutError' ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : connectionFailure(e)}`, { cause: e })
    }
  }

  /** As messages name it. */
  urlOf(path: string): string { return `https://${this.target.name}.${this.target.namespace}.svc:${this.target.port}${path}` }

  /** Ends kept connections; requests under way end by themselves, and theirs with them. */
  close(): void {
    this.#agent.keepSocketAlive = () => false
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
  }

  /** Ends everything. */
  destroy(): void { this.#agent.destroy() }

  #endpoint(): Dial | undefined {
    try {
      return this.#resolve()
    } catch {
      return undefined // upstream logs it and says no more than that nobody is there; so does the APIService's condition
    }
  }

  #send({ req, user, body }: ForwardedRequest, { host, port }: Dial, auditId: string, upgrade = false): ClientRequest {
    const path = req.url ?? '/'
    const headers = forwardedHeaders(req.rawHeaders, { user, address: req.socket.remoteAddress ?? '', path: path.split('?')[0] ?? '', auditId, upgrade })
    // Read whole, it has a length whatever it came with; a body that is passed on as it comes keeps its framing.
    if (req.headers['transfer-encoding'] !== undefined) headers.push(...(body ? ['Content-Length', String(body.length)] : ['Transfer-Encoding', 'chunked']))
    return httpsRequest({ ...(upgrade ? { ...this.#agent.options, agent: false } : { agent: this.#agent }), method: req.method ?? 'GET', path, host, port, headers })
  }
}

function pass(answer: IncomingMessage, res: ServerResponse): void {
  if (res.headersSent) { answer.destroy(); return }
  if (redirects(answer)) {
    answer.destroy()
    res.writeHead(502, { 'Content-Length': REDIRECTED.length }).end(REDIRECTED)
    return
  }
  res.writeHead(answer.statusCode ?? 502, answer.statusMessage, answerHeaders(answer.rawHeaders, (name) => res.hasHeader(name)))
  // A watch has said that it began before it has anything to say.
  res.flushHeaders()
  answer.on('error', () => { res.destroy() })
  answer.pipe(res)
}

function headOf(answer: IncomingMessage, headers: readonly string[]): string {
  const lines = headers.reduce<string>((text, part, i) => text + (i % 2 ? `: ${part}\r\n` : part), '')
  return `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${lines}\r\n`
}

function refuseOn(socket: Duplex, message: string): void {
  socket.end(`HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(message) + 1}\r\nConnection: close\r\n\r\n${message}\n`)
}
