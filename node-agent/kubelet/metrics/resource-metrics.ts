/** `/metrics/resource`: cpu, memory and swap of node, pods and containers, under upstream's names (`kubelet/metrics/collectors/resource_metrics.go`). Pure. */
import { family, type Sample } from './exposition.ts'
import type { ContainerReading, PodReading, Snapshot } from './snapshot.ts'

export function resourceMetrics({ at, node, pods, failed }: Snapshot): string {
  const perNode = (value: number): Sample[] => [{ labels: {}, value, at }]
  const perPod = (of: (p: PodReading) => number): Sample[] => pods.map((p) => ({ labels: { namespace: p.namespace, pod: p.name }, value: of(p), at }))
  const perContainer = (of: (c: ContainerReading) => number, timed = true): Sample[] =>
    pods.flatMap((p) => p.containers.map((c) => ({ labels: { container: c.name, namespace: p.namespace, pod: p.name }, value: of(c), ...(timed ? { at } : {}) })))
  return [
    family('container_cpu_usage_seconds_total', 'counter', '[STABLE] Cumulative cpu time consumed by the container in core-seconds', perContainer((c) => c.cgroup.cpuNanos / 1e9)),
    family('container_memory_working_set_bytes', 'gauge', '[STABLE] Current working set of the container in bytes', perContainer((c) => c.cgroup.workingSetBytes)),
    // A time of its own would make it stale at once: it is when the container started.
    family('container_start_time_seconds', 'gauge', '[STABLE] Start time of the container since unix epoch in seconds', perContainer((c) => c.startedAt / 1000, false)),
    family('container_swap_usage_bytes', 'gauge', '[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems', perContainer((c) => c.cgroup.swapBytes)),
    family('node_cpu_usage_seconds_total', 'counter', '[STABLE] Cumulative cpu time consumed by the node in core-seconds', perNode(node.cpuNanos / 1e9)),
    family('node_memory_working_set_bytes', 'gauge', '[STABLE] Current working set of the node in bytes', perNode(node.memory.workingSetBytes)),
    family('node_swap_usage_bytes', 'gauge', '[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems', perNode(node.swap.usedBytes)),
    family('pod_cpu_usage_seconds_total', 'counter', '[STABLE] Cumulative cpu time consumed by the pod in core-seconds', perPod((p) => p.cgroup.cpuNanos / 1e9)),
    family('pod_memory_working_set_bytes', 'gauge', '[STABLE] Current working set of the pod in bytes', perPod((p) => p.cgroup.workingSetBytes)),
    family('pod_swap_usage_bytes', 'gauge', '[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems', perPod((p) => p.cgroup.swapBytes)),
    family('resource_scrape_error', 'gauge', '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise', [{ labels: {}, value: failed ? 1 : 0 }]),
  ].join('')
}
