/** The EndpointSlices of a Service: which to create, change and delete, with as few changes as possible (upstream `endpointslice/reconciler.go`). Pure. */
import type { Service } from '../../../shared/api/core-v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../../shared/api/discovery-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { canonicalJson } from '../../../shared/values/canonical-json.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { isHeadless, type Backend } from '../service-endpoints.ts'

export const serviceLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const manager = 'endpointslice-controller.k8s.io'
const headlessLabel = 'service.kubernetes.io/headless'
export const maxEndpoints = 100

export type Family = 'IPv4' | 'IPv6'
export interface PlanInput {
  readonly service: Stored<Service>
  /** Slices of this Service made by this controller. */
  readonly slices: readonly Stored<EndpointSlice>[]
  readonly backends: ReadonlyMap<Family, readonly Backend[]>
}
export interface Plan {
  /** Without namespace and owner. */
  readonly create: readonly (EndpointSlice & { metadata: { generateName: string; labels: Record<string, string> } })[]
  readonly update: readonly Stored<EndpointSlice>[]
  readonly remove: readonly Stored<EndpointSlice>[]
}

export function planSlices({ service, slices, backends }: PlanInput): Plan {
  const labels = labelsOf(service)
  const create: Plan['create'][number][] = []
  const update: Stored<EndpointSlice>[] = []
  const kept = new Set<string>()
  for (const [family, list] of backends) {
    const groups = Map.groupBy(list, (b) => canonicalJson(b.ports))
    // A Service without backends still has one slice, so that clients see that nothing is behind it.
    if (groups.size === 0) groups.set('[]', [])
    for (const group of groups.values()) {
      const ports = (group[0]?.ports ?? []).map((p): EndpointPort => ({ ...p }))
      const present = slices.filter((s) => s.addressType === family && equalJson(normalPorts(s), ports) && !kept.has(s.metadata.uid))
      const filled = fill(present, group.map(endpointOf))
      for (const { slice, endpoints } of filled) {
        if (!slice) { create.push({ metadata: { generateName: `${service.metadata.name}-`, labels: { ...labels } }, addressType: family, endpoints, ports }); continue }
        kept.add(slice.metadata.uid)
        if (!equalJson(slice.endpoints ?? [], endpoints) || !equalJson(slice.metadata.labels, labels)) update.push({ ...slice, endpoints, metadata: { ...slice.metadata, labels } })
      }
    }
  }
  return { create, update, remove: slices.filter((s) => !kept.has(s.metadata.uid)) }
}

const normalPorts = (s: EndpointSlice): EndpointPort[] => (s.ports ?? []).map((p) => ({ ...p, name: p.name ?? '', protocol: p.protocol ?? 'TCP' }))

/** Endpoints stay in the slice where they are; new ones fill free places; slices left empty are given up, but for the last. */
function fill(present: readonly Stored<EndpointSlice>[], wanted: readonly Endpoint[]): { slice: Stored<EndpointSlice> | undefined; endpoints: Endpoint[] }[] {
  const left = new Map(wanted.map((e) => [identity(e), e]))
  const out: { slice: Stored<EndpointSlice> | undefined; endpoints: Endpoint[] }[] = present.map((slice) => ({
    slice,
    endpoints: (slice.endpoints ?? []).flatMap((e) => {
      const now = left.get(identity(e))
      left.delete(identity(e))
      return now ? [now] : []
    }),
  }))
  const rest = [...left.values()]
  for (const s of out) while (rest.length > 0 && s.endpoints.length < maxEndpoints) s.endpoints.push(rest.shift() as Endpoint)
  while (rest.length > 0) out.push({ slice: undefined, endpoints: rest.splice(0, maxEndpoints) })
  const full = out.filter((s) => s.endpoints.length > 0)
  return full.length > 0 ? full : out.length > 0 ? out.slice(0, 1) : [{ slice: undefined, endpoints: [] }]
}
const identity = (e: Endpoint): string => `${e.targetRef?.uid ?? ''}|${e.addresses.join()}`

function endpointOf(b: Backend): Endpoint {
  return {
    addresses: [...b.addresses], conditions: { ready: b.ready, serving: b.serving, terminating: b.terminating },
    ...(b.hostname === undefined ? {} : { hostname: b.hostname }),
    ...(b.nodeName === undefined ? {} : { nodeName: b.nodeName }),
    targetRef: { kind: 'Pod', namespace: b.pod.metadata.namespace ?? '', name: b.pod.metadata.name, uid: b.pod.metadata.uid },
    ...(b.zone === undefined ? {} : { zone: b.zone }),
  }
}

function labelsOf(service: Stored<Service>): Record<string, string> {
  const { [serviceLabel]: _, [managedByLabel]: __, [headlessLabel]: ___, ...own } = service.metadata.labels ?? {}
  return { ...own, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}), [serviceLabel]: service.metadata.name, [managedByLabel]: manager }
}
