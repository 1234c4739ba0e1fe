/**
 * Calls to webhooks (conversion, admission): one JSON object there and one back, over HTTPS with the certificate authority the configuration
 * names, to a URL or to a Service of the cluster. A Service is reached at the addresses of its endpoints: the control plane need not have the
 * node's proxy rules.
 */
import { Agent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { Random } from '../../../shared/base/host.ts'
import type { Store } from '../../store/store.ts'
import { connectionFailure, type Dial, endpointOf } from '../service-endpoint.ts'
import type { ObjectCache } from '../watch/cache.ts'

/** `clientConfig` of a webhook: exactly one of `url` and `service`. */
export interface WebhookTarget {
  readonly url?: string
  readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number }
  /** Base64 of PEM; the system's authorities without it. */
  readonly caBundle?: string
}

export interface WebhookCall {
  readonly body: object
  readonly timeoutMs: number
  /** Appended to the path: `timeout=10s`. */
  readonly query?: string
  readonly signal?: AbortSignal
}

/** The webhook was not reached or did not answer with JSON and 2xx. The message is what upstream's client says: `Post "https://…": …`. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError'
  /** True where time ran out. */
  readonly timedOut: boolean
  constructor(message: string, timedOut = false) {
    super(message)
    this.timedOut = timedOut
  }
}

/** Answers larger than this are refused: a request body may be 3 MiB and a review holds old and new. */
const MAX_ANSWER = 16 << 20
const MAX_AGENTS = 32
/** Of an answer that is quoted in an error. */
const MAX_QUOTED = 2048

export class WebhookClient {
  readonly #deps: { readonly store: Store; readonly objects: ObjectCache; readonly random: Random }
  /** By authority: connections are kept between calls. */
  readonly #agents = new Map<string, Agent>()

  constructor(deps: { readonly store: Store; readonly objects: ObjectCache; readonly random: Random }) { this.#deps = deps }

  /** Posts the body; resolves with the parsed answer. Rejects with {@link WebhookError}. */
  async call(target: WebhookTarget, call: WebhookCall): Promise<unknown> {
    const url = urlOf(target)
    if (call.query) url.search = call.query
    const deadline = AbortSignal.timeout(call.timeoutMs)
    const signal = call.signal ? AbortSignal.any([deadline, call.signal]) : deadline
    try {
      const dial = target.service && endpointOf(this.#deps, { ...target.service, port: target.service.port ?? 443 })
      const text = await this.#post(url, dial, { agent: this.#agent(target.caBundle ?? '', bare(url.hostname)), body: Buffer.from(JSON.stringify(call.body)), signal })
      return JSON.parse(text) as unknown
    } catch (e) {
      if (e instanceof WebhookError) throw e
      throw new WebhookError(`Post ${JSON.stringify(url.href)}: ${deadline.aborted ? 'context deadline exceeded' : connectionFailure(e)}`, deadline.aborted)
    }
  }

  /** Closes idle connections. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #agent(caBundle: string, servername: string): Agent {
    const key = `${servername} ${caBundle}`
    let agent = this.#agents.get(key)
    if (!agent) {
      if (this.#agents.size >= MAX_AGENTS) this.close()
      agent = new Agent({ keepAlive: true, maxSockets: 16, timeout: 60_000, ...(isIP(servername) ? {} : { servername }), ...(caBundle ? { ca: Buffer.from(caBundle, 'base64') } : {}) })
      this.#agents.set(key, agent)
    }
    return agent
  }

  #post(url: URL, dial: Dial | undefined, { agent, body, signal }: { agent: Agent; body: Buffer; signal: AbortSignal }): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json', 'Content-Length': body.length, 'User-Agent': 'kube-apiserver-admission', Host: url.host }
    const req = httpsRequest({ method: 'POST', path: url.pathname + url.search, hostname: dial?.host ?? bare(url.hostname), port: dial?.port ?? (url.port || 443), agent, headers, signal }, (res) => {
      const chunks: Buffer[] = []
      let size = 0
      res.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER) req.destroy(new Error(`the answer is larger than ${MAX_ANSWER} bytes`))
        else chunks.push(chunk)
      })
      res.on('error', reject)
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const { statusCode = 0 } = res
        if (statusCode >= 200 && statusCode < 300) resolve(text)
        else reject(new WebhookError(statusText(statusCode, text)))
      })
    })
    req.on('error', reject)
    req.end(body)
    return promise
  }
}

function urlOf({ url, service }: WebhookTarget): URL {
  if (url !== undefined) return new URL(url)
  if (!service) throw new WebhookError('invalid client config: exactly one of url or service is required')
  const { name, namespace, path = '', port = 443 } = service
  return new URL(`https://${name}.${namespace}.svc:${port}${path}`)
}

/** Without the brackets of an IPv6 address. */
const bare = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1')

/** A `Status` in the answer says more than its code. */
function statusText(code: number, text: string): string {
  const said = /^\s*\{/.test(text) ? messageIn(text) : undefined
  if (said) return said
  if (code === 404) return 'the server could not find the requested resource'
  if (code >= 500) return `an error on the server (${JSON.stringify(text.trim().slice(0, MAX_QUOTED) || 'unknown')}) has prevented the request from succeeding`
  return `the server responded with the status code ${code} but did not return more information`
}

function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined // what is no JSON is quoted as it is
  }
}
