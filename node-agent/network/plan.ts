/** Decisions of the pod network as text for `ip -batch` and `iptables-restore`. Pure. */
import { contains, formatCidr, isIPv6, overlaps, parseCidr, parseIPv4, type Cidr } from '../../shared/values/cidr.ts'
import { NetworkError, type CheckedConfig, type NodeRoute, type PodNetworkConfig } from './network.ts'

function cidrOf(field: string, text: string): Cidr {
  if (isIPv6(text)) throw new NetworkError('unsupported', `${field} ${text} is refused: IPv6 and dual stack are not supported`)
  const cidr = parseCidr(text)
  if (!cidr) throw new NetworkError('invalid-config', `${field} ${JSON.stringify(text)} is not an IPv4 network`)
  return cidr
}

export function checkConfig(config: PodNetworkConfig): CheckedConfig {
  const pods = cidrOf('podCIDR', config.podCIDR)
  const cluster = cidrOf('clusterCIDR', config.clusterCIDR)
  if (!contains(cluster, pods.network) || cluster.prefix > pods.prefix) {
    throw new NetworkError('invalid-config', `podCIDR ${formatCidr(pods)} is not within clusterCIDR ${formatCidr(cluster)}`)
  }
  if (config.mtu !== undefined && (!Number.isInteger(config.mtu) || config.mtu < 576 || config.mtu > 65_535)) {
    throw new NetworkError('invalid-config', `mtu ${config.mtu} is refused: it must be between 576 and 65535`)
  }
  return { pods, cluster, mtu: config.mtu }
}

/**
 * A MAC address derived from the IP address (locally administered, as CNI's bridge plugin does): a pod that gets the address of a gone pod has the gone pod's MAC
 * too, so no neighbour cache anywhere is wrong, and the bridge's own does not change as ports come and go.
 */
export const macOf = (ip: string): string => `0a:58:${ip.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0')).join(':')}`

export interface BridgePlan { readonly bridge: string; readonly gateway: string; readonly prefix: number; readonly mtu: number }

/** What `ip -json addr show dev <bridge>` says of it. */
export interface BridgeFacts { readonly isBridge: boolean; readonly addresses: readonly string[] }

/**
 * Commands that make the bridge, or bring one that is there to the plan. The forward delay is 0: a port forwards at once.
 */
export function bridgeCommands(plan: BridgePlan, facts: BridgeFacts | undefined): string[] {
  const address = `${plan.gateway}/${plan.prefix}`
  if (facts && !facts.isBridge) throw new NetworkError('invalid-config', `interface ${plan.bridge} exists and is not a bridge`)
  return [
    ...(facts ? [] : [`link add ${plan.bridge} address ${macOf(plan.gateway)} type bridge forward_delay 0 stp_state 0`]),
    ...(facts?.addresses ?? []).filter((had) => had !== address).map((had) => `addr del ${had} dev ${plan.bridge}`),
    `addr replace ${address} dev ${plan.bridge}`,
    `link set ${plan.bridge} address ${macOf(plan.gateway)} mtu ${plan.mtu} up`,
  ]
}

export interface PodPlan { readonly bridge: string; readonly veth: string; readonly netns: string; readonly ip: string; readonly gateway: string; readonly mtu: number }

/** On the host. Hairpin: with br_netfilter a packet rewritten to its own sender leaves by the port it came in on. */
export function hostCommands(plan: PodPlan): string[] {
  return [
    `link add ${plan.veth} mtu ${plan.mtu} type veth peer name eth0 address ${macOf(plan.ip)} mtu ${plan.mtu} netns ${plan.netns}`,
    `link set ${plan.veth} master ${plan.bridge} up`,
    `link set ${plan.veth} type bridge_slave hairpin on`,
  ]
}

/**
 * Inside the pod. The address is a /32 and the bridge the only neighbour: traffic between pods of one node passes the node's IP layer, both ways. Replies of a
 * service's endpoint are thus translated back without `bridge-nf-call-iptables`, which would change every other bridge of the machine.
 */
export function podCommands(plan: PodPlan): string[] {
  return [
    'link set lo up',
    `addr replace ${plan.ip}/32 dev eth0`,
    'link set eth0 up',
    `route replace ${plan.gateway} dev eth0 scope link`,
    `route replace default via ${plan.gateway} dev eth0`,
  ]
}

export interface RouteFacts { readonly podCIDR: string; readonly via: string }

/** The difference between the routes of ours that are there and those wanted; refuses overlapping and IPv6 ones by node name. */
export function routeChanges(own: Cidr, nodes: readonly NodeRoute[], present: readonly RouteFacts[]): { remove: RouteFacts[]; add: NodeRoute[]; refused: string[] } {
  const refused: string[] = []
  const wanted = new Map<string, NodeRoute>()
  const taken: { node: string; cidr: Cidr }[] = [{ node: 'this node', cidr: own }]
  for (const route of nodes) {
    const cidr = parseCidr(route.podCIDR)
    if (cidr && formatCidr(cidr) === formatCidr(own)) continue
    const clash = cidr && taken.find((other) => overlaps(other.cidr, cidr))
    if (!cidr) refused.push(`node ${route.node}: podCIDR ${JSON.stringify(route.podCIDR)} is not an IPv4 network`)
    else if (parseIPv4(route.via) === undefined) refused.push(`node ${route.node}: InternalIP ${JSON.stringify(route.via)} is not an IPv4 address`)
    else if (clash) refused.push(`node ${route.node}: podCIDR ${route.podCIDR} overlaps that of ${clash.node}`)
    else {
      taken.push({ node: route.node, cidr })
      wanted.set(formatCidr(cidr), { ...route, podCIDR: formatCidr(cidr) })
    }
  }
  const there = new Map(present.map((route) => [route.podCIDR, route.via]))
  return {
    remove: present.filter((route) => !wanted.has(route.podCIDR)),
    add: [...wanted.values()].filter((route) => there.get(route.podCIDR) !== route.via),
    refused,
  }
}

export interface FilterPlan { readonly bridge: string; readonly chainPrefix: string; readonly pods: Cidr; readonly cluster: Cidr }

/** Names of our chains; `iptables` allows 28 characters. */
export const chainsOf = (prefix: string) => ({ forward: `${prefix}-NET-FORWARD`, output: `${prefix}-NET-OUTPUT`, masquerade: `${prefix}-NET-MASQ` })

const jumps = (prefix: string): { table: 'filter' | 'nat'; from: string; to: string }[] => {
  const chains = chainsOf(prefix)
  return [
    { table: 'filter', from: 'FORWARD', to: chains.forward },
    { table: 'filter', from: 'OUTPUT', to: chains.output },
    { table: 'nat', from: 'POSTROUTING', to: chains.masquerade },
  ]
}

/** `-A FORWARD ...` lines of a table within the output of `iptables-save`. */
function savedRules(saved: string, table: string, chain: string): string[] {
  const body = new RegExp(`^\\*${table}\\n([^]*?)^COMMIT`, 'm').exec(saved)?.[1] ?? ''
  return body.split('\n').filter((line) => line.startsWith(`-A ${chain} `))
}

/**
 * Rules as `iptables-restore --noflush` input. Pods are accepted in FORWARD before anything else there (a dockerd sets its policy to DROP), except jumps of ours
 * that stand first: those of the proxy, which reject services without endpoints. ICMP redirects towards pods are dropped: a pod that believed one would talk past the
 * node, where nothing translates service addresses.
 */
export function filterText(plan: FilterPlan, saved: string): string {
  const chains = chainsOf(plan.chainPrefix)
  const insert = (table: 'filter' | 'nat'): string[] => jumps(plan.chainPrefix).filter((jump) => jump.table === table).flatMap((jump) => {
    const rules = savedRules(saved, table, jump.from)
    const ours = new RegExp(` -j ${plan.chainPrefix}-(?!NET-)[A-Z-]+$`)
    const after = rules.filter((rule) => !rule.endsWith(` -j ${jump.to}`)).findIndex((rule) => !ours.test(rule))
    const position = after < 0 ? rules.filter((rule) => ours.test(rule)).length + 1 : after + 1
    const there = rules.filter((rule) => rule.endsWith(` -j ${jump.to}`))
    return [...there.map((rule) => rule.replace('-A', '-D')), `-I ${jump.from} ${position} -m comment --comment "bramble pod network" -j ${jump.to}`]
  })
  return [
    '*filter',
    `:${chains.forward} - [0:0]`,
    `:${chains.output} - [0:0]`,
    `-A ${chains.forward} -i ${plan.bridge} -s ${formatCidr(plan.pods)} -j ACCEPT`,
    `-A ${chains.forward} -o ${plan.bridge} -d ${formatCidr(plan.pods)} -j ACCEPT`,
    `-A ${chains.output} -o ${plan.bridge} -p icmp -m icmp --icmp-type redirect -j DROP`,
    ...insert('filter'),
    'COMMIT',
    '*nat',
    `:${chains.masquerade} - [0:0]`,
    `-A ${chains.masquerade} -d ${formatCidr(plan.cluster)} -j RETURN`,
    `-A ${chains.masquerade} -d 224.0.0.0/4 -j RETURN`,
    `-A ${chains.masquerade} -s ${formatCidr(plan.pods)} ! -o ${plan.bridge} -j MASQUERADE --random-fully`,
    ...insert('nat'),
    'COMMIT',
    '',
  ].join('\n')
}

/** Removes every rule and chain of {@link filterText} that `saved` shows; undefined where there is none. */
export function removalText(chainPrefix: string, saved: string): string | undefined {
  const tables = (['filter', 'nat'] as const).map((table) => {
    const own = jumps(chainPrefix).filter((jump) => jump.table === table && new RegExp(`^:${jump.to} `, 'm').test(saved))
    if (own.length === 0) return ''
    return [
      `*${table}`,
      ...own.map((jump) => `:${jump.to} - [0:0]`),
      ...own.flatMap((jump) => savedRules(saved, table, jump.from).filter((rule) => rule.endsWith(` -j ${jump.to}`)).map((rule) => rule.replace('-A', '-D'))),
      ...own.map((jump) => `-X ${jump.to}`),
      'COMMIT',
      '',
    ].join('\n')
  }).join('')
  return tables === '' ? undefined : tables
}
