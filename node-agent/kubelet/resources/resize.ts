/**
 * In-place resize of cpu and memory (KEP-1287, v1.33). Pure. What a pod asks for becomes *allocated* once the node has room for it, and *applied* container by container.
 * Source of the rules: upstream `pkg/kubelet/allocation` and `kuberuntime.computePodResizeAction`.
 */
import type { Container, Pod, PodStatus, ResourceRequirements } from '../../../shared/api/core-v1.ts'
import { parseQuantity } from '../../../shared/values/quantity.ts'
import { podAmounts } from './qos.ts'

const resizable = ['cpu', 'memory'] as const
type Resizable = (typeof resizable)[number]

/** By container name. */
export type Allocation = ReadonlyMap<string, ResourceRequirements>

const amount = (text: string | undefined): bigint => (text === undefined ? 0n : parseQuantity(text).nano)

/** Which of cpu and memory differ, as amounts and not as texts. */
export function changedResources(a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): Resizable[] {
  return resizable.filter((r) => amount(a?.limits?.[r]) !== amount(b?.limits?.[r]) || amount(a?.requests?.[r]) !== amount(b?.requests?.[r]))
}

const holders = (pod: Pod): readonly Container[] => [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]

/** What a pod has when this process first sees it: what an earlier one had applied, else what it asks for. */
export function firstAllocation(pod: Pod): Map<string, ResourceRequirements> {
  const known = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  return new Map(holders(pod).map((c) => {
    const before = known.find((s) => s.name === c.name)
    return [c.name, (before?.state?.running && before.resources ? before.resources : c.resources) ?? {}]
  }))
}

/** The pod with what is allocated in place of what is asked for; the same object where that is the same. */
export function allocatedPod<T extends Pod>(pod: T, allocation: Allocation): T {
  const differs = (c: Container): boolean => { const own = allocation.get(c.name); return own !== undefined && changedResources(own, c.resources).length > 0 }
  if (!pod.spec || !holders(pod).some(differs)) return pod
  const with_ = (c: Container): Container => (differs(c) ? { ...c, resources: { ...c.resources, ...allocation.get(c.name) } } : c)
  return { ...pod, spec: { ...pod.spec, containers: pod.spec.containers.map(with_), ...(pod.spec.initContainers ? { initContainers: pod.spec.initContainers.map(with_) } : {}) } }
}

export interface Room {
  /** Of the node. Millicores and bytes. */
  readonly allocatable: { readonly cpuMilli: number; readonly memoryBytes: number }
  /** What the other pods of the node have allocated. */
  readonly others: { readonly cpuMilli: number; readonly memoryBytes: number }
}

export type Verdict = { readonly at: 'accepted' } | { readonly at: 'Deferred' | 'Infeasible'; readonly message: string }

/** Whether what the pod asks for now can be allocated. More than the node has is never; more than is free is later. */
export function judgeResize(pod: Pod, room: Room): Verdict {
  const wanted = podAmounts(pod)
  const checks = [['cpu', wanted.cpuRequest ?? 0, room.allocatable.cpuMilli, room.others.cpuMilli], ['memory', wanted.memoryRequest ?? 0, room.allocatable.memoryBytes, room.others.memoryBytes]] as const
  for (const [name, asked, capacity] of checks) if (asked > capacity) return { at: 'Infeasible', message: `Node didn't have enough capacity: ${name}, requested: ${asked}, capacity: ${capacity}` }
  for (const [name, asked, capacity, used] of checks) {
    if (asked > capacity - used) return { at: 'Deferred', message: `Node didn't have enough resource: ${name}, requested: ${asked}, used: ${used}, capacity: ${capacity}` }
  }
  return { at: 'accepted' }
}

/** How a running container comes to what is allocated: by its cgroup, or by a restart where it says so of a resource that changes. */
export function resizeOf(def: Container, applied: ResourceRequirements | undefined): 'none' | 'in-place' | 'restart' {
  const changed = applied === undefined ? [] : changedResources(def.resources, applied)
  if (changed.length === 0) return 'none'
  return changed.some((r) => def.resizePolicy?.find((p) => p.resourceName === r)?.restartPolicy === 'RestartContainer') ? 'restart' : 'in-place'
}

export interface ResizeState { readonly pending: { readonly reason: string; readonly message: string } | undefined; readonly inProgress: boolean; /** What the last try met. */ readonly error: string | undefined }

/** The conditions PodResizePending and PodResizeInProgress, which are there only while they are true. */
export function resizeConditions(state: ResizeState, previous: NonNullable<PodStatus['conditions']>, now: number): NonNullable<PodStatus['conditions']> {
  const at = (type: string): string => previous.find((c) => c.type === type && c.status === 'True')?.lastTransitionTime ?? `${new Date(now).toISOString().slice(0, 19)}Z`
  return [
    ...(state.pending ? [{ type: 'PodResizePending', status: 'True', lastTransitionTime: at('PodResizePending'), ...state.pending }] : []),
    ...(state.inProgress ? [{ type: 'PodResizeInProgress', status: 'True', lastTransitionTime: at('PodResizeInProgress'), ...(state.error ? { reason: 'Error', message: state.error } : {}) }] : []),
  ]
}
