/** Keeps as many pods as a ReplicaSet or ReplicationController says. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import { apiVersionOf, controllerRef, type Stored } from '../../../shared/api/object.ts'
import { isPodActive } from '../../../shared/api/pod-phase.ts'
import { refs } from '../../../shared/api/refs.ts'
import { conflict, isNotFound, isStatus, messageOf } from '../../../shared/base/errors.ts'
import { selectsLabels } from '../../../shared/values/label-selector.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { byController, controllerIndex, controllerOf, createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { createExpectations, expectationTimeout } from '../expectations.ts'
import { claimPods, planReplicas, podFromTemplate, statusOf, type Plan, type StatusInput, type StoredPod } from './plan.ts'
import type { ReplicaKind, ReplicaOwner } from './replica-kind.ts'

type Owner = Stored<ReplicaOwner>
type Failure = StatusInput['failure']

export function createReplicaController(deps: ControllerDeps, kind: ReplicaKind): Controller {
  const { client, recorder } = deps
  const { clock } = deps.host
  const owners = deps.informers.for(kind.ref)
  const pods = deps.informers.for(refs.Pod)
  pods.addIndexer(controllerIndex, byController)
  owners.addIndexer(controllerIndex, byController)
  const expectations = createExpectations(clock)

  const ownerOf = (pod: StoredPod): Owner | undefined => {
    const ref = controllerOf(pod)
    if (ref?.kind !== kind.ref.kind) return undefined
    const owner = owners.get(pod.metadata.namespace, ref.name)
    return owner?.metadata.uid === ref.uid ? owner : undefined
  }

  /** Does the owner still exist, undeleted, in the store itself? An adoption from a stale view would steal pods from its successor. */
  const confirm = async (owner: Owner): Promise<void> => {
    const fresh = await client.get(kind.ref, splitKeyOf(owner))
    if (fresh.metadata.uid !== owner.metadata.uid || fresh.metadata.deletionTimestamp) {
      throw conflict({ group: kind.ref.group, resource: kind.ref.resource, name: owner.metadata.name }, 'it was deleted meanwhile')
    }
  }

  const claim = async (owner: Owner): Promise<StoredPod[]> => {
    const candidate = { uid: owner.metadata.uid, deleting: Boolean(owner.metadata.deletionTimestamp), selector: kind.selector(owner) }
    const { owned, adopt, release } = claimPods(candidate, pods.byIndex(controllerIndex, owner.metadata.uid), pods.byIndex(controllerIndex, `orphan:${owner.metadata.namespace ?? ''}`))
    if (adopt.length > 0) await confirm(owner)
    const reference = controllerRef(owner, { apiVersion: apiVersionOf(kind.ref), kind: kind.ref.kind })
    const adopted: StoredPod[] = []
    for (const pod of adopt) {
      adopted.push(await client.update(refs.Pod, { ...pod, metadata: { ...pod.metadata, ownerReferences: [...pod.metadata.ownerReferences ?? [], reference] } }))
    }
    for (const pod of release) {
      const ownerReferences = pod.metadata.ownerReferences?.filter((o) => o.uid !== owner.metadata.uid) ?? []
      try { await client.update(refs.Pod, { ...pod, metadata: { ...pod.metadata, ownerReferences } }) } catch (e) { if (!isNotFound(e)) throw e }
    }
    return [...owned, ...adopted]
  }

  /** Creates in batches of 1, 2, 4 ...: where the first is refused (quota, admission) the other 29 are not tried. */
  const create = async (key: string, owner: Owner, count: number): Promise<Failure> => {
    const template = owner.spec?.template
    if (!template || count === 0) return undefined
    const pod = podFromTemplate(template, { namespace: owner.metadata.namespace ?? '', name: owner.metadata.name })
    pod.metadata = { ...pod.metadata, ownerReferences: [controllerRef(owner, { apiVersion: apiVersionOf(kind.ref), kind: kind.ref.kind })] } as typeof pod.metadata
    expectations.expectCreations(key, count)
    for (let left = count, size = 1; left > 0; size *= 2) {
      const batch = Math.min(left, size)
      const results = await Promise.allSettled(Array.from({ length: batch }, () => client.create(refs.Pod, pod)))
      left -= batch
      for (const r of results) if (r.status === 'fulfilled') recorder.event(kind.ref, owner, 'Normal', 'SuccessfulCreate', `Created pod: ${r.value.metadata.name}`)
      const failed = results.filter((r) => r.status === 'rejected')
      if (failed.length === 0) continue
      for (let i = 0; i < failed.length + left; i++) expectations.creationObserved(key)
      const reason: unknown = failed[0]?.reason
      if (isStatus(reason) && reason.details?.causes?.some((c) => c.reason === 'NamespaceTerminating')) return undefined
      recorder.event(kind.ref, owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(reason)}`)
      return { reason: 'FailedCreate', message: messageOf(reason) }
    }
    return undefined
  }

  const remove = async (key: string, owner: Owner, victims: readonly StoredPod[]): Promise<Failure> => {
    if (victims.length === 0) return undefined
    expectations.expectDeletions(key, victims.map((p) => p.metadata.uid))
    let failure: Failure
    await Promise.all(victims.map(async (pod) => {
      try {
        await client.delete(refs.Pod, splitKeyOf(pod), { preconditions: { uid: pod.metadata.uid } })
        recorder.event(kind.ref, owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`)
      } catch (e) {
        expectations.deletionObserved(key, pod.metadata.uid)
        if (isNotFound(e)) return
        recorder.event(kind.ref, owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(e)}`)
        failure ??= { reason: 'FailedDelete', message: messageOf(e) }
      }
    }))
    return failure
  }

  const relatedPerNode = (owner: Owner): Map<string, number> => {
    const parent = controllerOf(owner)
    const family = parent ? owners.byIndex(controllerIndex, parent.uid) : [owner]
    const counts = new Map<string, number>()
    for (const sibling of family) {
      for (const pod of pods.byIndex(controllerIndex, sibling.metadata.uid)) {
        if (isPodActive(pod)) counts.set(pod.spec?.nodeName ?? '', (counts.get(pod.spec?.nodeName ?? '') ?? 0) + 1)
      }
    }
    return counts
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const owner = owners.get(namespace, name)
    if (!owner) { expectations.forget(key); return }
    const caughtUp = expectations.satisfied(key)
    const active = (await claim(owner)).filter(isPodActive)
    let failure: Failure
    if (caughtUp && !owner.metadata.deletionTimestamp) {
      const plan: Plan = planReplicas({ desired: owner.spec?.replicas ?? 1, active, relatedPerNode: relatedPerNode(owner), now: clock.now() })
      failure = 'create' in plan ? await create(key, owner, plan.create) : await remove(key, owner, plan.remove)
    }
    const { status, nextChange } = statusOf({
      active, failure, previous: owner.status, minReadySeconds: owner.spec?.minReadySeconds ?? 0, generation: owner.metadata.generation ?? 0,
      templateLabels: owner.spec?.template?.metadata?.labels ?? {}, now: clock.now(), timestamp: timestamp(clock.now()),
    })
    if (!equalJson(status, { replicas: 0, ...owner.status })) await client.update(kind.ref, { ...owner, status }, { subresource: 'status' })
    if (failure) throw new Error(`${failure.reason}: ${failure.message}`)
    // Should an event never arrive, the world is looked at as it is once the expectation has run out.
    if (!caughtUp) return { after: Math.min(nextChange ?? Infinity, expectationTimeout) }
    return nextChange === undefined ? undefined : { after: nextChange }
  }

  return createController({
    name: kind.name, deps, workers: 5, reads: [kind.ref, refs.Pod], reconcile,
    watch(queue) {
      const wakeMatching = (pod: StoredPod): void => {
        for (const owner of owners.list(pod.metadata.namespace)) if (selectsLabels(kind.selector(owner), pod.metadata.labels)) queue.add(keyOf(owner))
      }
      const added = (pod: StoredPod): void => {
        const owner = ownerOf(pod)
        if (pod.metadata.deletionTimestamp) { gone(pod); return }
        if (owner) { expectations.creationObserved(keyOf(owner)); queue.add(keyOf(owner)) } else if (!controllerOf(pod)) wakeMatching(pod)
      }
      /** Being deleted counts as gone: the pod is no longer active. */
      const gone = (pod: StoredPod): void => {
        const owner = ownerOf(pod)
        if (!owner) return
        expectations.deletionObserved(keyOf(owner), pod.metadata.uid)
        queue.add(keyOf(owner))
      }
      const updated = (pod: StoredPod, old: StoredPod): void => {
        if (controllerOf(old)?.uid !== controllerOf(pod)?.uid) { const before = ownerOf(old); if (before) queue.add(keyOf(before)) }
        if (pod.metadata.deletionTimestamp) { gone(pod); return }
        const owner = ownerOf(pod)
        if (owner) queue.add(keyOf(owner))
        else if (!controllerOf(pod) && (controllerOf(old) || !equalJson(pod.metadata.labels, old.metadata.labels))) wakeMatching(pod)
      }
      return [
        owners.on({
          add: (o) => { queue.add(keyOf(o)) }, update: (o) => { queue.add(keyOf(o)) },
          delete: (o) => { expectations.forget(keyOf(o)); queue.add(keyOf(o)) },
        }),
        pods.on({ add: added, update: updated, delete: gone }),
      ]
    },
  })
}

const splitKeyOf = (object: Stored<ReplicaOwner> | Stored<Pod>) => ({ namespace: object.metadata.namespace, name: object.metadata.name })
