/**
 * Calls to webhooks (conversion, admission): one JSON object there and one back, over HTTPS with the certificate authority the configuration
 * names, to a URL or to a Service of the cluster. A Service is reached at the addresses of its endpoints: the control plane need not have the
 * node's proxy rules.
 */
import { Agent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { EndpointSlice } from '../../../shared/api/discovery-v1.ts'
import type { Service } from '../../../shared/api/core-v1.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Random } from '../../../shared/base/host.ts'
import type { Store } from '../../store/store.ts'
import { objectKey, resourcePrefix } from '../keys.ts'
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

/** Address and port to dial where they are not the URL's. */
interface Dial { readonly host: string; readonly port: number }

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
      const dial = target.service && this.#endpoint(target.service.name, target.service.namespace, target.service.port ?? 443)
      const text = await this.#post(url, dial, { agent: this.#agent(target.caBundle ?? '', bare(url.hostname)), body: Buffer.from(JSON.stringify(call.body)), signal })
      return JSON.parse(text) as unknown
    } catch (e) {
      if (e instanceof WebhookError) throw e
      throw new WebhookError(`Post ${JSON.stringify(url.href)}: ${deadline.aborted ? 'context deadline exceeded' : causeOf(e)}`, deadline.aborted)
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

  /** An address of the service behind which something is ready. The message of what it throws is the dialler's part. */
  #endpoint(name: string, namespace: string, port: number): Dial {
    const { store, objects, random } = this.#deps
    const entry = store.get(objectKey({ group: '', resource: 'services', namespaced: true }, namespace, name))
    if (!entry) throw new Error(`service ${JSON.stringify(name)} not found`)
    const { spec } = objects.object(entry) as Service
    if (spec?.type === 'ExternalName') return { host: spec.externalName ?? '', port }
    const wanted = spec?.ports?.find((p) => p.port === port)
    if (!wanted) throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`)
    const prefix = resourcePrefix({ group: 'discovery.k8s.io', resource: 'endpointslices', namespaced: true }, namespace)
    const ready = store.list({ prefix }).entries.map((e) => objects.object(e) as EndpointSlice)
      .filter((s) => s.metadata?.labels?.['kubernetes.io/service-name'] === name)
      .flatMap((slice) => slice.endpoints.filter((e) => e.conditions?.ready !== false).flatMap((e) => e.addresses.slice(0, 1)
        .map((host) => ({ host, port: slice.ports?.find((p) => (p.name ?? '') === (wanted.name ?? ''))?.port ?? 0 }))))
      .filter((e) => e.port > 0)
    const chosen = ready[Math.floor(random.float() * ready.length)]
    if (!chosen) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`)
    return chosen
  }
}

function urlOf({ url, service }: WebhookTarget): URL {
  if (url !== undefined) return new URL(url)
  if (!service) throw new WebhookError('invalid client config: exactly one of url or service is required')
  const { name, namespace, path = '', port = 443 } = service
  return new URL(`https://${name}.${namespace}.svc:${port}${path}`)
}

const untrusted = new Set(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_GET_ISSUER_CERT', 'CERT_SIGNATURE_FAILURE'])

/** What upstream's client would say of a failed connection. */
function causeOf(e: unknown): string {
  const { code = '', address = '', port = '', hostname = '' } = e as { code?: string; address?: string; port?: number | string; hostname?: string }
  if (untrusted.has(code)) return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `tls: failed to verify certificate: x509: ${messageOf(e)}`
  if (code === 'ECONNREFUSED') return `dial tcp ${address}:${port}: connect: connection refused`
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${hostname}: no such host`
  return messageOf(e)
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
