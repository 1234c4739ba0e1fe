/**
 * One step of a Deployment towards what it wants (upstream `pkg/controller/deployment`). Level-triggered: what this step changes wakes the next.
 * Every change is a compare-and-swap on what was seen, so that a plan made from an old view is refused and made again.
 */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../../shared/api/apps-v1.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { findNewSet, hashLabel, newSetAnnotations, oldestFirst, replicaAnnotations, revisionAnnotation, revisionOf, templateHash, type StoredSet } from './revision.ts'
import { boundsOf, newSetSize, oldSetSizes, scaledSizes, sizeOf, totalActual, wasScaled, type Bounds, type Sizes } from './sizes.ts'
import { conditionOf, countedStatus, hasDeadline, isComplete, newCondition, rolloutStatus, untilDeadline, withCondition } from './status.ts'

interface Steps {
  /** Metadata and name are complete but for namespace and owner. */
  createSet: { readonly set: ReplicaSet & { metadata: { name: string } } }
  updateSet: { readonly set: StoredSet; readonly from: number; readonly to: number }
  deleteSet: { readonly set: StoredSet }
  annotate: { readonly revision: string }
  writeStatus: { readonly status: DeploymentStatus }
}
export type Step = { [K in keyof Steps]: { readonly do: K } & Steps[K] }[keyof Steps]

export interface PlanInput {
  readonly deployment: Stored<Deployment>
  /** Sets it owns. */
  readonly sets: readonly StoredSet[]
  /** Pods by uid of the owning set: Recreate waits until the old ones are gone. */
  readonly pods: ReadonlyMap<string, readonly Stored<Pod>[]>
  readonly now: number
}

export interface Plan { readonly steps: readonly Step[]; /** Look again after so many milliseconds: the progress deadline. */ readonly after: number | undefined }

interface View extends PlanInput { readonly bounds: Bounds; readonly newSet: StoredSet | undefined; readonly olds: readonly StoredSet[]; readonly collisions: number }

export function planDeployment(input: PlanInput): Plan {
  const { deployment, sets } = input
  const newSet = findNewSet(deployment, sets)
  const view: View = { ...input, newSet, olds: sets.filter((s) => s !== newSet), bounds: boundsOf(deployment), collisions: deployment.status?.collisionCount ?? 0 }
  if (deployment.metadata.deletionTimestamp) return finish(view, [], countedStatus(view))
  const pause = pauseCondition(view)
  if (deployment.spec?.paused || wasScaled(view.bounds, sets)) {
    const steps = [...revisionSteps(view), ...resize(view, scaledSizes(deployment, view.bounds, newSet, view.olds))]
    if (deployment.spec?.paused) steps.push(...cleanup(view))
    return finish(view, mergeSetSteps(steps), withPause(countedStatus(view), pause))
  }
  const steps = deployment.spec?.strategy?.type === 'Recreate' ? recreate(view) : rolling(view)
  return finish(view, mergeSetSteps(steps), progressOf(view, steps, withPause(rolloutStatus(view), pause)))
}

function finish(view: View, steps: readonly Step[], status: DeploymentStatus): Plan {
  const { deployment, bounds, now } = view
  const write: Step[] = equalJson(status, deployment.status ?? {}) ? [] : [{ do: 'writeStatus', status }]
  return { steps: [...steps, ...write], after: untilDeadline(deployment, status, bounds.desired, now) }
}

/** The condition that says the rollout was paused or resumed, where that is new. */
function pauseCondition({ deployment, now }: View): DeploymentCondition | undefined {
  const present = conditionOf(deployment.status, 'Progressing')
  if (!hasDeadline(deployment) || present?.reason === 'ProgressDeadlineExceeded') return undefined
  const paused = present?.reason === 'DeploymentPaused'
  if (deployment.spec?.paused && !paused) return newCondition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', now)
  if (!deployment.spec?.paused && paused) return newCondition('Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now)
  return undefined
}
const withPause = (status: DeploymentStatus, pause: DeploymentCondition | undefined): DeploymentStatus =>
  (pause ? { ...status, conditions: withCondition(status.conditions ?? [], pause) } : status)

/** Creating a set, or finding it, is progress too: the deadline counts from then. */
function progressOf(view: View, steps: readonly Step[], status: DeploymentStatus): DeploymentStatus {
  if (!hasDeadline(view.deployment)) return status
  const created = steps.find((s) => s.do === 'createSet')
  const name = created?.set.metadata.name ?? view.newSet?.metadata.name
  if (name === undefined) return status
  if (created) return { ...status, conditions: withCondition(status.conditions ?? [], newCondition('Progressing', 'True', 'NewReplicaSetCreated', `Created new replica set "${name}"`, view.now)) }
  const renewed = steps.some((s) => s.do === 'annotate')
  if (!renewed && conditionOf(status, 'Progressing')) return status
  return { ...status, conditions: withCondition(status.conditions ?? [], newCondition('Progressing', 'True', 'FoundNewReplicaSet', `Found new replica set "${name}"`, view.now)) }
}

const nextRevision = (view: View): number => Math.max(0, ...view.olds.map(revisionOf)) + 1

/** Keeps revision and copied annotations of an existing new set, and the deployment's own revision, up to date. */
function revisionSteps(view: View): Step[] {
  const { deployment, newSet } = view
  if (!newSet) return []
  const present = newSet.metadata.annotations ?? {}
  const annotations = newSetAnnotations(deployment, present, nextRevision(view), true)
  const minReadySeconds = deployment.spec?.minReadySeconds ?? 0
  const steps: Step[] = []
  if (!equalJson(annotations, present) || (newSet.spec?.minReadySeconds ?? 0) !== minReadySeconds) {
    const set = { ...newSet, metadata: { ...newSet.metadata, annotations }, spec: { ...newSet.spec, minReadySeconds } } as StoredSet
    steps.push({ do: 'updateSet', set, from: sizeOf(newSet), to: sizeOf(newSet) })
  }
  const revision = annotations[revisionAnnotation]
  if (revision !== undefined && deployment.metadata.annotations?.[revisionAnnotation] !== revision) steps.push({ do: 'annotate', revision })
  return steps
}

function createStep(view: View): Step[] {
  const { deployment, bounds, sets } = view
  const template = deployment.spec?.template ?? {}
  const hash = templateHash(template, view.collisions)
  const labels = { ...template.metadata?.labels, [hashLabel]: hash }
  const revision = nextRevision(view)
  const replicas = deployment.spec?.strategy?.type === 'Recreate' ? bounds.desired : newSetSize(bounds, sets, 0)
  const set: ReplicaSet & { metadata: { name: string } } = {
    metadata: {
      name: `${deployment.metadata.name}-${hash}`, labels,
      annotations: { ...newSetAnnotations(deployment, {}, revision, false), ...replicaAnnotations(bounds.desired, bounds.desired + bounds.surge) },
    },
    spec: {
      replicas, minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
      selector: { ...deployment.spec?.selector, matchLabels: { ...deployment.spec?.selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
  return [{ do: 'createSet', set }, { do: 'annotate', revision: String(revision) }]
}

/** Steps that give sets new sizes, and bring their replica annotations up to date. */
function resize(view: View, sizes: Sizes): Step[] {
  const { bounds, sets } = view
  const wanted = replicaAnnotations(bounds.desired, bounds.desired + bounds.surge)
  return sets.flatMap((s): Step[] => {
    const to = sizes.get(s.metadata.name) ?? sizeOf(s)
    const annotations = { ...s.metadata.annotations, ...wanted }
    const stale = (sizes.has(s.metadata.name) || sizeOf(s) > 0) && !equalJson(annotations, s.metadata.annotations ?? {})
    if (to === sizeOf(s) && !stale) return []
    return [{ do: 'updateSet', set: { ...s, metadata: { ...s.metadata, annotations }, spec: { ...s.spec, replicas: to } } as StoredSet, from: sizeOf(s), to }]
  })
}

function rolling(view: View): Step[] {
  const { bounds, newSet, olds, sets } = view
  if (!newSet) return createStep(view)
  const steps = revisionSteps(view)
  const size = newSetSize(bounds, sets, sizeOf(newSet))
  if (size !== sizeOf(newSet)) return [...steps, ...resize(view, new Map([[newSet.metadata.name, size]]))]
  const shrink = oldSetSizes(bounds, newSet, olds)
  if (shrink.size > 0) return [...steps, ...resize(view, shrink)]
  return [...steps, ...resize(view, new Map()), ...cleanupWhenComplete(view)]
}

function recreate(view: View): Step[] {
  const { bounds, newSet, olds } = view
  const running = olds.filter((s) => sizeOf(s) > 0)
  if (running.length > 0) return [...revisionSteps(view), ...resize(view, new Map(running.map((s) => [s.metadata.name, 0])))]
  if (oldPodsRemain(view)) return revisionSteps(view)
  if (!newSet) return createStep(view)
  return [...revisionSteps(view), ...resize(view, new Map([[newSet.metadata.name, bounds.desired]])), ...cleanupWhenComplete(view)]
}

function oldPodsRemain({ olds, newSet, pods }: View): boolean {
  if (totalActual(olds) > 0) return true
  for (const [uid, owned] of pods) {
    if (uid !== newSet?.metadata.uid && owned.some((p) => p.status?.phase !== 'Succeeded' && p.status?.phase !== 'Failed')) return true
  }
  return false
}

const cleanupWhenComplete = (view: View): Step[] => (isComplete(view.deployment, countedStatus(view), view.bounds.desired) ? cleanup(view) : [])

/** Deletes the oldest empty sets above the history limit. */
function cleanup({ deployment, olds }: View): Step[] {
  const limit = deployment.spec?.revisionHistoryLimit
  if (limit === undefined || limit === 2_147_483_647) return []
  const alive = oldestFirst(olds).filter((s) => !s.metadata.deletionTimestamp).sort((a, b) => revisionOf(a) - revisionOf(b))
  const empty = (s: StoredSet): boolean => sizeOf(s) === 0 && (s.status?.replicas ?? 0) === 0 && (s.metadata.generation ?? 0) <= (s.status?.observedGeneration ?? 0)
  return alive.slice(0, Math.max(0, alive.length - limit)).filter(empty).map((set) => ({ do: 'deleteSet', set }))
}

/** Two updates of one set become one: the second would carry an outdated resourceVersion. */
function mergeSetSteps(steps: readonly Step[]): Step[] {
  const out: Step[] = []
  for (const step of steps) {
    const i = step.do === 'updateSet' ? out.findIndex((s) => s.do === 'updateSet' && s.set.metadata.uid === step.set.metadata.uid) : -1
    const before = out[i]
    if (i < 0 || step.do !== 'updateSet' || before?.do !== 'updateSet') { out.push(step); continue }
    const annotations = { ...before.set.metadata.annotations, ...step.set.metadata.annotations, ...pick(before.set.metadata.annotations, revisionAnnotation) }
    const spec = { ...step.set.spec, minReadySeconds: before.set.spec?.minReadySeconds ?? 0 }
    out[i] = { ...step, set: { ...step.set, metadata: { ...step.set.metadata, annotations }, spec } as StoredSet }
  }
  return out
}
const pick = (from: Readonly<Record<string, string>> | undefined, key: string): Record<string, string> => (from?.[key] === undefined ? {} : { [key]: from[key] })
