/** How many pods of a PodDisruptionBudget may be evicted now (upstream `pkg/controller/disruption`). Pure. */
import type { Condition } from '../../../shared/api/meta-v1.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodFinished, isPodReady } from '../../../shared/api/pod-phase.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../../shared/api/policy-v1.ts'
import { fromTimestamp, timestamp } from '../../../shared/values/timestamp.ts'

type StoredPod = Stored<Pod>
/** An eviction that did not become a deletion by then is forgotten (upstream `DeletionTimeout`). */
const deletionTimeout = 120_000

export interface BudgetInput {
  readonly budget: Stored<PodDisruptionBudget>
  /** Pods the selector matches. */
  readonly pods: readonly StoredPod[]
  /** The sum of the sizes of the pods' controllers; undefined where a pod has none that can be scaled. Not asked for where `minAvailable` is a number. */
  readonly controllerSize: number | undefined
  readonly now: number
}

export type BudgetPlan = { readonly status: PodDisruptionBudgetStatus; /** Look again in so many milliseconds. */ readonly after?: number } | { readonly failure: string }

const roundedUp = (value: number | string, total: number): number => (typeof value === 'number' ? value : Math.ceil(((Number.parseInt(value, 10) || 0) * total) / 100))

function expectation({ budget: { spec }, pods, controllerSize }: BudgetInput): { expected: number; desired: number } | undefined {
  if (spec?.maxUnavailable !== undefined) {
    if (controllerSize === undefined) return undefined
    return { expected: controllerSize, desired: Math.max(0, controllerSize - roundedUp(spec.maxUnavailable, controllerSize)) }
  }
  if (typeof spec?.minAvailable === 'number') return { expected: pods.length, desired: spec.minAvailable }
  if (spec?.minAvailable === undefined) return { expected: 0, desired: 0 }
  return controllerSize === undefined ? undefined : { expected: controllerSize, desired: roundedUp(spec.minAvailable, controllerSize) }
}

export const needsControllers = ({ spec }: PodDisruptionBudget): boolean => spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string'

/** Evictions granted and not seen as deletions yet, without those that are too old or gone. */
function pending({ budget, pods, now }: BudgetInput): { disrupted: Record<string, string>; after: number | undefined } {
  const disrupted: Record<string, string> = {}
  let after: number | undefined
  for (const [name, since] of Object.entries(budget.status?.disruptedPods ?? {})) {
    const pod = pods.find((p) => p.metadata.name === name)
    const left = fromTimestamp(since) + deletionTimeout - now
    if (!pod || pod.metadata.deletionTimestamp || !(left > 0)) continue
    disrupted[name] = since
    after = Math.min(after ?? Infinity, left)
  }
  return { disrupted, after }
}

export function planBudget(input: BudgetInput): BudgetPlan {
  const { budget, pods, now } = input
  const wanted = expectation(input)
  if (!wanted) return { failure: 'found no controllers for pods of the budget' }
  const { disrupted, after } = pending(input)
  const healthy = pods.filter((p) => !p.metadata.deletionTimestamp && disrupted[p.metadata.name] === undefined && isPodReady(p)).length
  // Without pods nothing may be disrupted: there is nothing that could be.
  const allowed = wanted.expected === 0 ? 0 : Math.max(0, healthy - wanted.desired)
  return {
    status: {
      ...(Object.keys(disrupted).length ? { disruptedPods: disrupted } : {}), conditions: conditionsOf(budget, allowed, now), currentHealthy: healthy, desiredHealthy: wanted.desired,
      disruptionsAllowed: allowed, expectedPods: wanted.expected, observedGeneration: budget.metadata.generation ?? 0,
    },
    ...(after === undefined ? {} : { after }),
  }
}

export function failed(budget: Stored<PodDisruptionBudget>, message: string, now: number): PodDisruptionBudgetStatus {
  const none = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
  return { ...none, ...budget.status, disruptionsAllowed: 0, conditions: condition(budget, { status: 'False', reason: 'SyncFailed', message }, now) }
}

const conditionsOf = (budget: Stored<PodDisruptionBudget>, allowed: number, now: number): Condition[] =>
  condition(budget, allowed > 0 ? { status: 'True', reason: 'SufficientPods', message: '' } : { status: 'False', reason: 'InsufficientPods', message: '' }, now)

function condition(budget: Stored<PodDisruptionBudget>, about: Pick<Condition, 'status' | 'reason' | 'message'>, now: number): Condition[] {
  const had = budget.status?.conditions ?? []
  const before = had.find((c) => c.type === 'DisruptionAllowed')
  const lastTransitionTime = before?.status === about.status ? before.lastTransitionTime : timestamp(now)
  return [...had.filter((c) => c !== before), { type: 'DisruptionAllowed', observedGeneration: budget.metadata.generation ?? 0, lastTransitionTime, ...about }]
}

/** Finished pods are not counted at all. */
export const counts = (pod: StoredPod): boolean => !isPodFinished(pod)
