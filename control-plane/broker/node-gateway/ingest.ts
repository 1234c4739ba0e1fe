/**
 * Writes what nodes report through the API. The newest report of a key replaces one that waits; keys of one pod are written one at a time, in
 * the order they came; what fails for a passing reason is tried again; what is refused for good is receipted with the reason.
 */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists, isConflict, isNotFound, isStatus } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import type { EventItem, ReportBody, ReportItem, ReportReceipt } from '../../../shared/mqtt/messages.ts'
import type { Informer } from '../../../shared/reconcile/informer.ts'
import { createWorkQueue } from '../../../shared/reconcile/work-queue.ts'
import { merge } from './pod-status/rules.ts'

interface Pending { readonly node: string; readonly session: string; readonly items: Map<string, ReportItem> }
type PodBody = Extract<ReportBody, { item: 'pod' | 'gone' }>

export interface IngestOptions {
  readonly host: Host
  readonly client: ApiClient
  readonly pods: Pick<Informer<Pod>, 'get'>
  readonly receipt: (node: string, session: string, receipts: readonly ReportReceipt[]) => void
  /** Node reports are merged with what the gateway itself knows of the node. */
  readonly nodeReport: (node: string, body: Extract<ReportBody, { item: 'node' }>) => Promise<void>
}

/** Different keys waiting per node: pods x 2, events, the node. Above it the node keeps them: without a receipt it reports again. */
const maxWaiting = 4000
const workers = 32
/** Codes that another try may cure. */
const passing = (error: unknown): boolean => !isStatus(error) || isConflict(error) || error.code >= 500 || error.code === 429 || error.code === 408

export class Ingest {
  readonly #options: IngestOptions
  readonly #pending = new Map<string, Pending>()
  readonly #waiting = new Map<string, number>()
  readonly #queue

  constructor(options: IngestOptions) {
    this.#options = options
    this.#queue = createWorkQueue({ name: 'node reports', clock: options.host.clock, log: options.host.log.child('ingest'), baseDelay: 50, maxDelay: 30_000 })
  }

  run(signal: AbortSignal): Promise<void> { return this.#queue.run(workers, (key) => this.#write(key), signal) }

  accept(node: string, session: string, items: readonly ReportItem[]): void {
    for (const item of items) {
      const key = `${node}|${orderKey(item)}`
      let pending = this.#pending.get(key)
      // A new session numbers anew, and repeats whatever it has no receipt for.
      if (pending?.session !== session) {
        if (pending) this.#count(node, -pending.items.size)
        this.#pending.set(key, pending = { node, session, items: new Map() })
      }
      const waiting = pending.items.get(item.key)
      if (waiting && waiting.seq >= item.seq) continue
      if (!waiting) {
        if ((this.#waiting.get(node) ?? 0) >= maxWaiting) continue
        this.#count(node, 1)
      }
      pending.items.set(item.key, item)
      this.#queue.add(key)
    }
  }

  #count(node: string, by: number): void {
    const n = (this.#waiting.get(node) ?? 0) + by
    if (n > 0) this.#waiting.set(node, n)
    else this.#waiting.delete(node)
  }

  async #write(key: string): Promise<void> {
    const pending = this.#pending.get(key)
    if (!pending) return
    const { node, session, items } = pending
    const receipts: ReportReceipt[] = []
    try {
      for (const item of items.values()) {
        const refused = await this.#writeItem(node, item.body)
        receipts.push({ key: item.key, seq: item.seq, ...(refused === undefined ? {} : { refused }) })
        // A newer one may have come meanwhile: it stays, and its `add` has put the key in the queue again.
        if (items.get(item.key)?.seq === item.seq && items.delete(item.key)) { if (this.#pending.get(key) === pending) this.#count(node, -1) }
      }
      if (items.size === 0 && this.#pending.get(key) === pending) this.#pending.delete(key)
    } finally {
      if (receipts.length > 0) this.#options.receipt(node, session, receipts)
    }
  }

  /** The reason where it is refused for good. Rejects where it is to be tried again. */
  async #writeItem(node: string, body: ReportBody): Promise<string | undefined> {
    try {
      switch (body.item) {
        case 'pod': return await this.#podStatus(node, body)
        case 'gone': return await this.#podGone(node, body)
        case 'node': await this.#options.nodeReport(node, body); return undefined
        case 'event': await this.#event(node, body); return undefined
      }
    } catch (error) {
      if (passing(error)) throw error
      return (error as Error).message
    }
  }

  async #pod(body: PodBody, fresh: boolean): Promise<Stored<Pod> | undefined> {
    const cached = fresh ? undefined : this.#options.pods.get(body.namespace, body.name)
    if (cached?.metadata.uid === body.uid) return cached
    return await this.#options.client.get(refs.Pod, body).catch((e: unknown) => { if (isNotFound(e)) return undefined; throw e })
  }

  async #podStatus(node: string, body: Extract<ReportBody, { item: 'pod' }>): Promise<string | undefined> {
    for (let attempt = 0; ; attempt++) {
      const pod = await this.#pod(body, attempt > 0)
      if (!pod) return 'the pod is gone'
      const merged = merge(pod, { uid: body.uid, status: body.status, node })
      if (merged.do === 'refuse') return merged.why
      if (merged.do === 'nothing') return undefined
      try {
        await this.#options.client.update(refs.Pod, { ...pod, status: merged.status }, { subresource: 'status', fieldManager: 'kubelet' })
        return undefined
      } catch (error) {
        if (isNotFound(error)) return 'the pod is gone'
        // Our copy was behind: the next round reads the newest.
        if (!isConflict(error) || attempt >= 3) throw error
      }
    }
  }

  async #podGone(node: string, body: Extract<ReportBody, { item: 'gone' }>): Promise<string | undefined> {
    const pod = await this.#pod(body, false)
    if (!pod || pod.metadata.uid !== body.uid) return undefined
    if (pod.spec?.nodeName !== node) return 'the pod is not bound to this node'
    // A mirror is the node's own: it goes with the manifest.
    if (pod.metadata.deletionTimestamp === undefined && pod.metadata.annotations?.['kubernetes.io/config.mirror'] === undefined) {
      const newest = await this.#pod(body, true)
      if (newest && newest.metadata.uid === body.uid && newest.metadata.deletionTimestamp === undefined) return 'the pod is not being deleted'
    }
    try {
      await this.#options.client.delete(refs.Pod, body, { gracePeriodSeconds: 0, preconditions: { uid: body.uid } })
    } catch (error) {
      // Gone, or another one of that name by now: done either way.
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
    return undefined
  }

  async #event(node: string, e: EventItem): Promise<void> {
    const { client } = this.#options
    const namespace = e.regarding.namespace || 'default'
    const create = () => client.create(refs.Event, {
      apiVersion: 'v1', kind: 'Event', metadata: { namespace, name: e.name }, type: e.eventType, reason: e.reason, message: e.message, count: e.count,
      firstTimestamp: e.first, lastTimestamp: e.last, source: { component: 'kubelet', host: node }, reportingComponent: 'kubelet', reportingInstance: node,
      involvedObject: { apiVersion: 'v1', ...e.regarding },
    })
    const patch = () => client.patch(refs.Event, { namespace, name: e.name }, 'application/merge-patch+json', { count: e.count, lastTimestamp: e.last, message: e.message })
    if (e.count > 1) await patch().catch((error: unknown) => { if (!isNotFound(error)) throw error; return create() })
    else await create().catch((error: unknown) => { if (!isAlreadyExists(error)) throw error; return patch() })
  }
}

/** Reports with the same order key are written one after the other. */
function orderKey({ key, body }: ReportItem): string {
  return body.item === 'pod' || body.item === 'gone' ? `pod/${body.namespace}/${body.name}/${body.uid}` : key
}
