/**
 * Priority and fairness: each request waits for its turn, by the FlowSchema and PriorityLevelConfiguration objects in the store where there are
 * any, else by the suggested ones. What waits too long or has no room to wait is answered 429.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../../../shared/api/flowcontrol-v1.ts'
import { StatusError } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { Metrics } from '../../../shared/base/metrics.ts'
import type { Store } from '../../store/store.ts'
import { CompactedError } from '../../store/store.ts'
import { groupPrefix, resourcePrefix } from '../keys.ts'
import type { Level, Ticket } from './machine.ts'
import { FlowMachine } from './machine.ts'
import type { Asked, Classified } from './rules.ts'
import { classify, inOrder } from './rules.ts'
import { suggestedLevels, suggestedSchemas } from './suggested.ts'

/**
 * Upstream runs 600 requests at a time (`--max-requests-inflight` plus `--max-mutating-requests-inflight`) on many cores. Here one loop does the
 * work of all, so what is let in at once is what a request has to wait for: 160 of 0.3 ms are 50 ms, and writes enough to share an fsync.
 */
const SEATS = 160
/** A quarter of the request timeout, as upstream. */
const WAIT_LIMIT = 15_000

const GROUP = 'flowcontrol.apiserver.k8s.io'

export interface Seat {
  /** For the `X-Kubernetes-PF-*` headers. */
  readonly schemaUid: string
  readonly levelUid: string
  /** The request is over. Idempotent. */
  leave(): void
}

export interface FlowControlDeps { readonly store: Store; readonly clock: Clock; readonly metrics: Metrics; /** For tests. */ readonly seats?: number }

interface Configuration { readonly schemas: readonly FlowSchema[]; readonly levelUids: ReadonlyMap<string, string>; readonly levels: readonly Level[] }

function levelOf({ metadata, spec }: PriorityLevelConfiguration): Level {
  const { limited } = spec ?? {}
  const queuing = limited?.limitResponse?.type === 'Queue' ? limited.limitResponse.queuing : undefined
  return {
    name: metadata?.name ?? '', exempt: spec?.type === 'Exempt', shares: limited?.nominalConcurrencyShares ?? 30, lendablePercent: limited?.lendablePercent ?? 0,
    borrowingLimitPercent: limited?.borrowingLimitPercent,
    // Upstream's defaults of the fields (`SetDefaults_QueuingConfiguration`).
    queuing: queuing && { queues: queuing.queues ?? 64, handSize: queuing.handSize ?? 8, queueLengthLimit: queuing.queueLengthLimit ?? 50 },
  }
}

/** The mandatory ones are there whatever was deleted. */
function withMandatory<T extends FlowSchema | PriorityLevelConfiguration>(found: readonly T[], suggested: readonly T[]): readonly T[] {
  if (!found.length) return suggested
  const names = new Set(found.map((o) => o.metadata?.name))
  return [...found, ...suggested.filter((o) => (o.metadata?.name === 'exempt' || o.metadata?.name === 'catch-all') && !names.has(o.metadata.name))]
}

export const tooMany = (seconds = 1): StatusError => new StatusError('TooManyRequests', 'Too many requests, please try again later.', { details: { retryAfterSeconds: seconds } })

export class FlowControl {
  readonly #store: Store
  readonly #clock: Clock
  readonly #machine: FlowMachine
  readonly #waiting = new Map<Ticket, { start(): void; refuse(error: StatusError): void }>()
  readonly #count: { readonly rejected: (c: Classified, why: string) => void; readonly dispatched: (c: Classified) => void }
  #configuration: Configuration

  constructor({ store, clock, metrics, seats = SEATS }: FlowControlDeps) {
    this.#store = store
    this.#clock = clock
    this.#configuration = this.#load()
    this.#machine = new FlowMachine(seats, this.#configuration.levels)
    const rejected = metrics.counter('apiserver_flowcontrol_rejected_requests_total', 'Number of requests rejected by API Priority and Fairness subsystem', 'priority_level', 'flow_schema', 'reason')
    const dispatched = metrics.counter('apiserver_flowcontrol_dispatched_requests_total', 'Number of requests executed by API Priority and Fairness subsystem', 'priority_level', 'flow_schema')
    this.#count = {
      rejected: ({ level, schema }, why) => rejected.labels(level, schema.metadata?.name ?? '', why).inc(), dispatched: ({ level, schema }) => dispatched.labels(level, schema.metadata?.name ?? '').inc(),
    }
    const gauge = (name: string, help: string, of: 'nominal' | 'running' | 'waiting'): void => {
      metrics.collected(name, { kind: 'gauge', help, labels: ['priority_level'], read: () => this.#machine.levels.map((l) => ({ labels: [l.name], value: l[of] })) })
    }
    gauge('apiserver_flowcontrol_nominal_limit_seats', 'Nominal number of execution seats configured for each priority level', 'nominal')
    gauge('apiserver_flowcontrol_current_executing_seats', 'Concurrency (number of seats) occupied by the currently executing requests', 'running')
    gauge('apiserver_flowcontrol_current_inqueue_requests', 'Number of requests currently pending in queues of the API Priority and Fairness subsystem', 'waiting')
  }

  /**
   * A seat, at once where there is one. Rejects with 429 where there is no room or the wait was too long, with the reason of `gone` when the
   * client leaves. `width`: seats the request takes.
   */
  enter(asked: Asked, width: number, gone: (left: () => void) => Disposable): Seat | Promise<Seat> {
    const classified = classify(this.#configuration.schemas, asked)
    // Only where neither `catch-all` nor anything else is configured, which {@link withMandatory} sees to.
    if (!classified) throw tooMany()
    const { level, flow, schema } = classified
    const answer = this.#machine.arrive(level, `${schema.metadata?.name}\u0000${flow}`, width)
    if (answer.is === 'refused') {
      this.#count.rejected(classified, answer.why)
      throw tooMany()
    }
    const { ticket } = answer
    const seat: Seat = { schemaUid: schema.metadata?.uid ?? '', levelUid: this.#configuration.levelUids.get(level) ?? '', leave: () => this.#leave(ticket) }
    if (answer.is === 'waiting') return this.#wait(ticket, classified, seat, gone)
    this.#count.dispatched(classified)
    return seat
  }

  async #wait(ticket: Ticket, classified: Classified, seat: Seat, gone: (left: () => void) => Disposable): Promise<Seat> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const refuse = (error: StatusError): void => { this.#leave(ticket); reject(error) }
    this.#waiting.set(ticket, { start: resolve, refuse })
    using _left = gone(() => refuse(new StatusError('Timeout', 'the client left while its request waited')))
    using _limit = this.#clock.after(WAIT_LIMIT, () => { this.#count.rejected(classified, 'time-out'); refuse(tooMany()) })
    await promise
    this.#count.dispatched(classified)
    return seat
  }

  #leave(ticket: Ticket): void {
    this.#waiting.delete(ticket)
    for (const started of this.#machine.leave(ticket)) {
      const wait = this.#waiting.get(started)
      this.#waiting.delete(started)
      wait?.start()
    }
  }

  #load(): Configuration {
    const all = <T>(resource: string): T[] =>
      this.#store.list({ prefix: resourcePrefix({ group: GROUP, resource, namespaced: false }) }).entries.map((e) => JSON.parse(e.value.toString()) as T)
    const schemas = withMandatory(all<FlowSchema>('flowschemas'), suggestedSchemas)
    const configured = withMandatory(all<PriorityLevelConfiguration>('prioritylevelconfigurations'), suggestedLevels)
    const levels = configured.map(levelOf)
    const known = new Set(levels.map((l) => l.name))
    // A schema whose level does not exist matches nothing (`dangling.ts` says so in its status).
    const usable = schemas.filter((s) => known.has(s.spec?.priorityLevelConfiguration.name ?? ''))
    return { schemas: inOrder(usable), levels, levelUids: new Map(configured.map((l) => [l.metadata?.name ?? '', l.metadata?.uid ?? ''])) }
  }

  #reload(): void {
    this.#configuration = this.#load()
    for (const orphan of this.#machine.configure(this.#configuration.levels)) {
      const wait = this.#waiting.get(orphan)
      this.#waiting.delete(orphan)
      wait?.refuse(tooMany())
    }
  }

  /** Follows changes of the configuration until the signal aborts. `changed`: called after each. */
  async run(signal: AbortSignal, changed: () => void): Promise<void> {
    while (!signal.aborted) {
      const watcher = this.#store.watch(groupPrefix(GROUP), this.#store.revision)
      this.#reload()
      changed()
      try {
        for (;;) {
          await watcher.next(signal)
          this.#reload()
          changed()
        }
      } catch (e) {
        if (signal.aborted || (e as Error).name === 'AbortError') return
        if (!(e instanceof CompactedError)) throw e
      } finally {
        watcher.close()
      }
    }
  }
}
