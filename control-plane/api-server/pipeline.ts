/**
 * The request path, step by step: request info, authentication, in-flight limit, authorization, then discovery, a stream, or a resource.
 * Whatever a step throws becomes a `Status`; the process lives.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Log } from '../../shared/base/host.ts'
import { internal, StatusError } from '../../shared/base/errors.ts'
import { StoreFailedError } from '../store/store.ts'
import type { Authenticator } from './authn/authenticator.ts'
import type { User } from './authn/user.ts'
import { attributesOf } from './authz/attributes.ts'
import type { Authorizer } from './authz/authorizer.ts'
import { refusal } from './authz/authorizer.ts'
import { nodeOf } from './authz/node/rules.ts'
import type { Discovery } from './discovery-requests.ts'
import { negotiate } from './negotiate.ts'
import type { RequestInfo } from './request-info.ts'
import { parseRequest } from './request-info.ts'
import type { Exchange, ResourceDeps } from './resource-requests.ts'
import { handleResource, noSuchResource } from './resource-requests.ts'
import { sendBytes } from './server-response.ts'
import type { StreamHandlers } from './streams.ts'
import { admitConnect } from './subresources/connect-admission.ts'

export interface PipelineDeps extends ResourceDeps {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly discovery: Discovery
  readonly streams: StreamHandlers | undefined
  readonly log: Log
  /** PEM of the cluster's CA: for `/cacerts`. */
  readonly ca: string | Buffer
  /** Aborts when the server stops: ends watches. */
  readonly stopping: AbortSignal
}

/** etcd's request limit is 1.5 MiB; upstream's API server reads up to 3 MiB (`MaxRequestBodyBytes`). */
export const MAX_BODY_BYTES = 3 << 20
/** Upstream's `--max-requests-inflight` and `--max-mutating-requests-inflight`. */
const MAX_READS = 400
const MAX_WRITES = 200

const streamed = new Set(['exec', 'attach', 'portforward'])

export class Pipeline {
  readonly #deps: PipelineDeps
  #reads = 0
  #writes = 0
  constructor(deps: PipelineDeps) { this.#deps = deps }

  /** Requests under way, watches and streams not counted. */
  get inFlight(): number { return this.#reads + this.#writes }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const info = parseRequest(req.method ?? 'GET', req.url ?? '/')
    const warnings: string[] = []
    try {
      // For a node that is about to join: it knows the hash of the CA, so nobody needs to be known to read it.
      if (info.path === '/cacerts' && info.verb === 'get') return await sendBytes({ req, res, warnings: [] }, 200, Buffer.from(this.#deps.ca), 'application/x-pem-file')
      const user = await this.#deps.authenticator.authenticate(req)
      await this.#admitted(info, () => this.#serve(info, user, req, res, warnings))
    } catch (e) {
      await this.#refuse(e, info, req, res, warnings)
    }
  }

  /** `exec`, `attach`, `portforward`, and the dial-backs of nodes. The socket is the handler's once it was called. */
  async upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const info = parseRequest(req.method ?? 'GET', req.url ?? '/')
    socket.on('error', (error) => this.#deps.log.debug('upgraded connection failed', { path: info.path, error }))
    try {
      const user = await this.#deps.authenticator.authenticate(req)
      const { streams } = this.#deps
      if (streams?.dial && !info.isResourceRequest && info.path.startsWith('/bramble/')) return streams.dial(info.path, nodeOf(user), req, socket, head)
      // Upstream's verb for a stream opened by GET is `get`; opened by POST it is `create`.
      this.#authorize(info, user)
      if (info.group !== '' || info.resource !== 'pods' || !streamed.has(info.subresource)) throw noSuchResource()
      if (!streams) throw new StatusError('NotFound', `pods/${info.subresource} is not served by this server`)
      await admitConnect(this.#deps.ctx, this.#deps.registry, info, user)
      await streams.handle({ ...info, user }, req, socket, head)
    } catch (e) {
      const error = this.#statusOf(e, info)
      const body = `${JSON.stringify(error.toStatus())}\n`
      socket.end(`HTTP/1.1 ${error.code} ${error.reason || 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
    }
  }

  async #admitted(info: RequestInfo, serve: () => Promise<void>): Promise<void> {
    // Watches and streams last: they do not count.
    if (info.verb === 'watch' || info.subresource === 'log') return serve()
    const write = info.verb !== 'get' && info.verb !== 'list'
    if (write ? this.#writes >= MAX_WRITES : this.#reads >= MAX_READS) {
      throw new StatusError('TooManyRequests', 'Too many requests, please try again later.', { details: { retryAfterSeconds: 1 } })
    }
    if (write) this.#writes++
    else this.#reads++
    try {
      await serve()
    } finally {
      if (write) this.#writes--
      else this.#reads--
    }
  }

  #authorize(info: RequestInfo, user: User): void {
    const asked = attributesOf(user, info)
    if (!this.#deps.authorizer.allows(asked)) throw refusal(asked)
  }

  async #serve(info: RequestInfo, user: User, req: IncomingMessage, res: ServerResponse, warnings: string[]): Promise<void> {
    this.#authorize(info, user)
    if (info.subresource === 'log' && info.resource === 'pods' && info.group === '' && info.verb === 'get') {
      if (!this.#deps.streams) throw new StatusError('NotFound', 'pods/log is not served by this server')
      return this.#deps.streams.logs({ ...info, user }, req, res)
    }
    if (info.isResourceRequest && info.group === '' && info.resource === 'pods' && streamed.has(info.subresource)) {
      throw new StatusError('BadRequest', 'Upgrade request required')
    }
    if (!info.isResourceRequest) return this.#deps.discovery.handle({ req, res, info, warnings })
    const exchange: Exchange = {
      req, res, info, user, warnings, form: negotiate(req.headers.accept), body: () => readBody(req), counted: () => undefined, ended: info.verb === 'watch' ? this.#ended(res) : this.#deps.stopping,
    }
    return handleResource(this.#deps, exchange)
  }

  #ended(res: ServerResponse): AbortSignal {
    const gone = new AbortController()
    res.once('close', () => gone.abort())
    return AbortSignal.any([gone.signal, this.#deps.stopping])
  }

  #statusOf(e: unknown, info: RequestInfo): StatusError {
    const { log } = this.#deps
    if (e instanceof StatusError) {
      log.debug('refused', { verb: info.verb, path: info.path, code: e.code, reason: e.reason, message: e.message })
      return e
    }
    const error = e as Error
    log.error('request failed', { verb: info.verb, path: info.path, error, stack: error.stack })
    return e instanceof StoreFailedError ? new StatusError('ServiceUnavailable', `the store failed: ${e.message}`) : internal(error.message ?? String(e))
  }

  async #refuse(e: unknown, info: RequestInfo, req: IncomingMessage, res: ServerResponse, warnings: string[]): Promise<void> {
    // A client that left is not worth a line, nor can it be told anything.
    if (req.socket.destroyed) return
    const error = this.#statusOf(e, info)
    if (res.headersSent) {
      // What was sent cannot be taken back: a broken connection is the only way to say that it is not whole.
      res.destroy()
      return
    }
    if (error.details?.retryAfterSeconds) res.setHeader('Retry-After', error.details.retryAfterSeconds)
    // The rest of a body that was refused unread would be taken for the next request.
    if (!req.complete) res.setHeader('Connection', 'close')
    await sendBytes({ req, res, warnings }, error.code, Buffer.from(`${JSON.stringify(error.toStatus())}\n`))
  }
}

const tooLarge = (): StatusError => new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`)

async function readBody(req: IncomingMessage): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    req.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_BODY_BYTES) {
        req.pause()
        reject(tooLarge())
      } else chunks.push(chunk)
    })
    req.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
    req.on('error', reject)
    req.on('close', () => { if (!req.complete) reject(new StatusError('BadRequest', 'the client closed the connection before the body was complete')) })
  })
}
