/** Empties namespaces that are being deleted, then lets them go. */
import type { Namespace } from '../../../shared/api/core-v1.ts'
import type { KubeObject, ResourceRef, Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound, messageOf } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { createController, type Controller, type ControllerDeps } from '../controller.ts'
import { terminationConditions, type Remaining } from './plan.ts'

/** While content is ending (graceful pods, finalizers) the namespace is looked at this often; the end of a pod wakes it at once. */
const recheck = 2000

export interface NamespaceConfig {
  /** Every served resource; those of cluster scope are ignored. Asked for each time, since CRDs come and go. */
  resources(): readonly ResourceRef[]
}

export function createNamespaceController(deps: ControllerDeps, config: NamespaceConfig): Controller {
  const { client, informers } = deps
  const { clock } = deps.host
  const namespaces = informers.for(refs.Namespace)
  const pods = informers.for(refs.Pod)

  /** Deletes what is there, and says what remains. Listed from the store, not from a copy: nothing may be overlooked. */
  const empty = async (ref: ResourceRef, namespace: string): Promise<Remaining> => {
    for (const object of (await client.list(ref, { namespace })).items) {
      if (object.metadata.deletionTimestamp) continue
      try {
        await client.delete(ref, { namespace, name: object.metadata.name }, { propagationPolicy: 'Background', preconditions: { uid: object.metadata.uid } })
      } catch (e) { if (!isNotFound(e)) throw e }
    }
    const left: readonly Stored<KubeObject>[] = (await client.list(ref, { namespace })).items
    return { resource: ref.resource, group: ref.group, count: left.length, finalizers: left.flatMap((o) => o.metadata.finalizers ?? []) }
  }

  const reconcile = async (name: string): Promise<HandlerResult> => {
    const namespace = namespaces.get(undefined, name)
    if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes('kubernetes')) return
    const remaining: Remaining[] = []
    let failure: string | undefined
    for (const ref of config.resources()) {
      // Events go last of themselves: deleting them one by one would only make more work.
      if (!ref.namespaced || (ref.resource === 'events' && ref.group !== '')) continue
      try { remaining.push(await empty(ref, name)) } catch (e) { failure ??= `${ref.resource}: ${messageOf(e)}` }
    }
    const conditions = terminationConditions({ remaining, failure, previous: namespace.status?.conditions ?? [], now: clock.now() })
    let latest: Stored<Namespace> = namespace
    if (!equalJson(conditions, namespace.status?.conditions ?? [])) latest = await client.update(refs.Namespace, { ...namespace, status: { ...namespace.status, conditions } }, { subresource: 'status' })
    if (failure !== undefined) throw new Error(failure)
    if (remaining.some((r) => r.count > 0)) return { after: recheck }
    const finalizers = latest.spec?.finalizers?.filter((f) => f !== 'kubernetes') ?? []
    try { await client.update(refs.Namespace, { ...latest, spec: { ...latest.spec, finalizers } }, { subresource: 'finalize' }) } catch (e) { if (!isNotFound(e)) throw e }
  }

  return createController({
    name: 'namespace', deps, workers: 2, reads: [refs.Namespace, refs.Pod], reconcile,
    watch: (queue) => [
      namespaces.on({ add: (n) => { queue.add(n.metadata.name) }, update: (n) => { if (n.metadata.deletionTimestamp) queue.add(n.metadata.name) } }),
      pods.on({ delete: (p) => { const n = namespaces.get(undefined, p.metadata.namespace ?? ''); if (n?.metadata.deletionTimestamp) queue.add(n.metadata.name) } }),
    ],
  })
}
