/** What a StatefulSet does next: pods made and deleted in the order of their ordinals, and what it reports (upstream `stateful_set_control.go`). Pure. */
import type { StatefulSet, StatefulSetStatus } from '../../../shared/api/apps-v1.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodFinished, isPodReady, untilAvailable } from '../../../shared/api/pod-phase.ts'
import type { NewPod } from '../pod-control.ts'
import { revisionLabel, templateIn, type StoredRevision } from '../revisions/plan.ts'
import { inRange, ordinalOf, replicasOf, repaired, startOf, statefulPod } from './pod.ts'

type StoredPod = Stored<Pod>

export interface SetInput {
  readonly set: Stored<StatefulSet>
  /** Of this set, by name and owner. */
  readonly pods: readonly StoredPod[]
  readonly current: StoredRevision
  readonly update: StoredRevision
  readonly now: number
}

export type SetStep =
  | { readonly do: 'create'; readonly ordinal: number; readonly pod: NewPod & { metadata: { name: string } } }
  /** Claims of a pod that waits for them are made where they are missing. */
  | { readonly do: 'claims'; readonly ordinal: number; readonly pod: StoredPod }
  | { readonly do: 'repair'; readonly ordinal: number; readonly pod: StoredPod }
  /** `ended`: it is made again under its name. */
  | { readonly do: 'delete'; readonly ordinal: number; readonly pod: StoredPod; readonly ended?: 'failed' | 'terminated' }

export interface SetPlan {
  /** To be done one after another; where one fails the rest waits. */
  readonly steps: readonly SetStep[]
  readonly status: StatefulSetStatus
  /** In so many milliseconds a pod becomes available by age. */
  readonly nextChange: number | undefined
}

const going = (pod: StoredPod): boolean => Boolean(pod.metadata.deletionTimestamp)
const runs = (pod: StoredPod): boolean => pod.status?.phase === 'Running' && isPodReady(pod)
const revisionOf = (pod: StoredPod): string | undefined => pod.metadata.labels?.[revisionLabel]

export function planSet(input: SetInput): SetPlan {
  const { status, nextChange } = statusOf(input)
  return { steps: input.set.metadata.deletionTimestamp ? [] : stepsOf(input), status, nextChange }
}

function stepsOf(input: SetInput): SetStep[] {
  const { set, now } = input
  const inOrder = set.spec?.podManagementPolicy !== 'Parallel'
  const minReady = set.spec?.minReadySeconds ?? 0
  const available = (pod: StoredPod): boolean => runs(pod) && untilAvailable(pod, minReady, now) === 0
  const numbered = input.pods.flatMap((pod) => { const ordinal = ordinalOf(set, pod); return ordinal === undefined ? [] : [{ pod, ordinal }] })
  const at = new Map(numbered.filter((n) => inRange(set, n.ordinal)).map((n) => [n.ordinal, n.pod]))
  const condemned = numbered.filter((n) => !inRange(set, n.ordinal)).sort((a, b) => b.ordinal - a.ordinal)
  const steps: SetStep[] = []
  for (let ordinal = startOf(set); ordinal < startOf(set) + replicasOf(set); ordinal++) {
    const pod = at.get(ordinal)
    if (pod && isPodFinished(pod)) {
      // The name is free only once the pod is gone.
      if (!going(pod)) steps.push({ do: 'delete', ordinal, pod, ended: pod.status?.phase === 'Failed' ? 'failed' : 'terminated' })
      return steps
    }
    if (!pod) {
      steps.push({ do: 'create', ordinal, pod: newPod(input, ordinal) })
      if (inOrder) return steps
      continue
    }
    if (pod.status?.phase === 'Pending' && !going(pod) && set.spec?.volumeClaimTemplates?.length) steps.push({ do: 'claims', ordinal, pod })
    // While a replica is not available, nothing after it is made, scaled away or replaced.
    if (inOrder && (going(pod) || !available(pod))) return steps
    if (!going(pod) && repaired(set, pod, ordinal)) steps.push({ do: 'repair', ordinal, pod })
  }
  for (const [i, { pod, ordinal }] of condemned.entries()) {
    // Of several that are not well only the lowest may go before it is.
    if (inOrder && !going(pod) && !available(pod) && condemned.slice(i + 1).some((c) => going(c.pod) || !available(c.pod))) return steps
    if (!going(pod)) steps.push({ do: 'delete', ordinal, pod })
    // The highest goes first, and the next only when it is gone.
    if (inOrder) return steps
  }
  return set.spec?.updateStrategy?.type === 'OnDelete' ? steps : [...steps, ...updateStep(input, at, available)]
}

/** The highest pod of another revision goes, unless one above it is not available. */
function updateStep({ set, update }: SetInput, at: ReadonlyMap<number, StoredPod>, available: (pod: StoredPod) => boolean): SetStep[] {
  const start = startOf(set)
  const last = start + (set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0)
  for (let ordinal = start + replicasOf(set) - 1; ordinal >= last; ordinal--) {
    const pod = at.get(ordinal)
    if (!pod) return []
    if (revisionOf(pod) !== update.metadata.name && !going(pod)) return [{ do: 'delete', ordinal, pod }]
    if (going(pod) || !available(pod)) return []
  }
  return []
}

/** Below the partition pods are made by the current template, else by the new one. */
function newPod({ set, current, update }: SetInput, ordinal: number): NewPod & { metadata: { name: string } } {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {}
  const below = startOf(set) + (rollingUpdate ? rollingUpdate.partition ?? 0 : set.status?.currentReplicas ?? 0)
  const revision = type === 'RollingUpdate' && ordinal < below ? current : update
  return statefulPod(set, templateIn(revision) ?? set.spec?.template ?? {}, revision.metadata.name, ordinal)
}

function statusOf({ set, pods, current, update, now }: SetInput): { status: StatefulSetStatus; nextChange: number | undefined } {
  const minReady = set.spec?.minReadySeconds ?? 0
  let [ready, available, ofCurrent, ofUpdate] = [0, 0, 0, 0]
  let next: number | undefined
  for (const pod of pods) {
    if (runs(pod)) {
      ready++
      const wait = untilAvailable(pod, minReady, now)
      if (wait === 0) available++
      else if (wait !== undefined) next = Math.min(next ?? Infinity, wait)
    }
    if (going(pod)) continue
    if (revisionOf(pod) === current.metadata.name) ofCurrent++
    if (revisionOf(pod) === update.metadata.name) ofUpdate++
  }
  const done = set.spec?.updateStrategy?.type === 'RollingUpdate' && ofUpdate === pods.length && ready === pods.length
  const positive = (key: 'readyReplicas' | 'currentReplicas' | 'updatedReplicas', n: number) => (n > 0 ? { [key]: n } : {})
  return {
    status: {
      replicas: pods.length, availableReplicas: available, observedGeneration: set.metadata.generation ?? 0, ...positive('readyReplicas', ready),
      ...positive('currentReplicas', done ? ofUpdate : ofCurrent), ...positive('updatedReplicas', ofUpdate),
      currentRevision: done ? update.metadata.name : current.metadata.name, updateRevision: update.metadata.name, collisionCount: set.status?.collisionCount ?? 0,
      ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
    },
    nextChange: next,
  }
}
