/** `oom_score_adj` of a container. Pure. Source: upstream `pkg/kubelet/qos/policy.go`. */
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import { systemCriticalPriority } from '../pod/pod-facts.ts'
import { amountsOf, isSidecar, qosOf } from './qos.ts'

const guaranteed = -997
const bestEffort = 1000

/** The agent's own: it goes after everything that it runs. */
export const agentOomScoreAdj = -999

export function oomScoreAdj(pod: Pod, container: Container, memoryCapacity: number): number {
  if (pod.spec?.priorityClassName === 'system-node-critical' && (pod.spec.priority ?? 0) >= systemCriticalPriority) return guaranteed
  const qos = qosOf(pod)
  if (qos === 'Guaranteed') return guaranteed
  if (qos === 'BestEffort') return bestEffort
  // The share of the machine that the container did not ask for; between the classes, never in them.
  const scoreOf = (c: Container): number => 1000 - Math.trunc((1000 * (amountsOf(c).memoryRequest ?? 0)) / memoryCapacity)
  const isInit = pod.spec?.initContainers?.some((c) => c.name === container.name) ?? false
  // A sidecar never goes before any of the containers that it serves.
  const score = isInit && isSidecar(container) ? Math.min(scoreOf(container), ...(pod.spec?.containers ?? []).map(scoreOf).toSorted((a, b) => b - a).slice(0, 1)) : scoreOf(container)
  return Math.min(bestEffort - 1, Math.max(1000 + guaranteed, score))
}
