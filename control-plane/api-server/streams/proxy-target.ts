/** Where a proxied request goes: names, ports and refusals as upstream (`pkg/registry/core/{pod,service,node}` `ResourceLocation`). */
import type { EndpointSlice } from '../../../shared/api/discovery-v1.ts'
import type { Endpoints, Pod, Service } from '../../../shared/api/core-v1.ts'
import { isPodFinished } from '../../../shared/api/pod-phase.ts'
import { badRequest, StatusError } from '../../../shared/base/errors.ts'

export interface ProxyTarget {
  readonly scheme: 'http' | 'https'
  readonly host: string
  /** Undefined: the scheme's own. */
  readonly port: number | undefined
  /** Who opens the connection; undefined where the endpoint is on no node of ours and is reached from here. */
  readonly node: string | undefined
  /** The node agent's own endpoints instead of a connection. */
  readonly kubelet: boolean
}

const dnsName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

/** `name`, `name:port`, `scheme:name:port`; undefined for anything else (`utilnet.SplitSchemeNamePort`). */
export function splitName(id: string): { scheme: 'http' | 'https'; name: string; port: string } | undefined {
  const parts = id.split(':')
  const [first = '', second = '', third = ''] = parts
  if (parts.length > 3) return undefined
  const [scheme, name, port] = parts.length === 3 ? [first, second, third] : ['', first, second]
  if (scheme !== '' && scheme !== 'http' && scheme !== 'https') return undefined
  return dnsName.test(name) ? { scheme: scheme === 'https' ? 'https' : 'http', name, port } : undefined
}

export interface PodName { readonly scheme: 'http' | 'https'; readonly name: string; readonly port: string }

export function podName(id: string): PodName {
  const name = splitName(id)
  if (!name) throw badRequest(`invalid pod request ${JSON.stringify(id)}`)
  return name
}

/** A pod's own address; without a port in the name the first one that a container declares. The address of a finished pod may be another's by now. */
export function podProxyTarget(pod: Pod, asked: PodName): ProxyTarget {
  const host = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP
  const node = pod.spec?.nodeName
  if (!host || !node || isPodFinished(pod)) throw badRequest('address not allowed')
  const declared = asked.port === '' ? pod.spec?.containers.find((c) => c.ports?.length)?.ports?.[0]?.containerPort : Number(asked.port)
  if (declared !== undefined && !(Number.isInteger(declared) && declared > 0 && declared < 65536)) throw badRequest(`invalid pod request ${JSON.stringify(`${asked.name}:${asked.port}`)}`)
  return { scheme: asked.scheme, host, port: declared, node, kubelet: false }
}

export function serviceName(id: string): PodName {
  const name = splitName(id)
  if (!name) throw badRequest(`invalid service request ${JSON.stringify(id)}`)
  return name
}

/** The name of the service's port that is meant; a number stands for the port that has it. */
export function servicePort(service: Service, asked: PodName): string {
  if (asked.port === '' || !/^\d+$/.test(asked.port)) return asked.port
  const found = service.spec?.ports?.find((p) => p.port === Number(asked.port))
  if (!found) throw new StatusError('ServiceUnavailable', `no service port ${asked.port} found for service ${JSON.stringify(asked.name)}`)
  return found.name ?? ''
}

interface Candidate { readonly host: string; readonly port: number; readonly node: string | undefined }

function candidates(port: string, slices: readonly EndpointSlice[], endpoints: Endpoints | undefined): Candidate[] {
  const sliced = slices.flatMap((slice) => (slice.ports ?? []).filter((p) => (p.name ?? '') === port && p.port !== undefined).flatMap((p) => slice.endpoints
    .filter((e) => e.conditions?.ready !== false && e.addresses[0] !== undefined).map((e) => ({ host: e.addresses[0] as string, port: p.port as number, node: e.nodeName }))))
  if (sliced.length) return sliced
  return (endpoints?.subsets ?? []).flatMap((s) => (s.ports ?? []).filter((p) => (p.name ?? '') === port).flatMap((p) => (s.addresses ?? []).map((a) => ({ host: a.ip, port: p.port, node: a.nodeName }))))
}

/** One of the ready endpoints. `pick`: 0 up to 1. */
export function serviceProxyTarget(asked: PodName & { readonly id: string }, port: string, from: { slices: readonly EndpointSlice[]; endpoints: Endpoints | undefined }, pick: number): ProxyTarget {
  const found = candidates(port, from.slices, from.endpoints)
  const chosen = found[Math.floor(pick * found.length)]
  if (!chosen) throw new StatusError('ServiceUnavailable', `no endpoints available for service ${JSON.stringify(asked.id)}`)
  return { scheme: asked.scheme, ...chosen, kubelet: false }
}

/** 10250 is where upstream's kubelet listens; the agent answers its read endpoints itself. Any other port is one of the node's. */
export function nodeProxyTarget(id: string): ProxyTarget {
  const name = splitName(id)
  if (!name) throw badRequest(`invalid node request ${JSON.stringify(id)}`)
  const port = name.port === '' ? 10250 : Number(name.port)
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw badRequest(`invalid node request ${JSON.stringify(id)}`)
  return port === 10250 ? { scheme: 'http', host: name.name, port, node: name.name, kubelet: true } : { scheme: name.scheme, host: '127.0.0.1', port, node: name.name, kubelet: false }
}

/** The part of a path that is the target's own, undecoded: `''` without a slash after `proxy`. */
export function proxiedPath(path: string): { readonly prefix: string; readonly rest: string } {
  const parts = path.split('/')
  // `/api/v1/nodes/NAME/proxy`, `/api/v1/namespaces/NS/pods/NAME/proxy`.
  const at = (parts[3] === 'namespaces' ? 7 : 5) + 1
  const prefix = parts.slice(0, at).join('/')
  return { prefix, rest: path.slice(prefix.length) }
}

/** A `Location` of the target, as the client must see it: below the prefix, where it names the target itself. */
export function rewrittenLocation(location: string, from: { readonly prefix: string; readonly authority: string }): string {
  const absolute = /^(?:(https?:)?\/\/([^/?#]*))?(.*)$/s.exec(location)
  const host = absolute?.[2]
  const path = absolute?.[3] ?? ''
  if (host !== undefined && host !== from.authority) return location
  if (!path.startsWith('/') || path.startsWith(from.prefix)) return path.startsWith('/') || host === undefined ? path : location
  return `${from.prefix}${path}`
}
