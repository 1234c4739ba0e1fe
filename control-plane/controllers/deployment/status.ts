/** Status and conditions of a Deployment, with upstream's reasons and messages (`deployment/progress.go`, `sync.go`). Pure. */
import type { Deployment, DeploymentCondition, DeploymentStatus } from '../../../shared/api/apps-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { fromTimestamp, timestamp } from '../../../shared/values/timestamp.ts'
import type { StoredSet } from './revision.ts'
import { totalActual, totalAvailable, totalSize, type Bounds } from './sizes.ts'

export interface StatusInput {
  readonly deployment: Stored<Deployment>
  readonly newSet: StoredSet | undefined
  readonly olds: readonly StoredSet[]
  readonly bounds: Bounds
  readonly collisions: number
  readonly now: number
}

/** No deadline: `kubectl` and upstream write the largest int32 for "none". */
export const hasDeadline = (d: Deployment): boolean => d.spec?.progressDeadlineSeconds !== undefined && d.spec.progressDeadlineSeconds !== 2_147_483_647

export const conditionOf = (status: DeploymentStatus | undefined, type: string): DeploymentCondition | undefined => status?.conditions?.find((c) => c.type === type)

export const newCondition = (type: string, status: string, reason: string, message: string, now: number): DeploymentCondition =>
  ({ type, status, lastUpdateTime: timestamp(now), lastTransitionTime: timestamp(now), reason, message })

/** Replaces the condition of that type; unchanged status and reason leave it as it is. */
export function withCondition(conditions: readonly DeploymentCondition[], next: DeploymentCondition): DeploymentCondition[] {
  const before = conditions.find((c) => c.type === next.type)
  if (before?.status === next.status && before.reason === next.reason) return [...conditions]
  const kept = before?.status === next.status && before.lastTransitionTime ? { ...next, lastTransitionTime: before.lastTransitionTime } : next
  return [...conditions.filter((c) => c.type !== next.type), kept]
}

/** Counts and the Available condition; the other conditions as they were. */
export function countedStatus(input: StatusInput): DeploymentStatus {
  const { deployment, newSet, olds, bounds, now } = input
  const all = newSet ? [...olds, newSet] : olds
  const available = totalAvailable(all)
  const ready = all.reduce((n, s) => n + (s.status?.readyReplicas ?? 0), 0)
  const counts = {
    replicas: totalActual(all), updatedReplicas: newSet?.status?.replicas ?? 0, readyReplicas: ready, availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize(all) - available),
  }
  const conditions = withCondition(deployment.status?.conditions ?? [], available >= bounds.desired - bounds.unavailable
    ? newCondition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', now)
    : newCondition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.', now))
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0)),
    conditions,
    ...(input.collisions > 0 ? { collisionCount: input.collisions } : {}),
  }
}

export function isComplete(deployment: Stored<Deployment>, status: DeploymentStatus, desired: number): boolean {
  return (status.updatedReplicas ?? 0) === desired && (status.replicas ?? 0) === desired && (status.availableReplicas ?? 0) === desired
    && (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
}

function progresses(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const n = (v: number | undefined): number => v ?? 0
  const oldPods = (s: DeploymentStatus): number => n(s.replicas) - n(s.updatedReplicas)
  return n(after.updatedReplicas) > n(before.updatedReplicas) || oldPods(after) < oldPods(before)
    || n(after.readyReplicas) > n(before.readyReplicas) || n(after.availableReplicas) > n(before.availableReplicas)
}

const timedOut = (deployment: Deployment, condition: DeploymentCondition | undefined, now: number): boolean => {
  if (!condition || condition.reason === 'NewReplicaSetAvailable') return false
  if (condition.reason === 'ProgressDeadlineExceeded') return true
  return now > fromTimestamp(condition.lastUpdateTime) + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000
}

/** The status of a rollout under way: counts, Progressing and ReplicaFailure. */
export function rolloutStatus(input: StatusInput): DeploymentStatus {
  const { deployment, newSet, olds, bounds, now } = input
  const status = countedStatus(input)
  const progressing = conditionOf(deployment.status, 'Progressing')
  const subject = newSet ? `ReplicaSet "${newSet.metadata.name}"` : `Deployment "${deployment.metadata.name}"`
  let conditions = [...status.conditions ?? []]
  const settled = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && progressing?.reason === 'NewReplicaSetAvailable'
  if (!hasDeadline(deployment)) {
    conditions = conditions.filter((c) => c.type !== 'Progressing')
  } else if (!settled) {
    if (isComplete(deployment, status, bounds.desired)) {
      conditions = withCondition(conditions, newCondition('Progressing', 'True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`, now))
    } else if (progresses(deployment.status ?? {}, status)) {
      // Each step of progress renews lastUpdateTime: the deadline counts from the last one.
      const next = newCondition('Progressing', 'True', 'ReplicaSetUpdated', `${subject} is progressing.`, now)
      if (progressing?.status === 'True' && progressing.lastTransitionTime) next.lastTransitionTime = progressing.lastTransitionTime
      conditions = [...conditions.filter((c) => c.type !== 'Progressing'), next]
    } else if (timedOut(deployment, progressing, now)) {
      conditions = withCondition(conditions, newCondition('Progressing', 'False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`, now))
    }
  }
  const failure = [...(newSet ? [newSet] : []), ...olds].map((s) => s.status?.conditions?.find((c) => c.type === 'ReplicaFailure')).find((c) => c)
  conditions = failure
    ? withCondition(conditions, { ...newCondition('ReplicaFailure', failure.status, failure.reason ?? '', failure.message ?? '', now), ...(failure.lastTransitionTime ? { lastTransitionTime: failure.lastTransitionTime } : {}) })
    : conditions.filter((c) => c.type !== 'ReplicaFailure')
  return { ...status, conditions }
}

/** In how many milliseconds the deadline must be looked at; undefined where it does not apply. */
export function untilDeadline(deployment: Stored<Deployment>, status: DeploymentStatus, desired: number, now: number): number | undefined {
  const progressing = conditionOf(status, 'Progressing')
  if (!progressing || !hasDeadline(deployment) || deployment.spec?.paused || progressing.reason === 'ProgressDeadlineExceeded' || progressing.reason === 'NewReplicaSetAvailable') return undefined
  if (isComplete(deployment, status, desired)) return undefined
  return Math.max(1000, fromTimestamp(progressing.lastUpdateTime) + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000 - now + 1000)
}
