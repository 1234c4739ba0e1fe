/** A runtime whose operations are counted and timed under the kubelet's names (`kubelet_runtime_operations_*`). */
import type { Metrics } from '../../shared/base/metrics.ts'
import type { Runtime } from './runtime.ts'

/** Upstream's names of what it asks of CRI. Streams (events, logs) have no end to be timed. */
const operations = {
  version: 'version', runSandbox: 'run_podsandbox', stopSandbox: 'stop_podsandbox', removeSandbox: 'remove_podsandbox', startContainer: 'start_container', stopContainer: 'stop_container', removeContainer: 'remove_container',
  list: 'list_containers', inspect: 'container_status', execSync: 'exec_sync', exec: 'exec', attach: 'attach', pullImage: 'pull_image', image: 'image_status', images: 'list_images', removeImage: 'remove_image', stats: 'list_container_stats',
} as const satisfies Partial<Record<keyof Runtime, string>>

/** Upstream's: from 5 ms on, each two and a half times the last. */
const buckets = Array.from({ length: 14 }, (_, i) => 0.005 * 2.5 ** i)

type Call = (...args: readonly unknown[]) => Promise<unknown>

export function countedRuntime(runtime: Runtime, metrics: Metrics, monotonic: () => number): Runtime {
  const total = metrics.counter('kubelet_runtime_operations_total', '[ALPHA] Cumulative number of runtime operations by operation type.', 'operation_type')
  const errors = metrics.counter('kubelet_runtime_operations_errors_total', '[ALPHA] Cumulative number of runtime operation errors by operation type.', 'operation_type')
  const duration = metrics.histogram('kubelet_runtime_operations_duration_seconds', '[ALPHA] Duration in seconds of runtime operations. Broken down by operation type.', { buckets, labels: ['operation_type'] })
  const counted = new Map<string | symbol, Call>()
  for (const [method, name] of Object.entries(operations)) {
    const call = (runtime[method as keyof typeof operations] as Call).bind(runtime)
    const [calls, failures, seconds] = [total.labels(name), errors.labels(name), duration.labels(name)]
    counted.set(method, async (...args) => {
      const began = monotonic()
      calls.inc()
      try {
        return await call(...args)
      } catch (e) {
        failures.inc()
        throw e
      } finally {
        seconds.observe((monotonic() - began) / 1000)
      }
    })
  }
  return new Proxy(runtime, {
    get(target, name) {
      const own = counted.get(name)
      if (own) return own
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value as Call).bind(target) : value
    },
  })
}
