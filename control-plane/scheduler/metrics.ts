/** What the scheduler counts, under upstream's names (`pkg/scheduler/metrics`). */
import type { Millis } from '../../shared/base/brands.ts'
import type { Clock } from '../../shared/base/host.ts'
import type { Metrics } from '../../shared/base/metrics.ts'
import type { SchedulingQueue } from './queue/machine.ts'

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error'

export interface SchedulerMetrics {
  /** The decision alone, without the write of the binding. `since`: monotonic. */
  decided(since: Millis): void
  /** An attempt is over: bound, or not. */
  attempt(result: AttemptResult, since: Millis): void
}

/** `prometheus.ExponentialBuckets(0.001, 2, 15)`: a millisecond to sixteen seconds. */
const BUCKETS: readonly number[] = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i)

/** `profile`: the scheduler's name. Counts nothing where nobody measures. */
export function createSchedulerMetrics({ metrics, clock, queue, profile }: { readonly metrics: Metrics | undefined; readonly clock: Clock; readonly queue: SchedulingQueue; readonly profile: string }): SchedulerMetrics {
  if (!metrics) return { decided: () => undefined, attempt: () => undefined }
  metrics.collected('scheduler_pending_pods', {
    kind: 'gauge', labels: ['queue'], read: () => Object.entries(queue.size).map(([name, value]) => ({ labels: [name], value })),
    help: "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed.",
  })
  const decisions = metrics.histogram('scheduler_scheduling_algorithm_duration_seconds', 'Scheduling algorithm latency in seconds', { buckets: BUCKETS }).labels()
  const attempts = metrics.counter('scheduler_schedule_attempts_total', "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.", 'profile', 'result')
  const durations = metrics.histogram('scheduler_scheduling_attempt_duration_seconds', 'Scheduling attempt latency in seconds (scheduling algorithm + binding)', { buckets: BUCKETS, labels: ['profile', 'result'] })
  const seconds = (since: Millis): number => (clock.monotonic() - since) / 1000
  return {
    decided: (since) => decisions.observe(seconds(since)),
    attempt(result, since) {
      attempts.labels(profile, result).inc()
      durations.labels(profile, result).observe(seconds(since))
    },
  }
}
