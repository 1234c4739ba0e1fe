/** UDP flows that conntrack would go on sending to where they no longer belong. TCP needs none of this: its connections end by themselves. */
import type { Exec } from './iptables.ts'
import type { PortInfo } from './endpoints.ts'
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

export async function deleteFlows(exec: Exec, filters: readonly (readonly string[])[]): Promise<void> {
  for (const filter of filters) {
    const argv = ['conntrack', '-D', '-p', 'udp', ...filter]
    const result = await exec(argv)
    // Exit code 1 is also how it says that there was none.
    if (result.exitCode !== 0 && !result.stderr.toString().includes('0 flow entries')) throw new ExecError(argv, result)
  }
}
