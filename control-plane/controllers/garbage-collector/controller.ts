/** Deletes what has no owner left; carries out foreground deletion and orphaning. */
import type { KubeObject, ResourceRef, Stored } from '../../../shared/api/object.ts'
import { isNotFound } from '../../../shared/base/errors.ts'
import type { Informer } from '../../../shared/reconcile/informer.ts'
import type { HandlerResult, WorkQueue } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { createController, type Controller, type ControllerDeps } from '../controller.ts'
import type { ChangingResources } from './followed.ts'
import { Followed, nameOf } from './followed.ts'
import { blocking, foregroundFinalizer, orphanFinalizer, ownerState, planObject, type OwnerState } from './plan.ts'

export interface GarbageCollectorConfig {
  /** Resources whose objects may be owners or dependents. An owner of another kind counts as alive: what cannot be seen is not judged. */
  readonly resources: readonly ResourceRef[]
  /** Resources that come and go. */
  readonly custom?: ChangingResources | undefined
}

type Any = Stored<KubeObject>
interface Found { readonly informer: Informer<KubeObject>; readonly object: Any }

const byOwner = (o: Any): readonly string[] => o.metadata.ownerReferences?.map((r) => r.uid) ?? []
const keyFor = (o: Any) => ({ namespace: o.metadata.namespace, name: o.metadata.name })

export function createGarbageCollector(deps: ControllerDeps, config: GarbageCollectorConfig): Controller {
  const { client, recorder } = deps
  const followed = new Followed(deps, config)

  const dependents = (owner: Any): Found[] => followed.all.flatMap((informer) => informer.byIndex('owner', owner.metadata.uid).map((object) => ({ informer, object })))
  const queueKey = (informer: Informer<KubeObject>, o: Any): string => `${nameOf(informer.ref)}|${o.metadata.namespace ?? ''}|${o.metadata.name}`
  const informerOf = (apiVersion: string, kind: string): Informer<KubeObject> | undefined => {
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
    return followed.all.find((i) => i.ref.kind === kind && i.ref.group === group)
  }
  const change = (informer: Informer<KubeObject>, o: Any, metadata: object): Promise<unknown> =>
    client.patch(informer.ref, keyFor(o), 'application/merge-patch+json', { metadata: { uid: o.metadata.uid, resourceVersion: o.metadata.resourceVersion, ...metadata } })
  const dropOwners = async (informer: Informer<KubeObject>, o: Any, uids: readonly string[]): Promise<void> => {
    const left = o.metadata.ownerReferences?.filter((r) => !uids.includes(r.uid)) ?? []
    try { await change(informer, o, { ownerReferences: left.length > 0 ? left : null }) } catch (e) { if (!isNotFound(e)) throw e }
  }
  const dropFinalizer = async (informer: Informer<KubeObject>, o: Any, finalizer: string): Promise<void> => {
    const left = o.metadata.finalizers?.filter((f) => f !== finalizer) ?? []
    try { await change(informer, o, { finalizers: left.length > 0 ? left : null }) } catch (e) { if (!isNotFound(e)) throw e }
  }

  /** The owner as the copy shows it; where it does not, the store is asked: absence in a copy proves nothing. */
  const stateOf = async (of: ResourceRef, dependent: Any, reference: { apiVersion: string; kind: string; name: string; uid: string }): Promise<OwnerState> => {
    const informer = informerOf(reference.apiVersion, reference.kind)
    if (!informer) return 'solid'
    const known = informer.byIndex('uid', reference.uid)[0]
    if (known && (!informer.ref.namespaced || known.metadata.namespace === dependent.metadata.namespace)) return ownerState(known, reference.uid)
    if (informer.ref.namespaced && !dependent.metadata.namespace) {
      const named = `[${reference.apiVersion}/${reference.kind}, name: ${reference.name}, uid: ${reference.uid}]`
      recorder.event(of, dependent, 'Warning', 'OwnerRefInvalidNamespace', `ownerRef ${named} is namespaced, the object is not`)
      return 'solid'
    }
    try {
      const key = { name: reference.name, ...(informer.ref.namespaced ? { namespace: dependent.metadata.namespace } : {}) }
      return ownerState(await client.get(informer.ref, key), reference.uid)
    } catch (e) {
      if (isNotFound(e)) return 'dangling'
      throw e
    }
  }

  const finishForeground = async (informer: Informer<KubeObject>, o: Any, queue: WorkQueue): Promise<void> => {
    const found = dependents(o)
    if (blocking(o, found.map((f) => f.object)).length === 0) { await dropFinalizer(informer, o, foregroundFinalizer); return }
    for (const f of found) if (!f.object.metadata.deletionTimestamp) queue.add(queueKey(f.informer, f.object))
  }
  const orphan = async (informer: Informer<KubeObject>, o: Any): Promise<void> => {
    for (const f of dependents(o)) await dropOwners(f.informer, f.object, [o.metadata.uid])
    await dropFinalizer(informer, o, orphanFinalizer)
  }
  const judge = async (informer: Informer<KubeObject>, o: Any): Promise<void> => {
    const owners = new Map<string, OwnerState>()
    for (const r of o.metadata.ownerReferences ?? []) owners.set(r.uid, await stateOf(informer.ref, o, r))
    const plan = planObject({ object: o, owners, hasDependents: dependents(o).length > 0 })
    switch (plan.do) {
      case 'nothing': return
      case 'dropOwners': await dropOwners(informer, o, plan.uids); return
      case 'delete':
        // The resourceVersion keeps an object that was given a new owner meanwhile.
        try {
          await client.delete(informer.ref, keyFor(o), { propagationPolicy: plan.policy, preconditions: { uid: o.metadata.uid, resourceVersion: o.metadata.resourceVersion } })
        } catch (e) { if (!isNotFound(e)) throw e }
    }
  }

  let queueOf: WorkQueue | undefined
  const reconcile = async (key: string): Promise<HandlerResult> => {
    const [resource = '', namespace = '', name = ''] = key.split('|')
    const informer = followed.of(resource)
    const o = informer?.get(namespace === '' ? undefined : namespace, name)
    if (!informer || !o || !queueOf) return
    const finalizers = o.metadata.deletionTimestamp ? o.metadata.finalizers ?? [] : []
    if (finalizers.includes(orphanFinalizer)) await orphan(informer, o)
    else if (finalizers.includes(foregroundFinalizer)) await finishForeground(informer, o, queueOf)
    else if (!o.metadata.deletionTimestamp) await judge(informer, o)
  }

  return createController({
    name: 'garbage-collector', deps, workers: 10, reads: followed.all.map((i) => i.ref), reconcile,
    watch(queue) {
      queueOf = queue
      const concerns = (o: Any): boolean => byOwner(o).length > 0 || (o.metadata.deletionTimestamp !== undefined && (o.metadata.finalizers?.length ?? 0) > 0)
      return [followed.watch((informer) => informer.on({
        add: (o) => { if (concerns(o)) queue.add(queueKey(informer, o)) },
        update: (o, old) => {
          const same = equalJson(o.metadata.ownerReferences, old.metadata.ownerReferences) && o.metadata.deletionTimestamp === old.metadata.deletionTimestamp && equalJson(o.metadata.finalizers, old.metadata.finalizers)
          if (!same && concerns(o)) queue.add(queueKey(informer, o))
        },
        delete: (o) => {
          for (const f of dependents(o)) queue.add(queueKey(f.informer, f.object))
          for (const uid of byOwner(o)) {
            for (const i of followed.all) for (const owner of i.byIndex('uid', uid)) if (owner.metadata.deletionTimestamp) queue.add(queueKey(i, owner))
          }
        },
      }))]
    },
  })
}
