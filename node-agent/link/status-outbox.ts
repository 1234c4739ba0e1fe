/**
 * What the node has to say. The newest word about each object is kept until the control plane has written it, and statuses of pods beyond
 * that: a control plane that lost its last half minute is told again. Bounded by the number of pods, and for events by a limit.
 */
import type { NodeStatus, PodStatus } from '../../shared/api/core-v1.ts'
import type { Host } from '../../shared/base/host.ts'
import type { Millis } from '../../shared/base/brands.ts'
import type { EventItem, ReportBody, ReportItem, ReportReceipt } from '../../shared/mqtt/messages.ts'
import { limits } from '../../shared/mqtt/codec.ts'
import { createEventCorrelator } from '../../shared/reconcile/event-correlator.ts'
import type { EventReport, PodRef, StatusSink } from './link.ts'

interface Kept { seq: number; body: ReportBody; json: string; state: 'waiting' | 'sent' | 'written' }

/** Events waiting at most; the oldest are dropped first, and their number is logged. */
const maxEvents = 500
/** Reports made within this time go up together. */
const gather: Millis = 10
/** A report without a receipt for so long is sent again. */
const retryAfter: Millis = 30_000

const iso = (at: Millis): string => `${new Date(at).toISOString().slice(0, 19)}Z`

export class StatusOutbox implements StatusSink {
  readonly #host: Host
  readonly #kept = new Map<string, Kept>()
  readonly #correlator = createEventCorrelator()
  /** Event name to the time of its first occurrence, as old as the correlator's memory. */
  readonly #firsts = new Map<string, string>()
  #send: ((items: readonly ReportItem[]) => void) | undefined
  #incarnation: string | undefined
  #seq = 0
  #lastEvent = 0n
  #dropped = 0
  #flushing: Disposable | undefined
  #retry: Disposable | undefined

  constructor(host: Host) { this.#host = host }

  podStatus(pod: PodRef, status: PodStatus): void { this.#keep(`pod/${pod.uid}`, { item: 'pod', namespace: pod.namespace, name: pod.name, uid: pod.uid, status }) }

  podGone(pod: PodRef): void { this.#keep(`gone/${pod.uid}`, { item: 'gone', namespace: pod.namespace, name: pod.name, uid: pod.uid }) }

  podForgotten(pod: PodRef): void { this.#kept.delete(`pod/${pod.uid}`) }

  nodeStatus(status: NodeStatus, labels: Readonly<Record<string, string>>): void { this.#keep('node', { item: 'node', status, labels }) }

  event(report: EventReport): void {
    const { regarding, type, reason, message, at } = report
    const seen = this.#correlator.observe({ metadata: {}, involvedObject: regarding, type, reason, message, source: { component: 'kubelet' } }, this.#host.clock.monotonic())
    if (seen.kind === 'suppress') return
    const name = seen.kind === 'repeat' ? seen.name : `${regarding.name}.${this.#eventNumber()}`
    if (seen.kind === 'new') this.#correlator.created(seen.key, name)
    const first = this.#firsts.get(name) ?? iso(at)
    this.#firsts.delete(name)
    this.#firsts.set(name, first)
    if (this.#firsts.size > 4096) for (const oldest of this.#firsts.keys()) { this.#firsts.delete(oldest); break }
    const body: EventItem = { item: 'event', name, regarding, eventType: type, reason, message: seen.message, count: seen.count, first, last: iso(at) }
    this.#keep(`event/${name}`, body)
    this.#limitEvents()
  }

  /**
   * Upstream's form: nanoseconds in hexadecimal. Lists come sorted by name, so events of an object are read in the order they happened.
   * The digits below the millisecond are random: a board whose clock starts in 1970 at every boot must not use a name again.
   */
  #eventNumber(): string {
    const now = BigInt(Math.floor(this.#host.clock.now())) * 1_000_000n + BigInt(Math.floor(this.#host.random.float() * 1e6))
    this.#lastEvent = now > this.#lastEvent ? now : this.#lastEvent + 1n
    return this.#lastEvent.toString(16)
  }

  /** A connection is there: `send` takes reports until `disconnected`. Everything without a receipt goes (again), and the node's own status always. */
  connected(send: (items: readonly ReportItem[]) => void): void {
    this.#send = send
    for (const [key, k] of this.#kept) if (k.state === 'sent' || key === 'node') k.state = 'waiting'
    this.#soon()
  }

  disconnected(): void {
    this.#send = undefined
    this.#flushing?.[Symbol.dispose]()
    this.#flushing = undefined
    this.#retry?.[Symbol.dispose]()
    this.#retry = undefined
  }

  /** Which run of the gateway is at the other end. A new one may have lost what was not yet on its disk: it is told everything again. */
  gateway(incarnation: string): void {
    if (this.#incarnation !== undefined && this.#incarnation !== incarnation) for (const k of this.#kept.values()) k.state = 'waiting'
    this.#incarnation = incarnation
    this.#soon()
  }

  receipts(receipts: readonly ReportReceipt[]): void {
    for (const { key, seq, refused } of receipts) {
      const kept = this.#kept.get(key)
      if (refused !== undefined) this.#host.log.info('report refused', { key, why: refused })
      if (!kept || kept.seq !== seq) continue
      kept.state = 'written'
      if (refused !== undefined || kept.body.item === 'event' || kept.body.item === 'gone') this.#kept.delete(key)
      if (kept.body.item === 'gone') this.#kept.delete(`pod/${kept.body.uid}`)
    }
    if (![...this.#kept.values()].some((k) => k.state === 'sent')) { this.#retry?.[Symbol.dispose](); this.#retry = undefined }
  }

  /** Reports that wait for a connection or a receipt. */
  get unconfirmed(): number { return [...this.#kept.values()].filter((k) => k.state !== 'written').length }

  close(): void { this.disconnected() }

  #keep(key: string, body: ReportBody): void {
    const json = JSON.stringify(body)
    // Only what changed is said.
    if (this.#kept.get(key)?.json === json) return
    this.#kept.delete(key)
    this.#kept.set(key, { seq: ++this.#seq, body, json, state: 'waiting' })
    this.#soon()
  }

  #limitEvents(): void {
    const events = [...this.#kept].filter(([, k]) => k.body.item === 'event')
    if (events.length <= maxEvents) return
    for (const [key] of events.slice(0, events.length - maxEvents)) { this.#kept.delete(key); this.#dropped++ }
  }

  #soon(): void {
    if (!this.#send || this.#flushing) return
    this.#flushing = this.#host.clock.after(gather, () => { this.#flushing = undefined; this.#flush() })
  }

  #flush(): void {
    if (!this.#send) return
    if (this.#dropped > 0) { this.#host.log.warn('events dropped while not connected', { count: this.#dropped }); this.#dropped = 0 }
    let items: ReportItem[] = []
    let size = 0
    const send = this.#send
    for (const [key, k] of this.#kept) {
      if (k.state !== 'waiting') continue
      if (size > 0 && size + k.json.length > limits.part) { send(items); items = []; size = 0 }
      items.push({ key, seq: k.seq, body: k.body })
      size += k.json.length
      k.state = 'sent'
    }
    if (items.length === 0) return
    send(items)
    this.#retry ??= this.#host.clock.after(retryAfter, () => {
      this.#retry = undefined
      for (const k of this.#kept.values()) if (k.state === 'sent') k.state = 'waiting'
      this.#soon()
    })
  }
}
