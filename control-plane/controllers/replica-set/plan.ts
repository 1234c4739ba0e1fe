/** How many pods a replica set or replication controller creates, which it deletes, and the status it reports. Source: upstream `pkg/controller/replicaset`. */
import type { ReplicaSetCondition, ReplicaSetStatus } from '../../../shared/api/apps-v1.ts'
import type { ContainerStatus, Pod, PodTemplateSpec } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodActive, isPodReady, podCondition, untilAvailable } from '../../../shared/api/pod-phase.ts'
import { selectsLabels, type LabelSelectorLike } from '../../../shared/values/label-selector.ts'
import { fromTimestamp } from '../../../shared/values/timestamp.ts'

export type StoredPod = Stored<Pod>

/** At most this many pods are created or deleted in one go, so that one owner cannot starve the others (upstream `BurstReplicas`). */
export const burstReplicas = 500

export interface Claim {
  /** Owned and matching, active or not. */
  readonly owned: readonly StoredPod[]
  /** Orphans that match: to be adopted. */
  readonly adopt: readonly StoredPod[]
  /** Owned but no longer matching: to be released. */
  readonly release: readonly StoredPod[]
}

/** Sorts candidates into owned, to adopt and to release (upstream `ControllerRefManager.ClaimObject`). An owner being deleted adopts and releases nothing. */
export function claimPods(owner: { readonly uid: string; readonly deleting: boolean; readonly selector: LabelSelectorLike }, owned: readonly StoredPod[], orphans: readonly StoredPod[]): Claim {
  const matching = owned.filter((p) => selectsLabels(owner.selector, p.metadata.labels))
  if (owner.deleting) return { owned: matching, adopt: [], release: [] }
  return {
    owned: matching,
    release: owned.filter((p) => !p.metadata.deletionTimestamp && !selectsLabels(owner.selector, p.metadata.labels)),
    adopt: orphans.filter((p) => isPodActive(p) && selectsLabels(owner.selector, p.metadata.labels)),
  }
}

export type Plan = { readonly create: number } | { readonly remove: readonly StoredPod[] }

export interface PlanInput {
  readonly desired: number
  /** Active pods of this owner. */
  readonly active: readonly StoredPod[]
  /** Pods of all owners with the same controller, by node: a pod with many of its kind beside it goes first. */
  readonly relatedPerNode: ReadonlyMap<string, number>
  readonly now: number
}

export function planReplicas(input: PlanInput): Plan {
  const missing = input.desired - input.active.length
  if (missing >= 0) return { create: Math.min(missing, burstReplicas) }
  return { remove: rankForDeletion(input).slice(0, Math.min(-missing, burstReplicas)) }
}

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

/** Pods, those to delete first at the head (upstream `ActivePodsWithRanks.Less`). Deterministic: ties end at the uid. */
export function rankForDeletion(input: Pick<PlanInput, 'active' | 'relatedPerNode' | 'now'>): StoredPod[] {
  const cost = (p: StoredPod): number => Number.parseInt(p.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? '0', 10) || 0
  const crowd = (p: StoredPod): number => input.relatedPerNode.get(p.spec?.nodeName ?? '') ?? 0
  return [...input.active].sort((a, b) =>
    Number(Boolean(a.spec?.nodeName)) - Number(Boolean(b.spec?.nodeName))
    || (phaseRank[a.status?.phase ?? ''] ?? 0) - (phaseRank[b.status?.phase ?? ''] ?? 0)
    || Number(isPodReady(a)) - Number(isPodReady(b))
    || cost(a) - cost(b)
    || crowd(b) - crowd(a)
    || byAge(readyTime(a), readyTime(b), input.now)
    || restarts(b) - restarts(a)
    || byAge(fromTimestamp(a.metadata.creationTimestamp), fromTimestamp(b.metadata.creationTimestamp), input.now)
    || (a.metadata.uid < b.metadata.uid ? -1 : 1))
}

const readyTime = (p: StoredPod): number => (isPodReady(p) ? fromTimestamp(podCondition(p, 'Ready')?.lastTransitionTime) : NaN)
/** Younger first, ages compared by order of magnitude, so that it is not always the newest zone or batch that goes (`LogarithmicScaleDown`). */
function byAge(a: number, b: number, now: number): number {
  if (Number.isNaN(a) || Number.isNaN(b) || a === b) return 0
  const rank = (t: number): number => (now - t > 0 ? Math.floor(Math.log2((now - t) * 1e6)) : -1)
  return rank(a) - rank(b)
}
function restarts(p: StoredPod): number {
  const most = (s: readonly ContainerStatus[] | undefined): number => Math.max(0, ...(s ?? []).map((c) => c.restartCount))
  return Math.max(most(p.status?.containerStatuses), most(p.status?.initContainerStatuses))
}

export interface StatusInput {
  readonly active: readonly StoredPod[]
  readonly templateLabels: Readonly<Record<string, string>>
  readonly minReadySeconds: number
  readonly generation: number
  readonly previous: ReplicaSetStatus | undefined
  /** Why pods could not be created or deleted this time. */
  readonly failure: { readonly reason: 'FailedCreate' | 'FailedDelete'; readonly message: string } | undefined
  readonly now: number
  readonly timestamp: string
}

/** The status, and in how many milliseconds the next pod becomes available by age. */
export function statusOf(input: StatusInput): { readonly status: ReplicaSetStatus; readonly nextChange: number | undefined } {
  const { active, minReadySeconds, now } = input
  const waits = active.map((p) => untilAvailable(p, minReadySeconds, now)).filter((w) => w !== undefined)
  const later = waits.filter((w) => w > 0)
  const count = (n: number, key: 'fullyLabeledReplicas' | 'readyReplicas' | 'availableReplicas') => (n > 0 ? { [key]: n } : {})
  const others = input.previous?.conditions?.filter((c) => c.type !== 'ReplicaFailure') ?? []
  const before = input.previous?.conditions?.find((c) => c.type === 'ReplicaFailure')
  const failure: ReplicaSetCondition[] = input.failure
    ? [before?.reason === input.failure.reason && before.status === 'True' ? before : { type: 'ReplicaFailure', status: 'True', ...input.failure, lastTransitionTime: input.timestamp }]
    : []
  const conditions = [...others, ...failure]
  return {
    status: {
      replicas: active.length,
      ...count(active.filter((p) => selectsLabels({ matchLabels: input.templateLabels }, p.metadata.labels)).length, 'fullyLabeledReplicas'),
      ...count(waits.length, 'readyReplicas'),
      ...count(waits.length - later.length, 'availableReplicas'),
      observedGeneration: input.generation,
      ...(conditions.length > 0 ? { conditions } : {}),
    },
    nextChange: later.length > 0 ? Math.min(...later) : undefined,
  }
}

/** The pod a template makes, as yet without a name. */
export function podFromTemplate(template: PodTemplateSpec, owner: { readonly namespace: string; readonly name: string }): Pod & { metadata: { namespace: string } } {
  const meta = template.metadata ?? {}
  return {
    metadata: {
      namespace: owner.namespace, generateName: `${owner.name}-`,
      ...(meta.labels ? { labels: { ...meta.labels } } : {}),
      ...(meta.annotations ? { annotations: { ...meta.annotations } } : {}),
      ...(meta.finalizers ? { finalizers: [...meta.finalizers] } : {}),
    },
    ...(template.spec ? { spec: template.spec } : {}),
  }
}
