/** From Services and EndpointSlices to service ports with the endpoints that this node uses. Pure. */
import type { Service, ServicePort } from '../../shared/api/core-v1.ts'
import type { Endpoint as SliceEndpoint, EndpointSlice } from '../../shared/api/discovery-v1.ts'
import { parseCidr, parseIPv4 } from '../../shared/values/cidr.ts'

export type Protocol = 'tcp' | 'udp' | 'sctp'

export interface Endpoint {
  readonly ip: string
  readonly port: number
  readonly local: boolean
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly zones: readonly string[]
  readonly nodes: readonly string[]
}

/** One port of one Service, IPv4 part. */
export interface PortInfo {
  /** `namespace/name:port`, `namespace/name` where the port has no name: how rules and messages name it. */
  readonly name: string
  readonly protocol: Protocol
  readonly clusterIP: string
  readonly port: number
  readonly nodePort: number | undefined
  readonly externalIPs: readonly string[]
  readonly loadBalancerIPs: readonly string[]
  /** Networks that may use the load balancer IPs; undefined is all. */
  readonly sourceRanges: readonly string[] | undefined
  /** Seconds; undefined without session affinity. */
  readonly affinitySeconds: number | undefined
  readonly internalLocal: boolean
  readonly externalLocal: boolean
  /** Endpoints for policy Cluster: those ready; where there are none, those that still serve while they terminate. */
  readonly cluster: readonly Endpoint[]
  /** Likewise for policy Local: on this node. */
  readonly onNode: readonly Endpoint[]
  /** Whether any node has a usable endpoint. */
  readonly any: boolean
}

export interface NodeIdentity { readonly name: string; readonly zone?: string | undefined }

/** Set on Services that another proxy implementation serves. */
const otherProxy = 'service.kubernetes.io/service-proxy-name'

const serviceKey = (namespace: string | undefined, name: string | undefined): string => `${namespace ?? ''}/${name ?? ''}`

function endpointOf(endpoint: SliceEndpoint, port: number, node: NodeIdentity): Endpoint | undefined {
  // Only the first address is used: upstream's EndpointSlice API calls addresses fungible.
  const ip = endpoint.addresses[0]
  if (ip === undefined || parseIPv4(ip) === undefined) return undefined
  const ready = endpoint.conditions?.ready ?? true
  return {
    ip, port, ready, local: endpoint.nodeName === node.name, serving: endpoint.conditions?.serving ?? ready, terminating: endpoint.conditions?.terminating ?? false,
    zones: (endpoint.hints?.forZones ?? []).map((zone) => zone.name), nodes: (endpoint.hints?.forNodes ?? []).map((n) => n.name),
  }
}

/** Endpoints by `namespace/service|port name|protocol`, one each address and port, sorted. */
function indexEndpoints(slices: readonly EndpointSlice[], node: NodeIdentity): Map<string, Endpoint[]> {
  const found = new Map<string, Map<string, Endpoint>>()
  for (const slice of slices) {
    const service = slice.metadata?.labels?.['kubernetes.io/service-name']
    if (slice.addressType !== 'IPv4' || service === undefined || slice.metadata?.labels?.[otherProxy] !== undefined) continue
    for (const port of slice.ports ?? []) {
      if (port.port === undefined) continue
      const key = `${serviceKey(slice.metadata?.namespace, service)}|${port.name ?? ''}|${(port.protocol ?? 'TCP').toLowerCase()}`
      const into = found.get(key) ?? new Map<string, Endpoint>()
      found.set(key, into)
      for (const entry of slice.endpoints) {
        const endpoint = endpointOf(entry, port.port, node)
        if (!endpoint) continue
        const at = `${endpoint.ip}:${endpoint.port}`
        // While an endpoint moves between slices it stands in both: the ready one counts.
        const other = into.get(at)
        if (!other || (endpoint.ready && !other.ready)) into.set(at, endpoint)
      }
    }
  }
  return new Map([...found].map(([key, map]) => [key, [...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint)]))
}

const draining = (endpoint: Endpoint): boolean => !endpoint.ready && endpoint.serving && endpoint.terminating
const readyElseDraining = (endpoints: readonly Endpoint[]): Endpoint[] => {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  return ready.length > 0 ? ready : endpoints.filter(draining)
}

/** Hints hold only where every ready endpoint has one and one is meant for this node or zone (`topologyModeFromHints` of upstream). */
function near(endpoints: readonly Endpoint[], node: NodeIdentity): Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  const forNode = ready.filter((endpoint) => endpoint.nodes.includes(node.name))
  if (forNode.length > 0 && ready.every((endpoint) => endpoint.nodes.length > 0)) return forNode
  const forZone = ready.filter((endpoint) => node.zone !== undefined && endpoint.zones.includes(node.zone))
  if (forZone.length > 0 && ready.every((endpoint) => endpoint.zones.length > 0)) return forZone
  return readyElseDraining(endpoints)
}

const ipv4 = (ips: readonly (string | undefined)[]): string[] => [...new Set(ips.filter((ip): ip is string => ip !== undefined && parseIPv4(ip) !== undefined))].sort()

function portInfo(service: Service, port: ServicePort, clusterIP: string, endpoints: readonly Endpoint[], node: NodeIdentity): PortInfo {
  const spec = service.spec ?? {}
  const balanced = spec.type === 'LoadBalancer'
  const ingress = balanced ? (service.status?.loadBalancer?.ingress ?? []).filter((entry) => entry.ipMode !== 'Proxy').map((entry) => entry.ip) : []
  const ranges = balanced && spec.loadBalancerSourceRanges?.length ? spec.loadBalancerSourceRanges.map((range) => range.trim()).filter((range) => parseCidr(range)) : undefined
  const external = balanced || spec.type === 'NodePort' || (spec.externalIPs?.length ?? 0) > 0
  return {
    name: `${serviceKey(service.metadata?.namespace, service.metadata?.name)}${port.name ? `:${port.name}` : ''}`,
    protocol: (port.protocol ?? 'TCP').toLowerCase() as Protocol,
    clusterIP, port: port.port,
    nodePort: (balanced || spec.type === 'NodePort') && port.nodePort ? port.nodePort : undefined,
    externalIPs: ipv4(spec.externalIPs ?? []),
    loadBalancerIPs: ipv4(ingress),
    sourceRanges: ranges && !ranges.includes('0.0.0.0/0') ? ranges : undefined,
    affinitySeconds: spec.sessionAffinity === 'ClientIP' ? spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800 : undefined,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: external && spec.externalTrafficPolicy === 'Local',
    cluster: near(endpoints, node),
    onNode: readyElseDraining(endpoints.filter((endpoint) => endpoint.local)),
    any: readyElseDraining(endpoints).length > 0,
  }
}

/** The ports that get rules, sorted by name; `refused` names Services that cannot be routed here, and why. */
export function servicePorts(services: readonly Service[], slices: readonly EndpointSlice[], node: NodeIdentity): { ports: PortInfo[]; refused: Map<string, string> } {
  const endpoints = indexEndpoints(slices, node)
  const ports: PortInfo[] = []
  const refused = new Map<string, string>()
  for (const service of services) {
    const spec = service.spec ?? {}
    const key = serviceKey(service.metadata?.namespace, service.metadata?.name)
    if (spec.type === 'ExternalName' || !spec.clusterIP || spec.clusterIP === 'None' || service.metadata?.labels?.[otherProxy] !== undefined) continue
    const clusterIP = ipv4([...(spec.clusterIPs ?? []), spec.clusterIP])[0]
    if (clusterIP === undefined) {
      refused.set(key, `cluster IP ${spec.clusterIP} is not IPv4: IPv6 services are not supported`)
      continue
    }
    for (const port of spec.ports ?? []) {
      ports.push(portInfo(service, port, clusterIP, endpoints.get(`${key}|${port.name ?? ''}|${(port.protocol ?? 'TCP').toLowerCase()}`) ?? [], node))
    }
  }
  const by = (port: PortInfo): string => `${port.name} ${port.protocol}`
  return { ports: ports.sort((a, b) => (by(a) < by(b) ? -1 : 1)), refused }
}
