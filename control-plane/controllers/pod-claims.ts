/** Which pods are a controller's: adopts orphans its selector matches, releases what it matches no longer, and finds the owner of a pod's event. */
import type { Pod } from '../../shared/api/core-v1.ts'
import { apiVersionOf, controllerRef, type KubeObject, type ResourceRef, type Stored } from '../../shared/api/object.ts'
import { isPodActive } from '../../shared/api/pod-phase.ts'
import { refs } from '../../shared/api/refs.ts'
import { conflict, isNotFound } from '../../shared/base/errors.ts'
import type { Informer } from '../../shared/reconcile/informer.ts'
import type { WorkQueue } from '../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../shared/values/json-value.ts'
import { selectsLabels, type LabelSelectorLike } from '../../shared/values/label-selector.ts'
import { byController, controllerIndex, controllerOf, keyOf, type ControllerDeps } from './controller.ts'
import type { Expectations } from './expectations.ts'

type StoredPod = Stored<Pod>

export interface PodOwners<T extends KubeObject> {
  readonly ref: ResourceRef<T>
  readonly owners: Informer<T>
  selector(owner: Stored<T>): LabelSelectorLike | undefined
  /** Orphans it does not hold for are not adopted. Default: all that the selector matches are. */
  member?(owner: Stored<T>, pod: StoredPod): boolean
}

export interface PodClaims<T extends KubeObject> {
  /** The owner's pods, adopted ones among them. Writes what has to change first. */
  claim(owner: Stored<T>): Promise<StoredPod[]>
  ownerOf(pod: StoredPod): Stored<T> | undefined
  /** Pod handlers that wake owners and keep expectations. */
  listen(queue: WorkQueue, expectations: Expectations): Disposable
}

export function createPodClaims<T extends KubeObject>(deps: ControllerDeps, kind: PodOwners<T>): PodClaims<T> {
  const { client } = deps
  const { ref, owners } = kind
  const pods = deps.informers.for(refs.Pod)
  pods.addIndexer(controllerIndex, byController)

  const ownerOf = (pod: StoredPod): Stored<T> | undefined => {
    const reference = controllerOf(pod)
    if (reference?.kind !== ref.kind) return undefined
    const owner = owners.get(pod.metadata.namespace, reference.name)
    return owner?.metadata.uid === reference.uid ? owner : undefined
  }
  const confirm = async (owner: Stored<T>): Promise<void> => {
    const fresh = await client.get(ref, { namespace: owner.metadata.namespace, name: owner.metadata.name })
    if (fresh.metadata.uid !== owner.metadata.uid || fresh.metadata.deletionTimestamp) throw conflict({ group: ref.group, resource: ref.resource, name: owner.metadata.name }, 'it was deleted meanwhile')
  }

  return {
    ownerOf,
    async claim(owner) {
      const selector = kind.selector(owner)
      const owned = pods.byIndex(controllerIndex, owner.metadata.uid)
      const matching = owned.filter((p) => selectsLabels(selector, p.metadata.labels))
      if (owner.metadata.deletionTimestamp) return matching
      const orphans = pods.byIndex(controllerIndex, `orphan:${owner.metadata.namespace ?? ''}`).filter((p) => isPodActive(p) && selectsLabels(selector, p.metadata.labels) && (kind.member?.(owner, p) ?? true))
      if (orphans.length > 0) await confirm(owner)
      const reference = controllerRef(owner, { apiVersion: apiVersionOf(ref), kind: ref.kind })
      const adopted: StoredPod[] = []
      for (const pod of orphans) adopted.push(await client.update(refs.Pod, { ...pod, metadata: { ...pod.metadata, ownerReferences: [...pod.metadata.ownerReferences ?? [], reference] } }))
      for (const pod of owned) {
        if (pod.metadata.deletionTimestamp || matching.includes(pod)) continue
        const ownerReferences = pod.metadata.ownerReferences?.filter((o) => o.uid !== owner.metadata.uid) ?? []
        try { await client.update(refs.Pod, { ...pod, metadata: { ...pod.metadata, ownerReferences } }) } catch (e) { if (!isNotFound(e)) throw e }
      }
      return [...matching, ...adopted]
    },
    listen(queue, expectations) {
      const wakeMatching = (pod: StoredPod): void => {
        for (const owner of owners.list(pod.metadata.namespace)) if (selectsLabels(kind.selector(owner), pod.metadata.labels)) queue.add(keyOf(owner))
      }
      const gone = (pod: StoredPod): void => {
        const owner = ownerOf(pod)
        if (!owner) return
        expectations.deletionObserved(keyOf(owner), pod.metadata.uid)
        queue.add(keyOf(owner))
      }
      return pods.on({
        add(pod) {
          if (pod.metadata.deletionTimestamp) { gone(pod); return }
          const owner = ownerOf(pod)
          if (owner) { expectations.creationObserved(keyOf(owner)); queue.add(keyOf(owner)) } else if (!controllerOf(pod)) wakeMatching(pod)
        },
        update(pod, old) {
          if (controllerOf(old)?.uid !== controllerOf(pod)?.uid) { const before = ownerOf(old); if (before) queue.add(keyOf(before)) }
          if (pod.metadata.deletionTimestamp) { gone(pod); return }
          const owner = ownerOf(pod)
          if (owner) queue.add(keyOf(owner))
          else if (!controllerOf(pod) && (controllerOf(old) || !equalJson(pod.metadata.labels, old.metadata.labels))) wakeMatching(pod)
        },
        delete: gone,
      })
    },
  }
}
