/** Keeps the EndpointSlices of Services with a selector. Others belong to whoever made them. */
import type { EndpointSlice } from '../../../shared/api/discovery-v1.ts'
import { controllerRef, type Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound, isStatus } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { selectsLabels } from '../../../shared/values/label-selector.ts'
import { createController, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { backendsOf, familiesOf, hasSelector } from '../service-endpoints.ts'
import { watchServices } from '../service-watch.ts'
import { managedByLabel, manager, planSlices, serviceLabel } from './plan.ts'

/** Names of slices are generated: one created and not yet seen must be waited for, or it would be made twice. Given up after this. */
const unseenLimit = 10_000

export function createEndpointSliceController(deps: ControllerDeps): Controller {
  const { client, informers } = deps
  const { clock } = deps.host
  const services = informers.for(refs.Service)
  const pods = informers.for(refs.Pod)
  const nodes = informers.for(refs.Node)
  const slices = informers.for(refs.EndpointSlice)
  const serviceOf = (s: Stored<EndpointSlice>): readonly string[] =>
    (s.metadata.labels?.[managedByLabel] === manager ? [`${s.metadata.namespace}/${s.metadata.labels[serviceLabel] ?? ''}`] : [])
  slices.addIndexer('service', serviceOf)
  const unseen = new Map<string, { readonly uids: Set<string>; readonly since: number }>()
  const seen = (key: string, uid: string): void => {
    const waiting = unseen.get(key)
    if (waiting?.uids.delete(uid) && waiting.uids.size === 0) unseen.delete(key)
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const service = services.get(namespace, name)
    // Slices of a deleted Service go with their owner.
    if (!service || service.metadata.deletionTimestamp || !hasSelector(service)) { unseen.delete(key); return }
    const waiting = unseen.get(key)
    const waited = clock.monotonic() - (waiting?.since ?? 0)
    if (waiting && waited < unseenLimit) return { after: unseenLimit - waited }
    unseen.delete(key)
    const selected = pods.list(namespace).filter((p) => selectsLabels({ matchLabels: service.spec?.selector }, p.metadata.labels))
    const input = { service, pods: selected, node: (n: string) => nodes.get(undefined, n), now: clock.now() }
    const found = familiesOf(service).map((family) => ({ family, ...backendsOf(input, family) }))
    const plan = planSlices({ service, slices: slices.byIndex('service', key), backends: new Map(found.map((f) => [f.family, f.backends])) })
    for (const slice of plan.update) await client.update(refs.EndpointSlice, slice)
    for (const slice of plan.create) {
      const owner = controllerRef(service, { apiVersion: 'v1', kind: 'Service' })
      try {
        const created = await client.create(refs.EndpointSlice, { ...slice, metadata: { ...slice.metadata, namespace: namespace ?? '', ownerReferences: [owner] } })
        if (slices.get(namespace, created.metadata.name)) continue
        const pending = unseen.get(key) ?? { uids: new Set<string>(), since: clock.monotonic() }
        pending.uids.add(created.metadata.uid)
        unseen.set(key, pending)
      } catch (e) {
        if (isStatus(e) && e.details?.causes?.some((c) => c.reason === 'NamespaceTerminating')) return
        throw e
      }
    }
    for (const slice of plan.remove) {
      try { await client.delete(refs.EndpointSlice, { namespace, name: slice.metadata.name }) } catch (e) { if (!isNotFound(e)) throw e }
    }
    const changes = found.map((f) => f.after).filter((a) => a !== undefined)
    return changes.length > 0 ? { after: Math.min(...changes) } : undefined
  }

  return createController({
    name: 'endpoint-slice', deps, workers: 5, reads: [refs.Service, refs.Pod, refs.Node, refs.EndpointSlice], reconcile,
    watch(queue) {
      const wake = (s: Stored<EndpointSlice>): void => { for (const key of serviceOf(s)) { seen(key, s.metadata.uid); queue.add(key) } }
      return [...watchServices(informers, queue), slices.on({ add: wake, update: (s, old) => { wake(old); wake(s) }, delete: wake })]
    },
  })
}
