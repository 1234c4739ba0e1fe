/** `/healthz`, `/livez` and `/readyz`, whole, verbose, without some checks, or one check alone; as `k8s.io/apiserver/pkg/server/healthz`. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Log } from '../../shared/base/host.ts'
import type { RequestInfo } from './request-info.ts'
import { noSuchResource } from './resource-requests.ts'
import { sendBytes } from './server-response.ts'

export interface HealthCheck {
  readonly name: string
  /** Undefined: healthy. Else why not. Must be cheap: probes ask every second. */
  check(): string | undefined
  /** Says nothing about life: a server that is starting or stopping is alive. */
  readonly readinessOnly?: true
}

interface Asked { readonly req: IncomingMessage; readonly res: ServerResponse; readonly info: RequestInfo }

const TEXT = 'text/plain; charset=utf-8'
const endpoints = ['healthz', 'livez', 'readyz'] as const
type Endpoint = (typeof endpoints)[number]

export class Health {
  readonly #checks: readonly HealthCheck[]
  readonly #log: Log
  constructor(checks: readonly HealthCheck[], log: Log) { this.#checks = checks; this.#log = log }

  /** Does this path belong here? */
  static serves(path: string): boolean { return path.startsWith('/healthz') || path.startsWith('/livez') || path.startsWith('/readyz') }

  /** Every path that is served, for the index at `/`. */
  get paths(): string[] { return endpoints.flatMap((e) => [`/${e}`, ...this.#of(e).map((c) => `/${e}/${c.name}`)]) }

  #of(endpoint: Endpoint): readonly HealthCheck[] { return endpoint === 'readyz' ? this.#checks : this.#checks.filter((c) => !c.readinessOnly) }

  handle(asked: Asked): Promise<void> {
    const [, name = '', one = ''] = /^\/([a-z]+)(?:\/(.*?))?\/?$/.exec(asked.info.path) ?? []
    const endpoint = endpoints.find((e) => e === name)
    if (!endpoint || (asked.info.verb !== 'get' && asked.info.verb !== 'head')) throw noSuchResource()
    return one ? this.#one(asked, endpoint, one) : this.#all(asked, endpoint)
  }

  #send({ req, res }: Asked, healthy: boolean, text: string): Promise<void> {
    res.setHeader('X-Content-Type-Options', 'nosniff')
    return sendBytes({ req, res, warnings: [] }, healthy ? 200 : 500, Buffer.from(text), TEXT)
  }

  #one(asked: Asked, endpoint: Endpoint, name: string): Promise<void> {
    const check = this.#of(endpoint).find((c) => c.name === name)
    if (!check) throw noSuchResource()
    const why = check.check()
    return this.#send(asked, why === undefined, why === undefined ? 'ok' : `internal server error: ${why}\n`)
  }

  #all(asked: Asked, endpoint: Endpoint): Promise<void> {
    const { query } = asked.info
    const excluded = new Set(query.getAll('exclude').flatMap((e) => e.split(',')))
    const lines: string[] = []
    let failed = false
    for (const { name, check } of this.#of(endpoint)) {
      if (excluded.delete(name)) {
        lines.push(`[+]${name} excluded: ok`)
        continue
      }
      const why = check()
      // Anybody may ask whether we are well; why not is for those who may read the log, or ask for the one check.
      if (why !== undefined) this.#log.warn('health check failed', { endpoint, check: name, why })
      failed ||= why !== undefined
      lines.push(why === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`)
    }
    if (excluded.size) lines.push(`warn: some health checks cannot be excluded: no matches for ${[...excluded].map((e) => JSON.stringify(e)).join(',')}`)
    const verbose = failed || query.has('verbose')
    return this.#send(asked, !failed, verbose ? `${lines.join('\n')}\n${endpoint} check ${failed ? 'failed' : 'passed'}\n` : 'ok')
  }
}
