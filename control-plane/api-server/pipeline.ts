/**
 * The request path, step by step: request info, authentication, audit, a seat by priority and fairness, authorization, then health, discovery, an
 * aggregated server, a stream, or a resource; all within a deadline. Whatever a step throws becomes a `Status`; the process lives.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Status } from '../../shared/api/meta-v1.ts'
import type { Log } from '../../shared/base/host.ts'
import type { Metrics } from '../../shared/base/metrics.ts'
import { internal, messageOf, StatusError } from '../../shared/base/errors.ts'
import { ignore } from '../../shared/base/ignore.ts'
import { StoreFailedError } from '../store/store.ts'
import type { Aggregation } from './aggregation/aggregation.ts'
import type { Audited, Auditor } from './audit/auditor.ts'
import type { Authenticator } from './authn/authenticator.ts'
import type { User } from './authn/user.ts'
import { attributesOf } from './authz/attributes.ts'
import type { Authorizer } from './authz/authorizer.ts'
import { refusal } from './authz/authorizer.ts'
import { nodeOf } from './authz/node/rules.ts'
import type { Discovery } from './discovery-requests.ts'
import type { FlowControl, Seat } from './flow-control/flow-control.ts'
import { Health } from './health.ts'
import { negotiate } from './negotiate.ts'
import type { RequestInfo } from './request-info.ts'
import { parseRequest } from './request-info.ts'
import { Bodies, deadlineOf, discardBody, isLongRunning, LastingRequests, timedOut, widthOf } from './request-limits.ts'
import { RequestMetrics } from './request-metrics.ts'
import type { Exchange, ResourceDeps } from './resource-requests.ts'
import { handleResource, noSuchResource } from './resource-requests.ts'
import { sendBytes, sendJson } from './server-response.ts'
import { hasProtobuf } from './schema/protobuf-kinds.ts'
import { isProxy, takesUpgrades, type StreamHandlers } from './streams.ts'
import { admitConnect } from './subresources/connect-admission.ts'

export interface PipelineDeps extends ResourceDeps {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly discovery: Discovery
  readonly health: Health
  readonly flow: FlowControl
  readonly metrics: Metrics
  readonly auditor: Auditor | undefined
  readonly aggregation: Aggregation | undefined
  readonly streams: StreamHandlers | undefined
  readonly log: Log
  /** PEM of the cluster's CA: for `/cacerts`. */
  readonly ca: string | Buffer
  /** Aborts when the server stops: ends watches. */
  readonly stopping: AbortSignal
}

/** One request on its way. */
interface Call {
  /** Grow while the request is served; told even where it is refused. */
  readonly warnings: string[]
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly info: RequestInfo
  readonly auditId: string
  user?: User
  audited?: Audited | undefined
  body?: Buffer
}

const streamed = new Set(['exec', 'attach', 'portforward'])
/** Upstream cuts what a client sends as its id to this. */
const MAX_AUDIT_ID = 64
const NO_BYTES = Buffer.alloc(0)
const NOBODY: User = { name: '', groups: [] }

/** What the audit log keeps of a refusal. */
function toldOf(error: StatusError): Partial<Status> {
  const { message, reason, details, status } = error.toStatus()
  return { code: error.code, status: status ?? 'Failure', ...(message ? { message } : {}), ...(reason ? { reason } : {}), ...(details ? { details } : {}) }
}

export class Pipeline {
  readonly #deps: PipelineDeps
  readonly #metrics: RequestMetrics
  readonly #lasting = new LastingRequests()
  readonly #bodies = new Bodies()

  constructor(deps: PipelineDeps) {
    this.#deps = deps
    this.#metrics = new RequestMetrics(deps.metrics, deps.registry)
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const info = parseRequest(req.method ?? 'GET', req.url ?? '/')
    const call: Call = { req, res, info, warnings: [], auditId: this.#auditId(req) }
    const { clock } = this.#deps.ctx.host
    const began = clock.monotonic()
    const longRunning = isLongRunning(info)
    res.setHeader('Audit-ID', call.auditId)
    this.#metrics.begin(info)
    try {
      await (longRunning ? this.#identified(call, longRunning) : this.#inTime(call))
      call.audited?.stage('ResponseComplete')
    } catch (e) {
      await this.#refuse(e, call, longRunning)
    } finally {
      const seconds = longRunning ? undefined : (clock.monotonic() - began) / 1000
      this.#metrics.end(info, { code: res.statusCode, seconds, contentType: req.headers['content-type'], dryRun: info.query.has('dryRun') })
    }
  }

  /** `exec`, `attach`, `portforward`, proxies, aggregated servers, and the dial-backs of nodes. The socket is the handler's once it was called. */
  async upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const info = parseRequest(req.method ?? 'GET', req.url ?? '/')
    const { streams, authenticator, aggregation } = this.#deps
    socket.on('error', (error) => this.#deps.log.debug('upgraded connection failed', { path: info.path, error }))
    let audited: Audited | undefined
    const audit = (user: User): void => {
      audited = this.#deps.auditor?.begin({ info, req, socket, auditId: this.#auditId(req), longRunning: true, user: user.impersonator ?? user, ...(user.impersonator ? { impersonated: user } : {}) })
    }
    let known = false
    try {
      const user = await authenticator.authenticate(req)
      known = true
      if (streams?.dial && !info.isResourceRequest && info.path.startsWith('/bramble/')) return streams.dial(info.path, nodeOf(user), req, socket, head)
      audit(user)
      // Upstream's verb for a stream opened by GET is `get`; opened by POST it is `create`.
      this.#authorize(info, user, audited)
      const lasting = this.#lasting.open(user.name)
      const counted = this.#metrics.longRunning(info)
      socket.once('close', () => { lasting[Symbol.dispose](); counted[Symbol.dispose]() })
      const remote = aggregation?.serverOf(info)
      if (remote) return await remote.upgrade({ req, user, body: undefined }, socket, head)
      if (!takesUpgrades(info)) throw noSuchResource()
      if (!streams) throw new StatusError('NotFound', `${info.resource}/${info.subresource} is not served by this server`)
      if (info.subresource !== 'log') await admitConnect(this.#deps.ctx, this.#deps.registry, info, user)
      await streams.handle({ ...info, user }, req, socket, head)
    } catch (e) {
      // Who is not known is written down too, as nobody.
      if (!known) audit(NOBODY)
      const error = this.#statusOf(e, info)
      audited?.refused(toldOf(error))
      const body = `${JSON.stringify(error.toStatus())}\n`
      socket.end(`HTTP/1.1 ${error.code} ${error.reason || 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
    }
  }

  /** A client's own id is kept, so that it finds its request in our log. */
  #auditId(req: IncomingMessage): string {
    const given = req.headers['audit-id']
    return (typeof given === 'string' && /^[!-~]+$/.test(given) ? given.slice(0, MAX_AUDIT_ID) : '') || this.#deps.ctx.host.random.uuid()
  }

  async #inTime(call: Call): Promise<void> {
    const over = Promise.withResolvers<never>()
    void ignore(over.promise, 'an early step threw before the race began')
    using _timer = this.#deps.ctx.host.clock.after(deadlineOf(call.info), () => { this.#metrics.terminated(); over.reject(timedOut()) })
    await Promise.race([this.#identified(call, false), over.promise])
  }

  async #identified(call: Call, longRunning: boolean): Promise<void> {
    const { req, res, info, auditId } = call
    // For a node that is about to join: it knows the hash of the CA, so nobody needs to be known to read it.
    if (info.path === '/cacerts' && info.verb === 'get') return sendBytes({ req, res, warnings: [] }, 200, Buffer.from(this.#deps.ca), 'application/x-pem-file')
    const found = this.#deps.authenticator.authenticate(req)
    const user = call.user = found instanceof Promise ? await found : found
    call.audited = this.#deps.auditor?.begin({ info, req, res, auditId, longRunning, user: user.impersonator ?? user, ...(user.impersonator ? { impersonated: user } : {}) })
    if (longRunning) {
      using _lasting = this.#lasting.open(user.name)
      using _counted = this.#metrics.longRunning(info)
      return await this.#serve(call, user)
    }
    const read = this.#bodies.read(req, user.name)
    using body = read instanceof Promise ? await read : read
    call.body = body.bytes
    call.audited?.took(body.bytes)
    const entered = this.#deps.flow.enter(attributesOf(user, info), widthOf(info, { store: this.#deps.ctx.store, registry: this.#deps.registry }), (left) => {
      res.once('close', left)
      return { [Symbol.dispose]: () => { res.off('close', left) } }
    })
    const seat: Seat = entered instanceof Promise ? await entered : entered
    try {
      if (seat.schemaUid) res.setHeader('X-Kubernetes-PF-FlowSchema-UID', seat.schemaUid)
      if (seat.levelUid) res.setHeader('X-Kubernetes-PF-PriorityLevel-UID', seat.levelUid)
      // The deadline may have passed while the request waited for its seat.
      if (!res.headersSent) await this.#serve(call, user)
    } finally {
      seat.leave()
    }
  }

  #authorize(info: RequestInfo, user: User, audited?: Audited): void {
    const { authorizer } = this.#deps
    const asked = attributesOf(user, info)
    const allowed = authorizer.allows(asked)
    if (allowed && !audited) return
    const reason = authorizer.decide?.(asked).reason ?? ''
    audited?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid')
    audited?.annotate('authorization.k8s.io/reason', reason)
    if (!allowed) throw refusal(asked, reason)
  }

  async #serve(call: Call, user: User): Promise<void> {
    const { req, res, info, audited } = call
    const { streams, ctx, registry } = this.#deps
    this.#authorize(info, user, audited)
    const remote = this.#deps.aggregation?.serverOf(info)
    if (remote) return remote.proxy({ req, user, body: call.body }, res)
    if (!info.isResourceRequest) return this.#serveOther(call)
    if (info.subresource === 'log' && info.resource === 'pods' && info.group === '' && info.verb === 'get') {
      if (!streams) throw new StatusError('NotFound', 'pods/log is not served by this server')
      return streams.logs({ ...info, user }, req, res)
    }
    if (isProxy(info)) {
      if (!streams) throw new StatusError('NotFound', `${info.resource}/proxy is not served by this server`)
      await admitConnect(ctx, registry, info, user)
      return streams.proxy({ ...info, user }, req, res)
    }
    if (info.group === '' && info.resource === 'pods' && streamed.has(info.subresource)) throw new StatusError('BadRequest', 'Upgrade request required')
    const watching = info.verb === 'watch'
    const exchange: Exchange = {
      req, res, info, user, warnings: call.warnings, ...(audited ? { annotate: (key: string, value: string) => audited.annotate(key, value) } : {}), form: negotiate(req.headers.accept, { protobuf: () => hasProtobuf(registry, info), stream: watching }), body: () => Promise.resolve(call.body ?? NO_BYTES),
      counted: watching ? this.#metrics.watchEvents(info) : () => undefined, ended: watching ? this.#ended(res) : this.#deps.stopping,
    }
    return handleResource(this.#deps, exchange)
  }

  #serveOther({ req, res, info }: Call): Promise<void> {
    if (Health.serves(info.path)) return this.#deps.health.handle({ req, res, info })
    if (info.path === '/metrics' && info.verb === 'get') {
      return sendBytes({ req, res, warnings: [] }, 200, Buffer.from(this.#deps.metrics.render()), 'text/plain; version=0.0.4; charset=utf-8')
    }
    return this.#deps.discovery.handle({ req, res, info, warnings: [] })
  }

  /** In the encoding that the answer would have had; JSON where that cannot be told. */
  #sendRefusal({ req, res, info, warnings }: Call, error: StatusError): Promise<void> {
    const status = error.toStatus()
    if (!/protobuf|yaml/.test(req.headers.accept ?? '') || error.code === 406) return sendBytes({ req, res, warnings }, error.code, Buffer.from(`${JSON.stringify(status)}\n`))
    // JSON as the last choice: a refusal is always told.
    const form = negotiate(`${req.headers.accept},*/*;q=0`, { protobuf: () => true, stream: false })
    return sendJson({ req, res, info, warnings, form: { ...form, as: 'json' } }, error.code, status)
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
    const error = e instanceof Error ? e : new Error(messageOf(e))
    log.error('request failed', { verb: info.verb, path: info.path, error, stack: error.stack })
    return e instanceof StoreFailedError ? new StatusError('ServiceUnavailable', `the store failed: ${e.message}`) : internal(error.message)
  }

  async #refuse(e: unknown, call: Call, longRunning: boolean): Promise<void> {
    const { req, res, info } = call
    // A client that left is not worth a line, nor can it be told anything.
    if (req.socket.destroyed) return call.audited?.stage('ResponseComplete')
    const error = this.#statusOf(e, info)
    // Of a body that took too long nothing more is taken.
    const isUsable = req.complete || (error.reason !== 'Timeout' && await discardBody(req, this.#deps.ctx.host.clock))
    if (req.socket.destroyed) return call.audited?.stage('ResponseComplete')
    // Who is not known is written down too, as nobody.
    call.audited ??= call.user ? undefined : this.#deps.auditor?.begin({ info, req, res, auditId: call.auditId, longRunning, user: NOBODY })
    if (res.headersSent) {
      // What was sent cannot be taken back: a broken connection is the only way to say that it is not whole.
      req.socket.destroy()
    } else {
      if (error.details?.retryAfterSeconds) res.setHeader('Retry-After', error.details.retryAfterSeconds)
      // The rest of a body that was refused unread would be taken for the next request.
      if (!isUsable) res.setHeader('Connection', 'close')
      await this.#sendRefusal(call, error)
    }
    call.audited?.stage(e instanceof StatusError ? 'ResponseComplete' : 'Panic', toldOf(error))
  }
}
