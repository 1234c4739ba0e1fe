/** Runs the pods of StatefulSets under lasting names, each with its claims. */
import type { StatefulSet } from '../../../shared/api/apps-v1.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists, isNotFound, messageOf } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { createExpectations } from '../expectations.ts'
import { createPodClaims } from '../pod-claims.ts'
import { createHistory } from '../revisions/history.ts'
import { revisionLabel } from '../revisions/plan.ts'
import { planSet, type SetStep } from './plan.ts'
import { claimOwners, claimsFor, inRange, ordinalOf, repaired } from './pod.ts'

type StoredSet = Stored<StatefulSet>

export function createStatefulSetController(deps: ControllerDeps): Controller {
  const { client, recorder } = deps
  const { clock } = deps.host
  const sets = deps.informers.for(refs.StatefulSet)
  const volumes = deps.informers.for(refs.PersistentVolumeClaim)
  // Names are fixed, so a second creation is refused by the store: nothing has to be expected.
  const expectations = createExpectations(clock)
  const claims = createPodClaims(deps, { ref: refs.StatefulSet, owners: sets, selector: (s) => s.spec?.selector, member: (s, pod) => ordinalOf(s, pod) !== undefined })
  const history = createHistory(deps, refs.StatefulSet)

  const told = async (set: StoredSet, verb: string, what: string, act: () => Promise<unknown>, success = 'successful'): Promise<void> => {
    const reason = verb[0]?.toUpperCase() + verb.slice(1)
    try { await act() } catch (e) {
      if ((verb === 'create' && isAlreadyExists(e)) || (verb === 'delete' && isNotFound(e))) return
      recorder.event(refs.StatefulSet, set, 'Warning', `Failed${reason}`, `${verb} ${what} in StatefulSet ${set.metadata.name} failed error: ${messageOf(e)}`)
      throw e
    }
    recorder.event(refs.StatefulSet, set, 'Normal', `Successful${reason}`, `${verb} ${what} in StatefulSet ${set.metadata.name} ${success}`)
  }
  const createClaims = async (set: StoredSet, ordinal: number, pod: string): Promise<void> => {
    for (const claim of claimsFor(set, ordinal)) {
      const there = volumes.get(claim.metadata.namespace, claim.metadata.name)
      if (there?.metadata.deletionTimestamp) throw new Error(`pvc ${claim.metadata.name} is being deleted`)
      if (!there) await told(set, 'create', `Claim ${claim.metadata.name} Pod ${pod}`, () => client.create(refs.PersistentVolumeClaim, claim), 'success')
    }
  }
  const execute = async (set: StoredSet, step: SetStep): Promise<void> => {
    const name = step.pod.metadata.name
    switch (step.do) {
      case 'claims': return createClaims(set, step.ordinal, name)
      case 'create':
        await createClaims(set, step.ordinal, name)
        return told(set, 'create', `Pod ${name}`, () => client.create(refs.Pod, step.pod))
      case 'repair': {
        await createClaims(set, step.ordinal, name)
        const pod = repaired(set, step.pod, step.ordinal)
        return pod && told(set, 'update', `Pod ${name}`, () => client.update(refs.Pod, pod))
      }
      case 'delete':
        if (step.ended) recorder.event(refs.StatefulSet, set, 'Warning', step.ended === 'failed' ? 'RecreatingFailedPod' : 'RecreatingTerminatedPod', `StatefulSet ${keyOf(set)} is recreating ${step.ended} Pod ${name}`)
        return told(set, 'delete', `Pod ${name}`, () => client.delete(refs.Pod, { namespace: set.metadata.namespace, name }, { preconditions: { uid: step.pod.metadata.uid } }))
    }
  }
  /** Before a pod is scaled away its claims know whether they go with it. */
  const keepOwners = async (set: StoredSet, pod: Stored<Pod>): Promise<void> => {
    const ordinal = ordinalOf(set, pod) ?? 0
    for (const { metadata } of claimsFor(set, ordinal)) {
      const claim = volumes.get(metadata.namespace, metadata.name)
      const owners = claim && claimOwners(set, pod, claim, !inRange(set, ordinal))
      if (claim && owners) await client.update(refs.PersistentVolumeClaim, { ...claim, metadata: { ...claim.metadata, ownerReferences: owners } })
    }
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const set = sets.get(namespace, name)
    if (!set?.spec) return
    const pods = (await claims.claim(set)).filter((p) => ordinalOf(set, p) !== undefined)
    const collisions = set.status?.collisionCount ?? 0
    if (set.metadata.deletionTimestamp) return
    const update = await history.current(set, set.spec.template, collisions)
    if (!update) {
      await client.update(refs.StatefulSet, { ...set, status: { replicas: 0, ...set.status, collisionCount: collisions + 1 } }, { subresource: 'status' })
      return
    }
    const current = history.of(set).find((r) => r.metadata.name === set.status?.currentRevision) ?? update
    const { steps, status, nextChange } = planSet({ set, pods, current, update, now: clock.now() })
    for (const pod of pods) await keepOwners(set, pod)
    let failure: unknown
    try { for (const step of steps) await execute(set, step) } catch (e) { failure = e }
    if (!equalJson(status, set.status)) await client.update(refs.StatefulSet, { ...set, status }, { subresource: 'status' })
    await history.trim(set, new Set([current.metadata.name, update.metadata.name, ...pods.map((p) => p.metadata.labels?.[revisionLabel] ?? '')]), set.spec.revisionHistoryLimit ?? 10)
    if (failure !== undefined) throw failure
    return nextChange === undefined ? undefined : { after: nextChange }
  }

  return createController({
    name: 'stateful-set', deps, workers: 2, reads: [refs.StatefulSet, refs.Pod, refs.PersistentVolumeClaim, refs.ControllerRevision], reconcile,
    watch: (queue) => [
      sets.on({ add: (s) => { queue.add(keyOf(s)) }, update: (s) => { queue.add(keyOf(s)) }, delete: (s) => { queue.add(keyOf(s)) } }),
      claims.listen(queue, expectations),
    ],
  })
}
