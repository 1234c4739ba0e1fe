/** `oom_score_adj` of a container. Pure. Source: upstream `pkg/kubelet/qos/policy.go`. */
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import { amountsOf, qosOf } from './qos.ts'

const guaranteed = -997
const bestEffort = 1000
const systemCriticalPriority = 2_000_000_000

export function oomScoreAdj(pod: Pod, container: Container, memoryCapacity: number): number {
  if (pod.spec?.priorityClassName === 'system-node-critical' || (pod.spec?.priority ?? 0) > systemCriticalPriority) return guaranteed
  const qos = qosOf(pod)
  if (qos === 'Guaranteed') return guaranteed
  if (qos === 'BestEffort') return bestEffort
  // The share of the machine that the container did not ask for; between the classes, never in them.
  const score = Math.trunc(1000 - (1000 * (amountsOf(container).memoryRequest ?? 0)) / memoryCapacity)
  return Math.min(bestEffort - 1, Math.max(1000 + guaranteed, score))
}
