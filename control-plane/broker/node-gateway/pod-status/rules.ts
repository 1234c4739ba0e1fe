/** How a status a node reports meets the status that is stored. Pure. */
import type { Pod, PodStatus } from '../../../../shared/api/core-v1.ts'
import { equalJson } from '../../../../shared/values/json-value.ts'

/** Conditions the agent owns: gone where it no longer reports them. All other conditions belong to others and stay. */
const byAgent: ReadonlySet<string> = new Set(['Ready', 'Initialized', 'ContainersReady', 'PodReadyToStartContainers', 'PodResizePending', 'PodResizeInProgress'])

const ended = (phase: string | undefined): boolean => phase === 'Succeeded' || phase === 'Failed'

export type Merged = { readonly do: 'write'; readonly status: PodStatus } | { readonly do: 'nothing' } | { readonly do: 'refuse'; readonly why: string }

/** `node` reports `status` for the pod with this uid (`pkg/kubelet/status/status_manager.go`, mergePodStatus). */
export function merge(pod: Pod, report: { readonly uid: string; readonly status: PodStatus; readonly node: string }): Merged {
  if (pod.metadata?.uid !== report.uid) return { do: 'refuse', why: 'the pod was replaced by one of the same name' }
  if (pod.spec?.nodeName !== report.node) return { do: 'refuse', why: 'the pod is not bound to this node' }
  const before = pod.status ?? {}
  if (ended(before.phase) && !ended(report.status.phase)) return { do: 'refuse', why: `the pod has ended (${before.phase})` }
  const news = report.status.conditions ?? []
  const kept = (before.conditions ?? []).filter((c) => !byAgent.has(c.type) && !news.some((n) => n.type === c.type))
  const others: PodStatus = {
    ...(before.nominatedNodeName === undefined ? {} : { nominatedNodeName: before.nominatedNodeName }),
    ...(before.qosClass === undefined ? {} : { qosClass: before.qosClass }),
    ...(before.startTime === undefined ? {} : { startTime: before.startTime }),
    // An agent that was away when the pod ended does not know where it was.
    ...(ended(report.status.phase) && before.podIP !== undefined ? { podIP: before.podIP, ...(before.podIPs ? { podIPs: before.podIPs } : {}) } : {}),
  }
  const status: PodStatus = { ...others, ...report.status, conditions: [...kept, ...news] }
  return equalJson(before, status) ? { do: 'nothing' } : { do: 'write', status }
}
