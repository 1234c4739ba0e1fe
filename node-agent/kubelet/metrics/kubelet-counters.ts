/** What the kubelet counts while it works, under upstream's names (`pkg/kubelet/metrics`). Counting is an addition; what can be read when asked is not counted. */
import type { PodStatus } from '../../../shared/api/core-v1.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { Metrics } from '../../../shared/base/metrics.ts'
import type { StatusSink } from '../../link/link.ts'
import type { RuntimeCache } from '../observe/cache.ts'

/** Upstream's buckets of a pod's start: half seconds to an hour. */
const startBuckets: readonly number[] = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600]

export interface KubeletCounters {
  /** Told each event about a container; `reason` is why it has trouble, where it has. */
  event(event: { readonly reason: string; readonly fieldPath: string | undefined; readonly trouble: string | undefined }): void
  evicted(signal: string): void
  /** A pod ends for a critical one; `resource` is what that lacks. */
  preempted(resource: string): void
  /** The same sink, through which starts are seen. */
  watched(sink: StatusSink): StatusSink
}

const typeOf = (fieldPath: string): string => (fieldPath.startsWith('spec.initContainers') ? 'init_container' : fieldPath.startsWith('spec.ephemeralContainers') ? 'ephemeral_container' : 'container')
const allStarted = ({ phase, containerStatuses = [] }: PodStatus): boolean => phase === 'Running' && containerStatuses.every((c) => c.state?.running ?? c.state?.terminated)

export function createKubeletCounters(metrics: Metrics, clock: Clock): KubeletCounters {
  const started = metrics.counter('kubelet_started_containers_total', '[ALPHA] Cumulative number of containers started', 'container_type')
  const failed = metrics.counter('kubelet_started_containers_errors_total', '[ALPHA] Cumulative number of errors when starting containers', 'container_type', 'code')
  const pods = metrics.counter('kubelet_started_pods_total', '[ALPHA] Cumulative number of pods started').labels()
  const preemptions = metrics.counter('kubelet_preemptions', '[ALPHA] Cumulative number of pod preemptions by preemption resource', 'preemption_signal')
  const evictions = metrics.counter('kubelet_evictions', '[ALPHA] Cumulative number of pod evictions by eviction signal', 'eviction_signal')
  const took = metrics.histogram('kubelet_pod_start_duration_seconds', '[ALPHA] Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run', { buckets: startBuckets }).labels()
  /** Pods seen before they ran, by uid: when. One that ran when we first saw it was started by an earlier agent. */
  const waiting = new Map<string, number>()
  const noted = (uid: string, status: PodStatus): void => {
    const since = waiting.get(uid)
    if (status.phase === 'Pending') { if (since === undefined) waiting.set(uid, clock.monotonic()) } else if (since !== undefined && (status.phase !== 'Running' || allStarted(status))) {
      waiting.delete(uid)
      if (status.phase === 'Running') { took.observe((clock.monotonic() - since) / 1000); pods.inc() }
    }
  }
  return {
    event({ reason, fieldPath, trouble }) {
      if (fieldPath === undefined) return
      if (reason === 'Started') started.labels(typeOf(fieldPath)).inc()
      else if (reason === 'Failed' && (trouble === 'CreateContainerError' || trouble === 'RunContainerError' || trouble === 'CreateContainerConfigError')) failed.labels(typeOf(fieldPath), trouble).inc()
    },
    evicted: (signal) => evictions.labels(signal).inc(),
    preempted: (resource) => preemptions.labels(resource).inc(),
    watched: (sink) => ({
      podStatus(pod, status) { noted(pod.uid, status); sink.podStatus(pod, status) },
      podGone(pod) { waiting.delete(pod.uid); sink.podGone(pod) },
      podForgotten(pod) { waiting.delete(pod.uid); sink.podForgotten(pod) },
      nodeStatus: (status, labels) => sink.nodeStatus(status, labels),
      event: (event) => sink.event(event),
    }),
  }
}

/** What is read when somebody asks. */
export function collectRunning(metrics: Metrics, nodeName: string, cache: RuntimeCache): void {
  metrics.collected('kubelet_node_name', { kind: 'gauge', help: '[ALPHA] The node\'s name. The count is always 1.', labels: ['node'], read: () => [{ labels: [nodeName], value: 1 }] })
  metrics.collected('kubelet_running_pods', { kind: 'gauge', help: '[ALPHA] Number of pods that have a running pod sandbox', read: () => [{ labels: [], value: [...cache.pods().values()].filter((s) => s?.state === 'ready').length }] })
  metrics.collected('kubelet_running_containers', {
    kind: 'gauge', help: '[ALPHA] Number of containers currently running', labels: ['container_state'],
    read: () => [...Map.groupBy(cache.containers(), (c) => c.state)].map(([state, list]) => ({ labels: [state], value: list.length })),
  })
}
