/** Which pods stand behind a Service, on which ports and how (upstream `pkg/controller/endpoint`, `endpointslice`). Pure. */
import type { Node, Pod, Service, ServicePort } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import { isPodFinished, isPodReady } from '../../shared/api/pod-phase.ts'
import { fromTimestamp } from '../../shared/values/timestamp.ts'

export interface ResolvedPort { readonly name: string; readonly port: number; readonly protocol: string; readonly appProtocol?: string }

export interface Backend {
  readonly pod: Stored<Pod>
  readonly addresses: readonly string[]
  readonly ports: readonly ResolvedPort[]
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly hostname: string | undefined
  readonly nodeName: string | undefined
  readonly zone: string | undefined
}

export interface BackendInput {
  readonly service: Service
  readonly pods: readonly Stored<Pod>[]
  node(name: string): Stored<Node> | undefined
  readonly now: number
}

/** A node must be unreachable this long before the pods on it leave their Services (upstream's `node-monitor-grace-period` was 40 s). */
export const unreachableGrace = 40_000

/** Milliseconds until the node counts as lost; 0 if it does now, undefined if it is reachable. */
export function untilLost(node: Node | undefined, now: number): number | undefined {
  const ready = node?.status?.conditions?.find((c) => c.type === 'Ready')
  if (ready?.status !== 'Unknown') return undefined
  const since = fromTimestamp(ready.lastTransitionTime)
  return Number.isNaN(since) ? 0 : Math.max(0, since + unreachableGrace - now)
}

/** Backends of one address family, and in how many milliseconds the answer changes by itself. Pods are given by selector match already. */
export function backendsOf(input: BackendInput, family: 'IPv4' | 'IPv6'): { readonly backends: Backend[]; readonly after: number | undefined } {
  const { service, now } = input
  let after: number | undefined
  const backends: Backend[] = []
  for (const pod of input.pods) {
    const addresses = addressesOf(pod, family)
    if (isPodFinished(pod) || addresses.length === 0) continue
    const nodeName = pod.spec?.nodeName
    const node = nodeName === undefined ? undefined : input.node(nodeName)
    const lost = untilLost(node, now)
    if (lost !== undefined && lost > 0) after = Math.min(after ?? Infinity, lost)
    const terminating = pod.metadata.deletionTimestamp !== undefined
    const serving = isPodReady(pod) && lost !== 0
    backends.push({
      pod, addresses, ports: portsOf(service, pod), terminating, serving, nodeName,
      ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating),
      hostname: pod.spec?.hostname && pod.spec.subdomain === service.metadata?.name ? pod.spec.hostname : undefined,
      zone: node?.metadata.labels?.['topology.kubernetes.io/zone'],
    })
  }
  return { backends: backends.sort((a, b) => (a.pod.metadata.name < b.pod.metadata.name ? -1 : 1)), after }
}

function addressesOf(pod: Pod, family: 'IPv4' | 'IPv6'): string[] {
  const all = pod.status?.podIPs?.map((p) => p.ip ?? '') ?? (pod.status?.podIP ? [pod.status.podIP] : [])
  return all.filter((ip) => ip !== '' && ip.includes(':') === (family === 'IPv6')).slice(0, 1)
}

function portsOf(service: Service, pod: Pod): ResolvedPort[] {
  return (service.spec?.ports ?? []).flatMap((p): ResolvedPort[] => {
    const port = targetPort(p, pod)
    return port === undefined ? [] : [{ name: p.name ?? '', port, protocol: p.protocol ?? 'TCP', ...(p.appProtocol === undefined ? {} : { appProtocol: p.appProtocol }) }]
  })
}

function targetPort(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target === 0 ? port.port : target
  const containers = [...pod.spec?.containers ?? [], ...pod.spec?.initContainers?.filter((c) => c.restartPolicy === 'Always') ?? []]
  for (const c of containers) for (const p of c.ports ?? []) if (p.name === target && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP')) return p.containerPort
  return undefined
}

export const familiesOf = (service: Service): readonly ('IPv4' | 'IPv6')[] => {
  const given = service.spec?.ipFamilies as ('IPv4' | 'IPv6')[] | undefined
  return given && given.length > 0 ? given : [service.spec?.clusterIP?.includes(':') ? 'IPv6' : 'IPv4']
}

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None'
export const hasSelector = (service: Service): boolean => Object.keys(service.spec?.selector ?? {}).length > 0
