/** Wakes the keys of Services when the Service, its pods or the nodes under them change. Shared by the two endpoint controllers. */
import type { Node, Pod, Service } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import { refs } from '../../shared/api/refs.ts'
import type { SharedInformers } from '../../shared/reconcile/shared-informers.ts'
import type { WorkQueue } from '../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../shared/values/json-value.ts'
import { selectsLabels } from '../../shared/values/label-selector.ts'
import { keyOf } from './controller.ts'
import { hasSelector } from './service-endpoints.ts'

/** What of a pod matters to a Service: a change elsewhere (a restart count, a condition) wakes nobody. */
const facts = (p: Stored<Pod>): unknown => [
  p.metadata.labels, p.metadata.deletionTimestamp, p.spec?.nodeName, p.spec?.hostname, p.spec?.subdomain, p.status?.podIP, p.status?.podIPs, p.status?.phase,
  p.status?.conditions?.find((c) => c.type === 'Ready')?.status,
]
const nodeFacts = (n: Stored<Node>): unknown => [n.metadata.labels?.['topology.kubernetes.io/zone'], n.status?.conditions?.find((c) => c.type === 'Ready')?.status]

export function watchServices(informers: SharedInformers, queue: WorkQueue): readonly Disposable[] {
  const services = informers.for(refs.Service)
  const pods = informers.for(refs.Pod)
  const wake = (s: Stored<Service>): void => { queue.add(keyOf(s)) }
  const wakeFor = (pod: Stored<Pod>): void => {
    for (const s of services.list(pod.metadata.namespace)) if (hasSelector(s) && selectsLabels({ matchLabels: s.spec?.selector }, pod.metadata.labels)) wake(s)
  }
  const wakeForNode = (name: string): void => { for (const p of pods.list()) if (p.spec?.nodeName === name) wakeFor(p) }
  return [
    services.on({ add: wake, update: wake, delete: wake }),
    pods.on({ add: wakeFor, delete: wakeFor, update: (p, old) => { if (!equalJson(facts(p), facts(old))) { wakeFor(old); wakeFor(p) } } }),
    informers.for(refs.Node).on({ update: (n, old) => { if (!equalJson(nodeFacts(n), nodeFacts(old))) wakeForNode(n.metadata.name) }, delete: (n) => { wakeForNode(n.metadata.name) } }),
  ]
}
