/**
 * iptables rules of a node from its service ports, after upstream's iptables proxier (`pkg/proxy/iptables`, v1.33): what kube-proxy's KUBE- chains are, ours are
 * with our own prefix. Pure: the same input gives the same text.
 *
 * nat: SERVICES finds the service by address; SVC-x spreads over the endpoints of policy Cluster, SVL-x over those of this node, EXT-x is the entry from outside,
 * FW-x checks source ranges; SEP-x rewrites to one endpoint; HOSTPORTS rewrites to pods with host ports. filter: rejects and drops what nat could not rewrite.
 */
import type { Endpoint, PortInfo } from './endpoints.ts'
import type { HostPort } from '../host-ports.ts'

export interface RuleConfig {
  /** Of all chains; up to 7 characters. */
  readonly chainPrefix: string
  /** Traffic from here is a pod's. Undefined: every source is masqueraded on its way to a cluster IP. */
  readonly clusterCIDR: string | undefined
  /** Whether NodePorts answer on 127.0.0.1 (needs the sysctl route_localnet). */
  readonly localhostNodePorts: boolean
  /** Bit of the packet mark that asks for masquerade. Kubernetes' is 0x4000; ours differs, so that both may run on one machine. */
  readonly masqueradeBit: number
  /** Masquerade everything that goes to a cluster IP. */
  readonly masqueradeAll: boolean
  /** 16 characters A-Z 2-7, distinct for distinct texts. */
  readonly digest: (text: string) => string
}

export type Table = 'filter' | 'nat'
/** Rules by chain, without the leading `-A CHAIN`. */
export type Chains = ReadonlyMap<string, readonly string[]>
/** A rule of a built-in chain that leads to ours: inserted at the head, in order. */
export interface Hook { readonly table: Table; readonly from: string; readonly rule: string }
export interface Ruleset { readonly filter: Chains; readonly nat: Chains; readonly hooks: readonly Hook[] }

/** The chains that exist whatever the services are. */
export const namesOf = (prefix: string) => ({
  services: `${prefix}-SERVICES`, external: `${prefix}-EXTERNAL`, nodePorts: `${prefix}-NODEPORTS`, hostPorts: `${prefix}-HOSTPORTS`, postrouting: `${prefix}-POSTROUTING`, mark: `${prefix}-MARK-MASQ`,
  forward: `${prefix}-FORWARD`, firewall: `${prefix}-FIREWALL`, sources: `${prefix}-PROXY-FIREWALL`,
})
type Names = ReturnType<typeof namesOf>

/** Whether a chain is the proxy's. The pod network's begin with `<prefix>-NET-`. */
export const isOurs = (chain: string, prefix: string): boolean => chain.startsWith(`${prefix}-`) && !chain.startsWith(`${prefix}-NET-`)

const comment = (text: string): string => `-m comment --comment "${text.slice(0, 250)}"`

function hooksOf(names: Names): Hook[] {
  const fresh = '-m conntrack --ctstate NEW'
  const hook = (table: Table, from: string, to: string, text: string, match = ''): Hook => ({ table, from, rule: `${match === '' ? '' : `${match} `}${comment(text)} -j ${to}` })
  return [
    hook('nat', 'PREROUTING', names.services, 'bramble service portals'),
    hook('nat', 'OUTPUT', names.services, 'bramble service portals'),
    hook('nat', 'POSTROUTING', names.postrouting, 'bramble postrouting rules'),
    hook('filter', 'INPUT', names.sources, 'bramble load balancer firewall', fresh),
    hook('filter', 'INPUT', names.external, 'bramble externally visible service portals', fresh),
    hook('filter', 'INPUT', names.firewall, 'bramble loopback firewall'),
    hook('filter', 'FORWARD', names.sources, 'bramble load balancer firewall', fresh),
    hook('filter', 'FORWARD', names.services, 'bramble service portals', fresh),
    hook('filter', 'FORWARD', names.external, 'bramble externally visible service portals', fresh),
    hook('filter', 'FORWARD', names.forward, 'bramble forwarding rules'),
    hook('filter', 'OUTPUT', names.sources, 'bramble load balancer firewall', fresh),
    hook('filter', 'OUTPUT', names.services, 'bramble service portals', fresh),
    hook('filter', 'OUTPUT', names.firewall, 'bramble loopback firewall'),
  ]
}

/** 1/n with ten digits, as upstream prints it; the last endpoint takes the rest. */
const probability = (n: number): string => (1 / n).toFixed(10)

class Builder {
  readonly filter = new Map<string, string[]>()
  readonly nat = new Map<string, string[]>()
  readonly config: RuleConfig
  readonly names: Names
  constructor(config: RuleConfig) {
    this.config = config
    this.names = namesOf(config.chainPrefix)
  }

  chain(table: Table, name: string): string[] {
    const rules = this[table].get(name) ?? []
    this[table].set(name, rules)
    return rules
  }

  /** SEP-x: the hairpin mark, the affinity note, the rewrite. Answers the name. */
  endpoint(port: PortInfo, endpoint: Endpoint): string {
    const name = `${this.config.chainPrefix}-SEP-${this.config.digest(`${port.name} ${port.protocol} ${endpoint.ip}:${endpoint.port}`)}`
    if (this.nat.has(name)) return name
    const sticky = port.affinitySeconds === undefined ? '' : ` -m recent --name ${name} --set --mask 255.255.255.255 --rsource`
    this.chain('nat', name).push(
      `${comment(port.name)} -s ${endpoint.ip}/32 -j ${this.names.mark}`,
      `${comment(port.name)}${sticky} -p ${port.protocol} -m ${port.protocol} -j DNAT --to-destination ${endpoint.ip}:${endpoint.port}`,
    )
    return name
  }

  /** Rules that lead to one of the endpoints: the one this client had, else each as likely as any other. */
  spread(rules: string[], port: PortInfo, endpoints: readonly Endpoint[]): void {
    const chains = endpoints.map((endpoint) => ({ chain: this.endpoint(port, endpoint), text: `${port.name} -> ${endpoint.ip}:${endpoint.port}` }))
    if (port.affinitySeconds !== undefined) {
      for (const { chain, text } of chains) {
        rules.push(`${comment(text)} -m recent --name ${chain} --rcheck --seconds ${port.affinitySeconds} --reap --mask 255.255.255.255 --rsource -j ${chain}`)
      }
    }
    chains.forEach(({ chain, text }, index) => {
      const left = chains.length - index
      rules.push(`${comment(text)}${left > 1 ? ` -m statistic --mode random --probability ${probability(left)}` : ''} -j ${chain}`)
    })
  }
}

const to = (port: PortInfo, ip: string): string => `-m ${port.protocol} -p ${port.protocol} -d ${ip}/32 --dport ${port.port}`

/** What filter does with packets that have nowhere to go: reject where no node has an endpoint, drop where only other nodes have and the policy is Local. */
const verdict = (port: PortInfo, local: boolean): { target: string; why: string } | undefined => {
  // Upstream rejects TCP by ICMP too; a socket of the node itself misses that while it is in connect(), and waits a second for its second SYN. A reset it does not miss.
  if (!port.any) return { target: port.protocol === 'tcp' ? 'REJECT --reject-with tcp-reset' : 'REJECT', why: 'has no endpoints' }
  return (local ? port.onNode : port.cluster).length === 0 ? { target: 'DROP', why: 'has no local endpoints' } : undefined
}

function addPort(builder: Builder, port: PortInfo): void {
  const { config, names } = builder
  const id = config.digest(`${port.name} ${port.protocol}`)
  const chainOf = (kind: string): string => `${config.chainPrefix}-${kind}-${id}`
  const [cluster, local, external, firewall] = [chainOf('SVC'), chainOf('SVL'), chainOf('EXT'), chainOf('FW')]
  const services = builder.chain('nat', names.services)
  const outside = [...port.externalIPs, ...port.loadBalancerIPs]
  const isExternal = outside.length > 0 || port.nodePort !== undefined
  const inside = verdict(port, port.internalLocal)
  const entrance = verdict(port, port.externalLocal)
  const internal = port.internalLocal ? local : cluster

  if (!inside) {
    services.push(`${comment(`${port.name} cluster IP`)} ${to(port, port.clusterIP)} -j ${internal}`)
    const rules = builder.chain('nat', internal)
    const masquerade = `${comment(`${port.name} cluster IP`)} ${to(port, port.clusterIP)}`
    if (config.masqueradeAll || config.clusterCIDR === undefined) rules.push(`${masquerade} -j ${names.mark}`)
    else rules.push(`${masquerade} ! -s ${config.clusterCIDR} -j ${names.mark}`)
  } else {
    builder.chain('filter', names.services).push(`${comment(`${port.name} ${inside.why}`)} ${to(port, port.clusterIP)} -j ${inside.target}`)
  }

  if (isExternal) {
    if (!entrance || (port.externalLocal && port.any)) {
      const checked = port.sourceRanges ? firewall : external
      for (const ip of port.externalIPs) services.push(`${comment(`${port.name} external IP`)} ${to(port, ip)} -j ${external}`)
      for (const ip of port.loadBalancerIPs) services.push(`${comment(`${port.name} loadbalancer IP`)} ${to(port, ip)} -j ${checked}`)
      if (port.nodePort !== undefined) {
        builder.chain('nat', names.nodePorts).push(`${comment(port.name)} -m ${port.protocol} -p ${port.protocol} --dport ${port.nodePort} -j ${external}`)
      }
      addEntrance(builder, port, { cluster, local, external })
      if (port.sourceRanges && port.loadBalancerIPs.length > 0) addSourceCheck(builder, port, { external, firewall })
    }
    if (entrance) addVerdict(builder, port, entrance)
  }

  // Chains are made only where something leads to them; SVC and SVL end with the endpoints, whatever came before.
  const reaches = new Set<string>()
  if (!inside) reaches.add(internal)
  if (isExternal && port.any) {
    if (port.externalLocal && !entrance) reaches.add(local)
    if (port.cluster.length > 0) reaches.add(cluster)
  }
  if (reaches.has(cluster)) builder.spread(builder.chain('nat', cluster), port, port.cluster)
  if (reaches.has(local)) builder.spread(builder.chain('nat', local), port, port.onNode)
}

/** EXT-x: traffic to NodePorts, external and load balancer IPs. */
function addEntrance(builder: Builder, port: PortInfo, chains: { cluster: string; local: string; external: string }): void {
  const { config, names } = builder
  const rules = builder.chain('nat', chains.external)
  if (!port.externalLocal) {
    rules.push(`${comment(`masquerade traffic for ${port.name} external destinations`)} -j ${names.mark}`, `-j ${chains.cluster}`)
    return
  }
  // Pods and the node itself are inside the cluster: policy Local does not bind them.
  if (port.cluster.length > 0) {
    if (config.clusterCIDR !== undefined) rules.push(`${comment(`pod traffic for ${port.name} external destinations`)} -s ${config.clusterCIDR} -j ${chains.cluster}`)
    rules.push(`${comment(`masquerade LOCAL traffic for ${port.name} external destinations`)} -m addrtype --src-type LOCAL -j ${names.mark}`)
    rules.push(`${comment(`route LOCAL traffic for ${port.name} external destinations`)} -m addrtype --src-type LOCAL -j ${chains.cluster}`)
  }
  if (port.onNode.length > 0) rules.push(`-j ${chains.local}`)
}

/** FW-x: only the source ranges pass; whatever returns is dropped by the filter table. */
function addSourceCheck(builder: Builder, port: PortInfo, chains: { external: string; firewall: string }): void {
  const rules = builder.chain('nat', chains.firewall)
  for (const range of port.sourceRanges ?? []) rules.push(`${comment(`${port.name} loadbalancer IP`)} -s ${range} -j ${chains.external}`)
  for (const ip of port.loadBalancerIPs) {
    builder.chain('filter', builder.names.sources).push(`${comment(`${port.name} traffic not accepted by ${chains.firewall}`)} ${to(port, ip)} -j DROP`)
  }
}

function addVerdict(builder: Builder, port: PortInfo, entrance: { target: string; why: string }): void {
  const rules = builder.chain('filter', builder.names.external)
  for (const ip of [...port.externalIPs, ...port.loadBalancerIPs]) rules.push(`${comment(`${port.name} ${entrance.why}`)} ${to(port, ip)} -j ${entrance.target}`)
  if (port.nodePort !== undefined) {
    rules.push(`${comment(`${port.name} ${entrance.why}`)} -m addrtype --dst-type LOCAL -m ${port.protocol} -p ${port.protocol} --dport ${port.nodePort} -j ${entrance.target}`)
  }
}

/** What the CNI plugin `portmap` does: rewritten to the pod; masqueraded where the pod itself, or a program on 127.0.0.1, asks. */
function addHostPorts(builder: Builder, hostPorts: readonly HostPort[]): void {
  const { names } = builder
  const rules = builder.chain('nat', names.hostPorts)
  for (const p of hostPorts) {
    const match = `${comment(`${p.pod} hostport ${p.hostPort}`)} -m ${p.protocol} -p ${p.protocol}${p.hostIP === '' ? '' : ` -d ${p.hostIP}/32`} --dport ${p.hostPort}`
    rules.push(`${match} -s ${p.ip}/32 -j ${names.mark}`, `${match} -s 127.0.0.0/8 -j ${names.mark}`, `${match} -j DNAT --to-destination ${p.ip}:${p.port}`)
  }
}

/** All rules of the node. */
export function rulesFor(ports: readonly PortInfo[], config: RuleConfig, hostPorts: readonly HostPort[] = []): Ruleset {
  const builder = new Builder(config)
  const { names } = builder
  const bit = `0x${config.masqueradeBit.toString(16)}`
  const masked = `${bit}/${bit}`
  for (const name of [names.services, names.external, names.sources]) builder.chain('filter', name)
  for (const name of [names.services, names.nodePorts]) builder.chain('nat', name)
  builder.chain('nat', names.mark).push(`-j MARK --or-mark ${bit}`)
  builder.chain('nat', names.postrouting).push(
    `-m mark ! --mark ${masked} -j RETURN`,
    // Cleared, so that a packet that passes here again (a tunnel) is not masqueraded twice.
    `-j MARK --xor-mark ${bit}`,
    `${comment('bramble service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
  )
  builder.chain('filter', names.forward).push(
    // A packet conntrack calls invalid would pass untranslated and reset the connection at the client (kubernetes/kubernetes#74839).
    '-m conntrack --ctstate INVALID -j DROP',
    `${comment('bramble forwarding rules')} -m mark --mark ${masked} -j ACCEPT`,
    `${comment('bramble forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  )
  // route_localnet lets neighbours reach 127.0.0.1 of this node; this takes that back (CVE-2020-8558).
  const firewall = builder.chain('filter', names.firewall)
  if (config.localhostNodePorts) {
    firewall.push(`${comment('block incoming localnet connections')} -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`)
  }
  for (const port of ports) addPort(builder, port)
  addHostPorts(builder, hostPorts)
  builder.chain('nat', names.services).push(
    `${comment('bramble pods with host ports')}${config.localhostNodePorts ? '' : ' ! -d 127.0.0.0/8'} -m addrtype --dst-type LOCAL -j ${names.hostPorts}`,
    `${comment('bramble service nodeports; NOTE: this must be the last rule in this chain')}${config.localhostNodePorts ? '' : ' ! -d 127.0.0.0/8'} -m addrtype --dst-type LOCAL -j ${names.nodePorts}`,
  )
  return { filter: builder.filter, nat: builder.nat, hooks: hooksOf(names) }
}
