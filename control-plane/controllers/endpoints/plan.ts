/** The Endpoints object of a Service (upstream `pkg/controller/endpoint`, `pkg/api/endpoints.RepackSubsets`). Pure. */
import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Service } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { canonicalJson } from '../../../shared/values/canonical-json.ts'
import { isHeadless, type Backend } from '../service-endpoints.ts'

/** Upstream truncates at 1000 addresses and says so. */
const maxAddresses = 1000
const overCapacity = 'endpoints.kubernetes.io/over-capacity'

export type EndpointsFields = Required<Pick<Endpoints, 'subsets'>> & { readonly labels: Record<string, string>; readonly annotations: Record<string, string> }

/** The fields this controller keeps. `annotations` are those of the present object, but for the mark of truncation. */
export function planEndpoints(service: Stored<Service>, backends: readonly Backend[], annotations: Readonly<Record<string, string>>): EndpointsFields {
  const publish = service.spec?.publishNotReadyAddresses === true
  const listed = backends.filter((b) => publish || !b.terminating)
  const ready = listed.filter((b) => b.ready)
  const truncated = listed.length > maxAddresses
  const kept = truncated ? new Set([...ready, ...listed.filter((b) => !b.ready)].slice(0, maxAddresses)) : new Set(listed)
  const { [overCapacity]: _, ...others } = annotations
  const { ['service.kubernetes.io/headless']: __, ...own } = service.metadata.labels ?? {}
  return {
    labels: { ...own, ...(isHeadless(service) ? { 'service.kubernetes.io/headless': '' } : {}), 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
    annotations: truncated ? { ...others, [overCapacity]: 'truncated' } : others,
    subsets: [...Map.groupBy([...kept], (b) => canonicalJson(b.ports))].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => subset(group, isHeadless(service))),
  }
}

function subset(group: readonly Backend[], headless: boolean): EndpointSubset {
  const byIp = (a: EndpointAddress, b: EndpointAddress): number => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0)
  const addresses = group.filter((b) => b.ready).map(addressOf).sort(byIp)
  const notReady = group.filter((b) => !b.ready).map(addressOf).sort(byIp)
  const ports = (group[0]?.ports ?? []).map((p): EndpointPort => ({ ...(p.name === '' ? {} : { name: p.name }), port: p.port, protocol: p.protocol, ...(p.appProtocol === undefined ? {} : { appProtocol: p.appProtocol }) }))
  return {
    ...(addresses.length > 0 ? { addresses } : {}), ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    ...(ports.length > 0 || !headless ? { ports } : {}),
  }
}

const addressOf = (b: Backend): EndpointAddress => ({
  ip: b.addresses[0] ?? '',
  ...(b.hostname === undefined ? {} : { hostname: b.hostname }),
  ...(b.nodeName === undefined ? {} : { nodeName: b.nodeName }),
  targetRef: { kind: 'Pod', namespace: b.pod.metadata.namespace ?? '', name: b.pod.metadata.name, uid: b.pod.metadata.uid },
})
