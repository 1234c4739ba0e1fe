/** What the server counts of each request, under upstream's names (`k8s.io/apiserver/pkg/endpoints/metrics`). */
import type { Counter, Gauge, Histogram, Metrics } from '../../shared/base/metrics.ts'
import type { RequestInfo } from './request-info.ts'
import type { Registry } from './resources/registry.ts'

/** Upstream's buckets of `apiserver_request_duration_seconds`. */
const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]
const TARGET = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'] as const

const verbs: Readonly<Record<string, string>> = {
  get: 'GET', head: 'GET', list: 'LIST', watch: 'WATCH', create: 'POST', post: 'POST', update: 'PUT', put: 'PUT', patch: 'PATCH', delete: 'DELETE', deletecollection: 'DELETECOLLECTION',
}
const connects = new Set(['exec', 'attach', 'portforward', 'proxy', 'log'])

/** `CONNECT` for streams, `APPLY` for server-side apply, upstream's `other` for what is no verb of ours. */
function verbOf(info: RequestInfo, contentType: string | undefined): string {
  if (connects.has(info.subresource)) return 'CONNECT'
  if (info.verb === 'patch' && contentType?.startsWith('application/apply-patch')) return 'APPLY'
  return verbs[info.verb] ?? 'other'
}

const scopeOf = (info: RequestInfo): string => (!info.isResourceRequest ? '' : info.name ? 'resource' : info.namespace ? 'namespace' : 'cluster')
const isMutating = (info: RequestInfo): boolean => !['get', 'head', 'list', 'watch', 'options'].includes(info.verb)

interface Cells { readonly count: Counter; readonly seconds: Histogram }

export class RequestMetrics {
  readonly #metrics: Metrics
  readonly #registry: Registry
  readonly #inflight: { readonly mutating: Gauge; readonly readOnly: Gauge }
  readonly #terminations: Counter
  /** By what tells requests apart in the labels: kinds, verbs and codes are few. */
  readonly #cells = new Map<string, Cells>()

  constructor(metrics: Metrics, registry: Registry) {
    this.#metrics = metrics
    this.#registry = registry
    const inflight = metrics.gauge('apiserver_current_inflight_requests', 'Maximal number of currently used inflight request limit of this apiserver per request kind in last second.', 'request_kind')
    this.#inflight = { mutating: inflight.labels('mutating'), readOnly: inflight.labels('readOnly') }
    this.#terminations = metrics.counter('apiserver_request_terminations_total', 'Number of requests which apiserver terminated in self-defense.').labels()
  }

  begin(info: RequestInfo): void { (isMutating(info) ? this.#inflight.mutating : this.#inflight.readOnly).inc(1) }
  terminated(): void { this.#terminations.inc() }

  /** `seconds` undefined: a long-running request, whose length says nothing. */
  end(info: RequestInfo, done: { code: number; seconds: number | undefined; contentType: string | undefined; dryRun: boolean }): void {
    (isMutating(info) ? this.#inflight.mutating : this.#inflight.readOnly).inc(-1)
    const key = `${info.verb} ${info.group} ${info.version} ${info.resource} ${info.subresource} ${scopeOf(info)} ${done.code} ${done.dryRun} ${info.verb === 'patch' ? done.contentType : ''}`
    const cells = this.#cells.get(key) ?? this.#make(key, info, done)
    cells.count.inc()
    if (done.seconds !== undefined) cells.seconds.observe(done.seconds)
  }

  #make(key: string, info: RequestInfo, { code, dryRun, contentType }: { code: number; dryRun: boolean; contentType: string | undefined }): Cells {
    const target = this.#target(info, contentType)
    const count = this.#metrics.counter('apiserver_request_total',
      'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.', ...TARGET, 'dry_run', 'component', 'code')
    const seconds = this.#metrics.histogram('apiserver_request_duration_seconds',
      'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.', { buckets: BUCKETS, labels: [...TARGET, 'dry_run', 'component'] })
    const dry = dryRun ? 'All' : ''
    const cells = { count: count.labels(...target, dry, 'apiserver', String(code)), seconds: seconds.labels(...target, dry, 'apiserver') }
    // What nobody serves is counted without its name; its keys are not kept, for a client chooses them.
    if (!info.isResourceRequest || this.#served(info)) this.#cells.set(key, cells)
    return cells
  }

  #served(info: RequestInfo): boolean { return info.isResourceRequest && this.#registry.find(info.group, info.version, info.resource) !== undefined && info.subresource.length < 30 && /^[a-z]*$/.test(info.subresource) && info.verb in verbs }

  #target(info: RequestInfo, contentType: string | undefined): string[] {
    const verb = verbOf(info, contentType)
    return this.#served(info) ? [verb, info.group, info.version, info.resource, info.subresource, scopeOf(info)] : [verb, '', '', '', '', scopeOf(info)]
  }

  /** Counts one request that lasts while it does; disposed when it is over. */
  longRunning(info: RequestInfo): Disposable {
    const gauge = this.#metrics.gauge('apiserver_longrunning_requests', 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.', ...TARGET, 'component')
      .labels(...this.#target(info, undefined), 'apiserver')
    gauge.inc(1)
    return { [Symbol.dispose]: () => gauge.inc(-1) }
  }

  watchEvents(info: RequestInfo): (events: number) => void {
    const cell = this.#metrics.counter('apiserver_watch_events_total', 'Number of events sent in watch clients', 'group', 'version', 'resource').labels(info.group, info.version, info.resource)
    return (events) => cell.inc(events)
  }
}
