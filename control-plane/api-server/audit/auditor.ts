/** Follows requests and writes down what the policy says, off their path: a line is made when the answer is out, written with its neighbours. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Status } from '../../../shared/api/meta-v1.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { Metrics } from '../../../shared/base/metrics.ts'
import type { User } from '../authn/user.ts'
import { attributesOf } from '../authz/attributes.ts'
import type { RequestInfo } from '../request-info.ts'
import type { AuditEvent } from './event.ts'
import { bodyObject, microTime, objectRef, userOf } from './event.ts'
import type { Policy, Stage, Verdict } from './rules.ts'
import { evaluate } from './rules.ts'

/** Takes whole lines; must not wait. False: there is no room, the line is lost. */
export interface AuditSink { write(line: string): boolean; close(): Promise<void> }

/** Bytes of an answer that are kept for `RequestResponse`; a longer one is left out and said to be. */
const MAX_RESPONSE = 1 << 20

export interface AuditorDeps { readonly policy: Policy; readonly sink: AuditSink; readonly clock: Clock; readonly metrics: Metrics }

/** `socket`: of a request that switches protocols, which has no `res`. */
export interface Call { readonly info: RequestInfo; readonly req: IncomingMessage; readonly res?: ServerResponse; readonly socket?: Duplex; readonly user: User; readonly impersonated?: User; readonly auditId: string; readonly longRunning: boolean }

export class Auditor {
  readonly #deps: AuditorDeps
  readonly #events: { readonly written: () => void; readonly lost: () => void }

  constructor(deps: AuditorDeps) {
    this.#deps = deps
    const { metrics } = deps
    const written = metrics.counter('apiserver_audit_event_total', 'Counter of audit events generated and sent to the audit backend.').labels()
    const lost = metrics.counter('apiserver_audit_error_total', 'Counter of audit events that failed to be audited properly.', 'plugin').labels('log')
    this.#events = { written: () => written.inc(), lost: () => lost.inc() }
  }

  /** Undefined: the policy wants nothing of this request. */
  begin(call: Call): Audited | undefined {
    const verdict = evaluate(this.#deps.policy, attributesOf(call.impersonated ?? call.user, call.info))
    if (verdict.level === 'None') return undefined
    const audited = new Audited(call, verdict, this.#deps.clock, (event) => this.#emit(event))
    audited.stage('RequestReceived')
    return audited
  }

  #emit(event: AuditEvent): void {
    if (this.#deps.sink.write(`${JSON.stringify(event)}\n`)) this.#events.written()
    else this.#events.lost()
  }
}

/** One request on its way through the stages. */
export class Audited {
  readonly #call: Call
  readonly #verdict: Verdict
  readonly #clock: Clock
  readonly #emit: (event: AuditEvent) => void
  readonly #received: number
  readonly #annotations: Record<string, string> = {}
  #body: Buffer | undefined
  #answer: Buffer[] = []
  #answerSize = 0
  /** Of an upgrade: what was answered. */
  #code = 0
  #refusal: Partial<Status> | undefined

  constructor(call: Call, verdict: Verdict, clock: Clock, emit: (event: AuditEvent) => void) {
    this.#call = call
    this.#verdict = verdict
    this.#clock = clock
    this.#emit = emit
    this.#received = clock.now()
    const { req, res, socket } = call
    if (socket) this.#follow(socket)
    else if (!res) throw new Error('a request without an answer')
    else if (call.longRunning) this.#announce(res)
    else if (verdict.level === 'RequestResponse') this.#record(req, res)
  }

  /** `authorization.k8s.io/decision` and its like. */
  annotate(key: string, value: string): void { this.#annotations[key] = value }

  took(body: Buffer): void { if (this.#verdict.level !== 'Metadata') this.#body = body }

  /** What an upgrade was refused with; written down when its connection is closed. */
  refused(status: Partial<Status>): void { this.#refusal = status }

  /** Writes the line of a stage. `complete`: the answer went out, or its status. */
  stage(stage: Stage, status?: Partial<Status>): void {
    if (this.#verdict.omitStages.includes(stage)) return
    const { info, req, res, user, impersonated, auditId } = this.#call
    const { level, omitManagedFields } = this.#verdict
    const received = stage === 'RequestReceived'
    const requestObject = received ? undefined : bodyObject(this.#body, omitManagedFields)
    const ref = objectRef(info, requestObject)
    const agent = req.headers['user-agent']
    const responseObject = received ? undefined : this.#response(omitManagedFields)
    this.#emit({
      kind: 'Event', apiVersion: 'audit.k8s.io/v1', level, auditID: auditId, stage, requestURI: req.url ?? '', verb: info.verb, user: userOf(user),
      ...(impersonated ? { impersonatedUser: userOf(impersonated) } : {}), sourceIPs: [req.socket.remoteAddress ?? ''], ...(agent ? { userAgent: agent } : {}), ...(ref ? { objectRef: ref } : {}),
      ...(received ? {} : { responseStatus: { metadata: {}, ...status, code: status?.code ?? res?.statusCode ?? this.#code } }), ...(requestObject === undefined ? {} : { requestObject }), ...(responseObject === undefined ? {} : { responseObject }),
      requestReceivedTimestamp: microTime(this.#received), stageTimestamp: microTime(this.#clock.now()), ...(received || !Object.keys(this.#annotations).length ? {} : { annotations: this.#annotations }),
    })
  }

  #response(omitManagedFields: boolean): unknown {
    if (this.#answerSize > MAX_RESPONSE) {
      this.annotate('audit.k8s.io/truncated', 'true')
      return undefined
    }
    return bodyObject(this.#answer.length ? Buffer.concat(this.#answer) : undefined, omitManagedFields)
  }

  /** Keeps what is written to the client. Compression is asked away first: what is logged is what was said. */
  #record(req: IncomingMessage, res: ServerResponse): void {
    delete req.headers['accept-encoding']
    const keep = (chunk: unknown): void => {
      if (!Buffer.isBuffer(chunk) && typeof chunk !== 'string') return
      const bytes = Buffer.from(chunk as string)
      this.#answerSize += bytes.length
      if (this.#answerSize > MAX_RESPONSE) this.#answer = []
      else this.#answer.push(bytes)
    }
    const { write, end } = res
    res.write = ((...args: Parameters<typeof write>) => { keep(args[0]); return write.apply(res, args) }) as typeof write
    res.end = ((...args: Parameters<typeof end>) => { keep(args[0]); return end.apply(res, args) }) as typeof end
  }

  /** The first thing written is the answer's head, by whoever writes it: 101 begins a stream, whose end is a line of its own. */
  #follow(socket: Duplex): void {
    const { write, end } = socket
    const answered = (chunk: unknown): void => {
      Object.assign(socket, { write, end })
      if (typeof chunk !== 'string' && !Buffer.isBuffer(chunk)) return
      this.#code = Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.slice(0, 16).toString())?.[1] ?? 0)
      if (this.#code === 101) this.stage('ResponseStarted')
    }
    socket.write = ((...args: Parameters<typeof write>) => { answered(args[0]); return write.apply(socket, args) }) as typeof write
    socket.end = ((...args: Parameters<typeof end>) => { answered(args[0]); return end.apply(socket, args) }) as typeof end
    socket.once('close', () => this.stage('ResponseComplete', this.#refusal))
  }

  /** A watch is worth a line when it begins. */
  #announce(res: ServerResponse): void {
    const { writeHead } = res
    res.writeHead = ((...args: Parameters<typeof writeHead>) => {
      const sent = writeHead.apply(res, args)
      this.stage('ResponseStarted')
      return sent
    }) as typeof writeHead
  }
}
