/**
 * A queue of keys with client-go's semantics (`util/workqueue`): a key says "look at this object again", never what happened to it.
 *
 * - A key waits at most once: adding it again while it waits changes nothing.
 * - A key is never handled by two workers at once: added while it is being handled, it is handled again afterwards. So no wake-up is lost.
 * - Keys are handed out in the order they became ready; there is no priority.
 * - A handler that rejects puts its key back after a delay of its own that doubles per failure (5 ms to 1000 s); success resets it.
 */
import type { Millis } from '../base/brands.ts'
import { isConflict, messageOf } from '../base/errors.ts'
import type { Clock, Log } from '../base/host.ts'
import type { Metrics } from '../base/metrics.ts'
import { createQueueMetrics } from './queue-metrics.ts'

/** What a handler may answer: nothing, or "look again after `after` milliseconds" (a success: the failure count is reset). */
export type HandlerResult = void | { readonly after: Millis }
export type Handler = (key: string, signal: AbortSignal) => Promise<HandlerResult>

export interface WorkQueue {
  /** Makes the key ready now. Safe from event handlers: no work is done before the current turn of the event loop ends. */
  add(key: string): void
  /** Makes the key ready after `ms`; of several pending delays of one key the earliest holds. */
  addAfter(key: string, ms: Millis): void
  /** Makes the key ready after its back-off, and counts one more failure. */
  addRateLimited(key: string): void
  /** Resets the key's failure count. Does not remove it from the queue. */
  forget(key: string): void
  /** Failures counted for the key. */
  failures(key: string): number
  /** Keys ready and not yet handed out. */
  readonly length: number
  /**
   * Handles keys with up to `workers` at a time until `signal` aborts; resolves once the handlers under way have ended. One run at a time.
   * Keys left in the queue stay there: a later run handles them.
   */
  run(workers: number, handler: Handler, signal: AbortSignal): Promise<void>
}

export interface WorkQueueOptions {
  readonly name: string
  readonly clock: Clock
  readonly log: Log
  /** Delay after the first failure. Default 5 ms; it doubles each time. */
  readonly baseDelay?: Millis
  /** Default 1000 s. */
  readonly maxDelay?: Millis
  /** Told of the queue under upstream's names, `workqueue_*`. */
  readonly metrics?: Metrics | undefined
}

/** Delay before try `failures + 1`: base x 2^failures, at most `max`. */
export const backoffDelay = (failures: number, base: Millis, max: Millis): Millis => Math.min(max, base * 2 ** Math.min(failures, 40))

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { clock, log, name, baseDelay = 5, maxDelay = 1_000_000 } = options
  /** Ready keys, oldest first; a Set keeps insertion order and says each key once. */
  const ready = new Set<string>()
  const processing = new Set<string>()
  /** Keys added while being processed. */
  const again = new Set<string>()
  const failed = new Map<string, number>()
  const delayed = new Map<string, { at: Millis; timer: Disposable }>()
  let pump: (() => void) | undefined
  let scheduled = false

  const wake = (): void => {
    if (!pump || scheduled) return
    scheduled = true
    queueMicrotask(() => { scheduled = false; pump?.() })
  }
  const measured = createQueueMetrics(options, () => ready.size)
  const enter = (key: string): void => {
    if (!ready.has(key)) measured?.ready(key)
    ready.add(key)
  }
  const add = (key: string): void => {
    const waiting = delayed.get(key)
    if (waiting) { waiting.timer[Symbol.dispose](); delayed.delete(key) }
    if (processing.has(key)) {
      if (!again.has(key)) measured?.added()
      again.add(key)
    } else {
      if (!ready.has(key)) measured?.added()
      enter(key)
    }
    wake()
  }
  const addAfter = (key: string, ms: Millis): void => {
    if (!(ms > 0)) { add(key); return }
    const at = clock.monotonic() + ms
    const waiting = delayed.get(key)
    if (waiting && waiting.at <= at) return
    waiting?.timer[Symbol.dispose]()
    delayed.set(key, { at, timer: clock.after(ms, () => { delayed.delete(key); add(key) }) })
  }
  const addRateLimited = (key: string): void => {
    const failures = failed.get(key) ?? 0
    failed.set(key, failures + 1)
    measured?.retried()
    addAfter(key, backoffDelay(failures, baseDelay, maxDelay))
  }
  const settle = (key: string): void => {
    processing.delete(key)
    measured?.done(key)
    if (again.delete(key)) enter(key)
  }
  const handle = async (key: string, handler: Handler, signal: AbortSignal): Promise<void> => {
    try {
      const result = await handler(key, signal)
      failed.delete(key)
      if (result) addAfter(key, result.after)
    } catch (e) {
      if (signal.aborted) { again.add(key); return }
      // A conflict only says that somebody else was quicker: the next try reads what they wrote.
      const fields = { queue: name, key, failures: (failed.get(key) ?? 0) + 1, error: messageOf(e) }
      if (isConflict(e)) log.debug('conflict, will retry', fields)
      else log.warn('failed, will retry', fields)
      addRateLimited(key)
    } finally {
      settle(key)
    }
  }

  return {
    add, addAfter, addRateLimited,
    forget: (key) => { failed.delete(key) },
    failures: (key) => failed.get(key) ?? 0,
    get length() { return ready.size },
    async run(workers, handler, signal) {
      if (pump) throw new Error(`queue ${name} is already running`)
      if (signal.aborted) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const stop = (): void => { if (processing.size === 0) resolve() }
      pump = () => {
        for (const key of ready) {
          if (signal.aborted || processing.size >= workers) break
          ready.delete(key)
          processing.add(key)
          measured?.begun(key)
          void handle(key, handler, signal).finally(() => { if (signal.aborted) stop(); else wake() })
        }
      }
      signal.addEventListener('abort', stop, { once: true })
      wake()
      await promise
      pump = undefined
    },
  }
}
