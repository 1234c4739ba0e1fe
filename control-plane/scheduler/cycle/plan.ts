/** One pod, one snapshot, one decision. Pure. */
import { filters, scorers } from '../plugins/order.ts'
import type { Rejection } from '../plugins/plugin.ts'
import type { NodeView, PodView } from '../pod-view.ts'
import type { PodVolumes } from '../volumes/binder.ts'

export interface PlanInput {
  readonly pod: PodView
  readonly nodes: readonly NodeView[]
  /** Undefined where the pod has no claims. */
  readonly volumes?: PodVolumes | undefined
  /** Breaks ties. */
  readonly seed: number
}

export type Decision =
  | { readonly kind: 'bind'; readonly node: string; readonly score: number }
  /** `message` is upstream's FitError. */
  | { readonly kind: 'rejected'; readonly message: string }
  /** The pod asks for something this scheduler does not do. */
  | { readonly kind: 'refused'; readonly message: string }

export function decide({ pod, nodes, volumes, seed }: PlanInput): Decision {
  const refusal = refusedFeature(pod)
  if (refusal) return { kind: 'refused', message: refusal }
  if (nodes.length === 0) return { kind: 'rejected', message: 'no nodes available to schedule pods' }
  if (volumes && !volumes.ok) {
    const all = `0/${nodes.length} nodes are available`
    return { kind: 'rejected', message: `${all}: ${volumes.message}. preemption: ${all}: ${nodes.length} Preemption is not helpful for scheduling.` }
  }
  const rejections: Rejection[] = []
  const feasible: NodeView[] = []
  const lower: NodeView[] = []
  for (const node of nodes) {
    const rejection = refusedBy(pod, node) ?? withoutVolumes(volumes, node)
    if (!rejection) { feasible.push(node); continue }
    rejections.push(rejection)
    if (rejection.resolvable && [...node.pods.values()].some((p) => p.priority < pod.priority)) lower.push(node)
  }
  const only = feasible[0]
  if (!only) return { kind: 'rejected', message: fitError(nodes.length, rejections, lower.length > 0) }
  if (feasible.length === 1) return { kind: 'bind', node: only.name, score: 0 }
  return best(pod, feasible, seed)
}

function refusedBy(pod: PodView, node: NodeView): Rejection | undefined {
  for (const f of filters) {
    const rejection = f.filter(pod, node)
    if (rejection) return rejection
  }
  return undefined
}

/** The last filter, as upstream's: it costs the most. */
function withoutVolumes(volumes: PodVolumes | undefined, { node }: NodeView): Rejection | undefined {
  const answer = volumes?.ok ? volumes.on(node) : undefined
  return answer && !answer.ok ? answer : undefined
}

/** Hard rules about other pods are not built: placing such a pod anywhere would break its promise. Soft ones may be left out. */
function refusedFeature({ pod }: PodView): string | undefined {
  const affinity = pod.spec?.affinity
  if (affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length) return 'required pod affinity (spec.affinity.podAffinity) is not supported by this scheduler'
  if (affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.length) return 'required pod anti-affinity (spec.affinity.podAntiAffinity) is not supported by this scheduler'
  if (pod.spec?.topologySpreadConstraints?.some((c) => c.whenUnsatisfiable === 'DoNotSchedule')) return 'topology spread constraints with whenUnsatisfiable DoNotSchedule (spec.topologySpreadConstraints) are not supported by this scheduler'
  if (pod.spec?.resourceClaims?.length) return 'resource claims (spec.resourceClaims) are not supported by this scheduler'
  return undefined
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: ...`, sorted as upstream's `FitError.Error`. */
function fitError(total: number, rejections: readonly Rejection[], lowerPriority: boolean): string {
  const counted = new Map<string, number>()
  for (const r of rejections) for (const reason of r.reasons) counted.set(reason, (counted.get(reason) ?? 0) + 1)
  const list = (counts: ReadonlyMap<string, number>): string => [...counts].map(([reason, n]) => `${n} ${reason}`).sort().join(', ')
  const resolvable = rejections.filter((r) => r.resolvable).length
  const victims = new Map<string, number>()
  if (resolvable > 0) victims.set(lowerPriority ? 'Preemption is not supported by this scheduler' : 'No preemption victims found for incoming pod', resolvable)
  if (rejections.length > resolvable) victims.set('Preemption is not helpful for scheduling', rejections.length - resolvable)
  return `0/${total} nodes are available: ${list(counted)}. preemption: 0/${total} nodes are available: ${list(victims)}.`
}

function best(pod: PodView, feasible: readonly NodeView[], seed: number): Decision {
  const totals = new Float64Array(feasible.length)
  const raw = new Float64Array(feasible.length)
  for (const plugin of scorers) {
    let largest = 0
    feasible.forEach((node, i) => { raw[i] = plugin.score(pod, node); largest = Math.max(largest, raw[i] ?? 0) })
    for (let i = 0; i < raw.length; i++) totals[i] = (totals[i] ?? 0) + plugin.weight * normalized(plugin.normalize, raw[i] ?? 0, largest)
  }
  const highest = Math.max(...totals)
  const candidates = feasible.filter((_, i) => totals[i] === highest)
  const chosen = candidates[Math.floor(seed * candidates.length)] ?? candidates[0] as NodeView
  return { kind: 'bind', node: chosen.name, score: highest }
}

function normalized(how: 'none' | 'largest-best' | 'largest-worst', value: number, largest: number): number {
  switch (how) {
    case 'none': return value
    case 'largest-best': return largest === 0 ? 0 : Math.floor((value * 100) / largest)
    case 'largest-worst': return largest === 0 ? 100 : 100 - Math.floor((value * 100) / largest)
  }
}
