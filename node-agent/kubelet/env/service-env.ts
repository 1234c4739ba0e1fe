/** Docker-links style variables for Services. Pure. Source: upstream `pkg/kubelet/envvars`. */
import type { Service } from '../../../shared/api/core-v1.ts'

const upper = (name: string): string => name.toUpperCase().replaceAll('-', '_')
const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)

function variablesOf(service: Service): [string, string][] {
  const ip = service.spec?.clusterIP ?? ''
  const ports = service.spec?.ports ?? []
  const first = ports[0]
  if (ip === '' || ip === 'None' || !first) return []
  const name = upper(service.metadata?.name ?? '')
  const link = (port: number, protocol: string): string => `${protocol.toLowerCase()}://${hostPort(ip, port)}`
  const out: [string, string][] = [[`${name}_SERVICE_HOST`, ip], [`${name}_SERVICE_PORT`, String(first.port)]]
  for (const p of ports) if (p.name) out.push([`${name}_SERVICE_PORT_${upper(p.name)}`, String(p.port)])
  out.push([`${name}_PORT`, link(first.port, first.protocol ?? 'TCP')])
  for (const p of ports) {
    const protocol = p.protocol ?? 'TCP'
    const prefix = `${name}_PORT_${p.port}_${protocol.toUpperCase()}`
    out.push([prefix, link(p.port, protocol)], [`${prefix}_PROTO`, protocol.toLowerCase()], [`${prefix}_PORT`, String(p.port)], [`${prefix}_ADDR`, ip])
  }
  return out
}

/** Variables for the Services of the pod's namespace where it wants links, and always for `default/kubernetes` (which loses to one of the same name). */
export function serviceEnvironment(services: readonly Service[], pod: { namespace: string; links: boolean }): ReadonlyMap<string, string> {
  const out = new Map<string, string>()
  const own = (s: Service): boolean => s.metadata?.namespace === pod.namespace
  const master = (s: Service): boolean => s.metadata?.namespace === 'default' && s.metadata.name === 'kubernetes'
  const chosen = [...services.filter((s) => master(s) && !own(s)), ...services.filter((s) => own(s) && (pod.links || master(s)))]
  for (const service of chosen) for (const [name, value] of variablesOf(service)) out.set(name, value)
  return out
}
