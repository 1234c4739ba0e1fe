/** The API client over HTTPS: keep-alive connections, a client certificate or a bearer token, `Status` bodies as errors. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { Status } from '../api/meta-v1.ts'
import type { KubeList, KubeObject, ResourceRef, Stored } from '../api/object.ts'
import { apiVersionOf } from '../api/object.ts'
import { messageOf, StatusError } from '../base/errors.ts'
import type { ApiClient, DeleteOptions, ListOptions, ObjectKey, PatchType, WatchEvent, WatchOptions, WriteOptions } from './api-client.ts'
import { decodeEvent, lines } from './watch-stream.ts'

export interface HttpClientOptions {
  /** `https://host:port`. */
  readonly server: string
  /** PEM; the system's roots unless given. */
  readonly ca?: string | Buffer
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  /** Bearer token; asked for each request, since tokens are rotated. */
  readonly token?: () => string
  /** Name to expect in the server's certificate, where it is not the host of `server`. */
  readonly serverName?: string
  /** Shown in the server's log. */
  readonly userAgent?: string
  /** At most this many connections; watches have their own each. Default 16. */
  readonly maxConnections?: number
}

/** A request whose answer does not come within this is given up; watches and streams are not subject to it. */
const REQUEST_TIMEOUT = 60_000
/** A watch on a quiet resource sees a bookmark now and then or nothing: dead peers are found by TCP keep-alive. */
const KEEP_ALIVE_PROBE = 30_000

interface Ask { method: string; path: string; body?: unknown; contentType?: string; signal?: AbortSignal | undefined }

export class HttpClient implements ApiClient {
  readonly #options: HttpClientOptions
  readonly #url: URL
  readonly #agent: Agent
  readonly #watchAgent: Agent

  constructor(options: HttpClientOptions) {
    this.#options = options
    this.#url = new URL(options.server)
    const { ca, cert, key, serverName: servername } = options
    const tls = { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}), ...(servername ? { servername } : {}) }
    this.#agent = new Agent({ ...tls, keepAlive: true, maxSockets: options.maxConnections ?? 16, scheduling: 'lifo' })
    this.#watchAgent = new Agent({ ...tls, keepAlive: true, keepAliveMsecs: KEEP_ALIVE_PROBE })
  }

  /** Closes idle and busy connections; requests under way fail. */
  close(): void {
    this.#agent.destroy()
    this.#watchAgent.destroy()
  }

  get<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, { subresource }: { readonly subresource?: 'scale' } = {}): Promise<Stored<T>> {
    return this.#json({ method: 'GET', path: `${pathOf(ref, key.namespace, key.name)}${subresource ? `/${subresource}` : ''}` })
  }

  async list<T extends KubeObject>(ref: ResourceRef<T>, options: ListOptions = {}): Promise<KubeList<T>> {
    const { namespace, ...query } = options
    const found = await this.#json<KubeList<T>>({ method: 'GET', path: pathOf(ref, namespace) + queryOf(query) })
    // Items of a list come without their type (upstream leaves it out too).
    for (const item of found.items) Object.assign(item, { apiVersion: apiVersionOf(ref), kind: ref.kind })
    return found
  }

  async *watch<T extends KubeObject>(ref: ResourceRef<T>, options: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent<T>, void, void> {
    const { namespace, ...query } = options
    const path = pathOf(ref, namespace) + queryOf({ ...query, watch: true })
    try {
      const res = await this.#send({ method: 'GET', path, signal }, this.#watchAgent)
      for await (const line of lines(res as AsyncIterable<Buffer>)) {
        const event = decodeEvent<T>(line)
        if (event) yield event
      }
    } catch (e) {
      // The caller ended it; or the connection broke, after which a watch is simply over.
      if (signal.aborted || isBroken(e)) return
      throw e
    }
  }

  create<T extends KubeObject>(ref: ResourceRef<T>, object: T & { metadata: { namespace?: string } }, options: WriteOptions = {}): Promise<Stored<T>> {
    return this.#json({ method: 'POST', path: pathOf(ref, object.metadata.namespace) + writeQuery(options), body: object })
  }

  update<T extends KubeObject>(ref: ResourceRef<T>, object: T, options: WriteOptions & { subresource?: string } = {}): Promise<Stored<T>> {
    const path = pathOf(ref, object.metadata?.namespace, object.metadata?.name ?? '', options.subresource)
    return this.#json({ method: 'PUT', path: path + writeQuery(options), body: object })
  }

  patch<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, type: PatchType, body: unknown, options: WriteOptions & { subresource?: string } = {}): Promise<Stored<T>> {
    return this.#json({ method: 'PATCH', path: pathOf(ref, key.namespace, key.name, options.subresource) + writeQuery(options), body, contentType: type })
  }

  async delete<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    await this.#json({ method: 'DELETE', path: pathOf(ref, key.namespace, key.name), body: { kind: 'DeleteOptions', apiVersion: 'v1', ...options } })
  }

  post<T extends KubeObject, R = KubeObject>(ref: ResourceRef<T>, key: ObjectKey, subresource: string, body: unknown): Promise<R> {
    return this.#json({ method: 'POST', path: pathOf(ref, key.namespace, key.name, subresource), body })
  }

  /** Any other JSON document of the server: `/version`, `/readyz`. Text where it is no JSON. */
  async raw(path: string): Promise<string> {
    return (await bytesOf(await this.#send({ method: 'GET', path, signal: AbortSignal.timeout(REQUEST_TIMEOUT) }, this.#agent))).toString()
  }

  async #json<R>(ask: Ask): Promise<R> {
    try {
      const res = await this.#send({ ...ask, signal: AbortSignal.timeout(REQUEST_TIMEOUT) }, this.#agent)
      return JSON.parse((await bytesOf(res)).toString()) as R
    } catch (e) {
      throw e instanceof StatusError ? e : new StatusError('ServiceUnavailable', `${this.#url.host}: ${messageOf(e)}`, { cause: e })
    }
  }

  /** The answer once its head is there; rejects with the `StatusError` of a failure. */
  async #send({ method, path, body, contentType, signal }: Ask, agent: Agent): Promise<IncomingMessage> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const { token, userAgent = 'bramble' } = this.#options
    const req = request({
      agent, method, path, host: this.#url.hostname.replace(/^\[|\]$/g, ''), port: this.#url.port || 443, ...(signal ? { signal } : {}),
      headers: {
        Accept: 'application/json', 'User-Agent': userAgent, ...(token ? { Authorization: `Bearer ${token()}` } : {}),
        ...(bytes ? { 'Content-Type': contentType ?? 'application/json', 'Content-Length': bytes.length } : {}),
      },
    })
    req.end(bytes)
    let res: IncomingMessage
    try {
      [res] = await once(req, 'response') as [IncomingMessage]
    } catch (e) {
      throw signal?.aborted && e === signal.reason ? e : new StatusError('ServiceUnavailable', `${this.#url.host}: ${messageOf(e)}`, { cause: e })
    }
    if ((res.statusCode ?? 500) < 300) return res
    throw failure(res.statusCode ?? 500, await bytesOf(res))
  }
}

/** Not a Status where a proxy, or something that is no API server, answered: then the text is all there is to say. */
function failure(code: number, body: Buffer): StatusError {
  const text = body.toString()
  const status = text.startsWith('{') ? parsed(text) : undefined
  return status?.kind === 'Status' ? StatusError.from({ code, ...status }) : new StatusError('', `the server answered ${code}: ${text.slice(0, 200)}`, { code })
}

function parsed(text: string): Status | undefined {
  try {
    return JSON.parse(text) as Status
  } catch {
    // No JSON: the caller reports the text itself.
    return undefined
  }
}

async function bytesOf(res: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of res) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const isBroken = (e: unknown): boolean => !(e instanceof StatusError) && ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes((e as NodeJS.ErrnoException).code ?? '')

function pathOf(ref: ResourceRef, namespace: string | undefined, name?: string, subresource?: string): string {
  const parts = [ref.group ? `apis/${ref.group}/${ref.version}` : `api/${ref.version}`, ...(ref.namespaced && namespace ? ['namespaces', namespace] : []), ref.resource, name, subresource]
  return `/${parts.filter((p) => p !== undefined && p !== '').map((p, i) => (i === 0 ? p : encodeURIComponent(p ?? ''))).join('/')}`
}

function queryOf(values: object): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(values as Record<string, unknown>)) if (value !== undefined && value !== '' && value !== false) query.set(key, String(value))
  const text = query.toString()
  return text ? `?${text}` : ''
}

const writeQuery = ({ dryRun, fieldManager, force }: WriteOptions): string => queryOf({ dryRun: dryRun ? 'All' : undefined, fieldManager, force: force ? 'true' : undefined })
