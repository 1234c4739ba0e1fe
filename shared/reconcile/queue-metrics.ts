/** What a queue of keys counts, under the names of `component-base/metrics/prometheus/workqueue`. */
import type { Millis } from '../base/brands.ts'
import type { Clock } from '../base/host.ts'
import type { Metrics } from '../base/metrics.ts'

/** Upstream's: ten nanoseconds to a thousand seconds. */
const BUCKETS: readonly number[] = Array.from({ length: 12 }, (_, i) => Number(`1e${i - 8}`))

export interface QueueMetrics {
  /** A key was asked for that did not wait already. */
  added(): void
  /** It waits for a worker from now. */
  ready(key: string): void
  begun(key: string): void
  done(key: string): void
  retried(): void
}

/** Undefined where nobody measures. `depth`: keys that wait now. */
export function createQueueMetrics({ name, clock, metrics }: { readonly name: string; readonly clock: Clock; readonly metrics?: Metrics | undefined }, depth: () => number): QueueMetrics | undefined {
  if (!metrics) return undefined
  const waiting = new Map<string, Millis>()
  const working = new Map<string, Millis>()
  const seconds = (since: Millis): number => (clock.monotonic() - since) / 1000
  const gauges = gaugesOf(metrics)
  gauges.set(name, {
    depth, unfinished: () => [...working.values()].reduce((sum, since) => sum + seconds(since), 0), longest: () => Math.max(0, ...[...working.values()].map(seconds)),
  })
  const adds = metrics.counter('workqueue_adds_total', 'Total number of adds handled by workqueue', 'name').labels(name)
  const retries = metrics.counter('workqueue_retries_total', 'Total number of retries handled by workqueue', 'name').labels(name)
  const waited = metrics.histogram('workqueue_queue_duration_seconds', 'How long in seconds an item stays in workqueue before being requested.', { buckets: BUCKETS, labels: ['name'] }).labels(name)
  const worked = metrics.histogram('workqueue_work_duration_seconds', 'How long in seconds processing an item from workqueue takes.', { buckets: BUCKETS, labels: ['name'] }).labels(name)
  const end = (from: Map<string, Millis>, key: string, into: { observe(value: number): void }): void => {
    const since = from.get(key)
    if (since === undefined) return
    from.delete(key)
    into.observe(seconds(since))
  }
  return {
    added: () => adds.inc(), retried: () => retries.inc(),
    ready: (key) => { waiting.set(key, clock.monotonic()) },
    begun(key) {
      end(waiting, key, waited)
      working.set(key, clock.monotonic())
    },
    done: (key) => end(working, key, worked),
  }
}

interface Reading { readonly depth: () => number; readonly unfinished: () => number; readonly longest: () => number }

/** Of all queues that share these metrics, by name; a queue made again under a name takes its place. */
const readings = new WeakMap<Metrics, Map<string, Reading>>()

function gaugesOf(metrics: Metrics): Map<string, Reading> {
  const known = readings.get(metrics)
  if (known) return known
  const all = new Map<string, Reading>()
  readings.set(metrics, all)
  const gauge = (name: string, help: string, of: keyof Reading): void =>
    metrics.collected(name, { kind: 'gauge', help, labels: ['name'], read: () => [...all].map(([queue, reading]) => ({ labels: [queue], value: reading[of]() })) })
  gauge('workqueue_depth', 'Current depth of workqueue', 'depth')
  gauge('workqueue_unfinished_work_seconds', 'How many seconds of work has been done that is in progress and hasn\'t been observed by work_duration. Large values indicate stuck threads.', 'unfinished')
  gauge('workqueue_longest_running_processor_seconds', 'How many seconds has the longest running processor for workqueue been running.', 'longest')
  return all
}
