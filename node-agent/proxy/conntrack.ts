/** UDP flows that conntrack would go on sending to where they no longer belong. TCP needs none of this: its connections end by themselves. */
import { runOkWith, type Exec } from '../../shared/host/iptables.ts'
import type { PortInfo } from './endpoints.ts'
import type { HostPort } from '../host-ports.ts'
import { ExecError } from '../../shared/host/exec.ts'

const used = (port: PortInfo | undefined): Set<string> => new Set((port ? [...port.cluster, ...port.onNode] : []).map((endpoint) => endpoint.ip))
const idOf = (port: PortInfo): string => `${port.name} ${port.protocol} ${port.clusterIP}:${port.port}`

/**
 * Filters for `conntrack -D`: flows to endpoints that a UDP service no longer uses; and, where a service gets its first endpoint, flows that were tracked
 * untranslated (a client that kept sending from one port would never reach it).
 */
export function staleFlows(before: readonly PortInfo[], after: readonly PortInfo[]): string[][] {
  const now = new Map(after.filter((port) => port.protocol === 'udp').map((port) => [idOf(port), port]))
  const then = new Map(before.filter((port) => port.protocol === 'udp').map((port) => [idOf(port), port]))
  const filters: string[][] = []
  const entrances = (port: PortInfo): string[][] => [
    ...[port.clusterIP, ...port.externalIPs, ...port.loadBalancerIPs].map((ip) => ['--orig-dst', ip, '--orig-port-dst', String(port.port)]),
    ...(port.nodePort === undefined ? [] : [['--orig-port-dst', String(port.nodePort)]]),
  ]
  for (const [id, port] of then) {
    const still = used(now.get(id))
    for (const ip of used(port)) if (!still.has(ip)) filters.push(...entrances(port).map((entrance) => [...entrance, '--dst-nat', ip]))
  }
  for (const [id, port] of now) if (used(port).size > 0 && used(then.get(id)).size === 0) filters.push(...entrances(port))
  return filters
}

/**
 * Likewise from the flows that are there, as `conntrack -L -p udp` prints them: what an agent that starts uses, since it does not know what its predecessor routed.
 * A flow to a service's address is stale unless an endpoint answers it; one to a NodePort only if it was translated (the port alone does not make it ours).
 */
export function staleListed(listing: string, ports: readonly PortInfo[]): string[][] {
  const byAddress = new Map<string, Set<string>>()
  const byNodePort = new Map<string, Set<string>>()
  for (const port of ports) {
    if (port.protocol !== 'udp' || !port.any) continue
    for (const ip of [port.clusterIP, ...port.externalIPs, ...port.loadBalancerIPs]) byAddress.set(`${ip}:${port.port}`, used(port))
    if (port.nodePort !== undefined) byNodePort.set(String(port.nodePort), used(port))
  }
  const filters: string[][] = []
  for (const line of listing.split('\n')) {
    const [, source, dest, sourcePort, destPort, answers] = /src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) .*?src=(\S+) /.exec(line) ?? []
    if (source === undefined || dest === undefined || sourcePort === undefined || destPort === undefined || answers === undefined) continue
    const endpoints = byAddress.get(`${dest}:${destPort}`) ?? (answers === dest ? undefined : byNodePort.get(destPort))
    if (endpoints && !endpoints.has(answers)) filters.push(['--orig-src', source, '--orig-dst', dest, '--orig-port-src', sourcePort, '--orig-port-dst', destPort])
  }
  return filters
}

/** Filters for UDP flows to a host port that now leads elsewhere, or somewhere for the first time. */
export function staleHostPorts(before: readonly HostPort[], after: readonly HostPort[]): string[][] {
  const key = (p: HostPort): string => `${p.hostIP}:${p.hostPort} ${p.ip}:${p.port}`
  const udp = (list: readonly HostPort[]): Map<string, HostPort> => new Map(list.filter((p) => p.protocol === 'udp').map((p) => [key(p), p]))
  const [then, now] = [udp(before), udp(after)]
  const changed = [...[...then].filter(([k]) => !now.has(k)), ...[...now].filter(([k]) => !then.has(k))]
  return [...new Set(changed.map(([, p]) => p.hostPort))].map((port) => ['--orig-port-dst', String(port)])
}

/** The listing for {@link staleListed}. */
export const listFlows = (exec: Exec): Promise<string> => runOkWith(exec, ['conntrack', '-L', '-p', 'udp'])

export async function deleteFlows(exec: Exec, filters: readonly (readonly string[])[]): Promise<void> {
  for (const filter of filters) {
    const argv = ['conntrack', '-D', '-p', 'udp', ...filter]
    const result = await exec(argv)
    // Exit code 1 is also how it says that there was none.
    if (result.exitCode !== 0 && !result.stderr.toString().includes('0 flow entries')) throw new ExecError(argv, result)
  }
}
