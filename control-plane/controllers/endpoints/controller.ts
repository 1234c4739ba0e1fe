/** Keeps the Endpoints object of Services with a selector. */
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound, isStatus } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { selectsLabels } from '../../../shared/values/label-selector.ts'
import { createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { backendsOf, familiesOf, hasSelector } from '../service-endpoints.ts'
import { watchServices } from '../service-watch.ts'
import { planEndpoints } from './plan.ts'

export function createEndpointsController(deps: ControllerDeps): Controller {
  const { client, informers } = deps
  const { clock } = deps.host
  const services = informers.for(refs.Service)
  const pods = informers.for(refs.Pod)
  const nodes = informers.for(refs.Node)
  const endpoints = informers.for(refs.Endpoints)

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const service = services.get(namespace, name)
    const present = endpoints.get(namespace, name)
    if (!service) {
      // Endpoints without a Service that this controller did not make (a leader lock, say) are left alone.
      if (present?.metadata.labels?.['endpoints.kubernetes.io/managed-by'] !== 'endpoint-controller') return
      try { await client.delete(refs.Endpoints, { namespace, name }, { preconditions: { uid: present.metadata.uid } }) } catch (e) { if (!isNotFound(e)) throw e }
      return
    }
    if (service.metadata.deletionTimestamp || !hasSelector(service)) return
    const selected = pods.list(namespace).filter((p) => selectsLabels({ matchLabels: service.spec?.selector }, p.metadata.labels))
    const { backends, after } = backendsOf({ service, pods: selected, node: (n) => nodes.get(undefined, n), now: clock.now() }, familiesOf(service)[0] ?? 'IPv4')
    const { labels, annotations, subsets } = planEndpoints(service, backends, present?.metadata.annotations ?? {})
    const again = after === undefined ? undefined : { after }
    if (!present) {
      try { await client.create(refs.Endpoints, { metadata: { namespace: namespace ?? '', name, labels, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) }, subsets }) } catch (e) {
        if (isStatus(e) && e.details?.causes?.some((c) => c.reason === 'NamespaceTerminating')) return
        throw e
      }
      return again
    }
    if (equalJson(present.subsets ?? [], subsets) && equalJson(present.metadata.labels ?? {}, labels) && equalJson(present.metadata.annotations ?? {}, annotations)) return again
    await client.update(refs.Endpoints, { ...present, metadata: { ...present.metadata, labels, annotations }, subsets })
    return again
  }

  return createController({
    name: 'endpoints', deps, workers: 5, reads: [refs.Service, refs.Pod, refs.Node, refs.Endpoints], reconcile,
    watch: (queue) => [...watchServices(informers, queue), endpoints.on({ add: (e) => { queue.add(keyOf(e)) }, update: (e) => { queue.add(keyOf(e)) }, delete: (e) => { queue.add(keyOf(e)) } })],
  })
}
