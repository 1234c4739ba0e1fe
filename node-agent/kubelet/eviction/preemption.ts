/** Which pods of a node yield to a critical one that has no room. Pure. Source: upstream `pkg/kubelet/preemption/preemption.go`. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Shortage } from '../pod/admission.ts'
import { podAmounts, qosOf } from '../resources/qos.ts'
import { isCritical } from './plan.ts'

/** What the node has too little of, and by how much: pods, millicores or bytes. */
export interface Missing { readonly resource: Shortage['resource']; readonly amount: number }

/** What its status and the Event say, and the condition DisruptionTarget: upstream's words. */
export const preempted = { reason: 'Preempting', message: 'Preempted in order to admit critical pod', disrupted: 'Pod was preempted by Kubelet to accommodate a critical pod.' } as const

function frees(pod: Pod, resource: Missing['resource']): number {
  if (resource === 'pods') return 1
  const amounts = podAmounts(pod)
  return (resource === 'cpu' ? amounts.cpuRequest : amounts.memoryRequest) ?? 0
}

const without = (missing: readonly Missing[], pods: readonly Pod[]): Missing[] =>
  missing.map((m) => ({ ...m, amount: pods.reduce((left, p) => left - frees(p, m.resource), m.amount) })).filter((m) => m.amount > 0)

/** How far a pod alone is from giving what is missing: 0 where it gives all, at most 1 for each resource. */
const distance = (pod: Pod, missing: readonly Missing[]): number =>
  missing.reduce((sum, m) => sum + (Math.max(0, m.amount - frees(pod, m.resource)) / m.amount) ** 2, 0)

const isSmaller = (a: Pod, b: Pod): boolean => {
  for (const resource of ['memory', 'cpu'] as const) if (frees(a, resource) !== frees(b, resource)) return frees(a, resource) < frees(b, resource)
  return true
}

/** Few and small: each time the one that gives most of what is still missing. */
function nearest<P extends Pod>(pods: readonly P[], missing: readonly Missing[]): P[] {
  const rest = [...pods]
  const chosen: P[] = []
  for (let left = missing; left.length > 0 && rest.length > 0;) {
    const best = rest.reduce((a, b) => { const d = distance(b, left) - distance(a, left); return d < 0 || (d === 0 && isSmaller(b, a)) ? b : a })
    rest.splice(rest.indexOf(best), 1)
    chosen.push(best)
    left = without(left, [best])
  }
  return chosen
}

function mayPreempt(pod: Pod, other: Pod): boolean {
  if (isCritical(pod) && !isCritical(other)) return true
  const [mine, theirs] = [pod.spec?.priority, other.spec?.priority]
  return mine !== undefined && theirs !== undefined && mine > theirs
}

/** The pods of `others` to end so that `pod` has what is missing: best effort first, guaranteed last; or what not even all of them could give. */
export function whoYields<P extends Pod>(pod: Pod, missing: readonly Missing[], others: readonly P[]): { readonly pods: readonly P[] } | { readonly lacking: readonly Missing[] } {
  const able = others.filter((o) => mayPreempt(pod, o))
  const lacking = without(missing, able)
  if (lacking.length > 0) return { lacking }
  const of = (qos: string): P[] => able.filter((o) => qosOf(o) === qos)
  const [bestEffort, burstable] = [of('BestEffort'), of('Burstable')]
  const guaranteed = nearest(of('Guaranteed'), without(missing, [...burstable, ...bestEffort]))
  const middle = nearest(burstable, without(missing, [...bestEffort, ...guaranteed]))
  return { pods: [...nearest(bestEffort, without(missing, [...guaranteed, ...middle])), ...middle, ...guaranteed] }
}

/** Upstream's words where nothing helps. */
export const cannotMakeRoom = (lacking: readonly Missing[]): string =>
  `Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${lacking.map((m) => `(res: ${m.resource}, q: ${m.amount}), `).join('')}]`
