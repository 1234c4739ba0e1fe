/** /etc/hosts and /etc/resolv.conf of a pod. Pure. Source: upstream `managedHostsFileContent` and `pkg/kubelet/network/dns`. */
import type { Pod } from '../../../shared/api/core-v1.ts'

export interface DnsConfig {
  /** Address of the cluster DNS Service; empty where the cluster has none. */
  readonly servers: readonly string[]
  readonly domain: string
}

/** Cut to 63 characters, as upstream's `truncatePodHostnameIfNeeded`. */
export const hostnameOf = (pod: Pod): string => (pod.spec?.hostname || pod.metadata?.name || '').slice(0, 63).replace(/[-.]+$/, '')

export function domainOf(pod: Pod, clusterDomain: string): string {
  return pod.spec?.subdomain ? `${pod.spec.subdomain}.${pod.metadata?.namespace}.svc.${clusterDomain}` : ''
}

/** What `hostname` says in the pod: its short name, or with setHostnameAsFQDN the full one. Throws where the kernel's 64 characters do not hold it. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const domain = pod.spec?.setHostnameAsFQDN ? domainOf(pod, clusterDomain) : ''
  if (domain === '') return hostnameOf(pod)
  const full = `${hostnameOf(pod)}.${domain}`
  if (full.length > 64) throw new Error(`failed to construct FQDN from Pod hostname and cluster domain, FQDN ${full} is too long (64 characters is the max, ${full.length} characters requested)`)
  return full
}

export function hostsFile(pod: Pod, options: { ips: readonly string[]; nodeHosts: string; clusterDomain: string }): string {
  const aliases = pod.spec?.hostAliases ?? []
  const extra = aliases.length === 0 ? '' : `\n# Entries added by HostAliases.\n${aliases.map((a) => `${[a.ip, ...(a.hostnames ?? [])].join('\t')}\n`).join('')}`
  if (pod.spec?.hostNetwork) return `# Kubernetes-managed hosts file (host network).\n${options.nodeHosts}${extra}`
  const hostname = hostnameOf(pod)
  const domain = domainOf(pod, options.clusterDomain)
  const own = options.ips.map((ip) => `${[ip, ...(domain ? [`${hostname}.${domain}`] : []), hostname].join('\t')}\n`).join('')
  return '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\n'
    + `fe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n${own}${extra}`
}

interface Resolver { servers: string[]; searches: string[]; options: string[] }

export function parseResolvConf(text: string): Resolver {
  const out: Resolver = { servers: [], searches: [], options: [] }
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/)
    if (word === 'nameserver' && rest[0]) out.servers.push(rest[0])
    if (word === 'search') out.searches = rest.filter((s) => s !== '.')
    if (word === 'options') out.options = rest
  }
  return out
}

const unique = (list: readonly string[]): string[] => [...new Set(list)]

/** What resolvers read: three servers, and of search domains 32 in 2048 characters. Source: upstream `MaxDNSNameservers`, `MaxDNSSearchPaths`, `MaxDNSSearchListChars`. */
const limits = { servers: 3, searches: 32, searchChars: 2048 }

function fitting(searches: readonly string[]): string[] {
  const out = searches.slice(0, limits.searches)
  while (out.join(' ').length > limits.searchChars) out.pop()
  return out
}

/** `exceeded`: what had to be left out, in the words of upstream's DNSConfigForming. */
export function resolvConf(pod: Pod, node: string, dns: DnsConfig): { readonly text: string; readonly exceeded: readonly string[] } {
  const host = parseResolvConf(node)
  const wanted = pod.spec?.dnsPolicy ?? 'ClusterFirst'
  const cluster = dns.servers.length > 0 && (wanted === 'ClusterFirstWithHostNet' || (wanted === 'ClusterFirst' && !pod.spec?.hostNetwork))
  let base: Resolver = host
  if (wanted === 'None') base = { servers: [], searches: [], options: [] }
  else if (cluster) {
    const namespace = pod.metadata?.namespace ?? 'default'
    base = { servers: [...dns.servers], searches: [`${namespace}.svc.${dns.domain}`, `svc.${dns.domain}`, dns.domain, ...host.searches], options: ['ndots:5'] }
  }
  const extra = pod.spec?.dnsConfig
  const options = new Map<string, string>()
  for (const o of base.options) options.set(o.split(':')[0]!, o)
  for (const o of extra?.options ?? []) options.set(o.name ?? '', o.value === undefined ? o.name ?? '' : `${o.name}:${o.value}`)
  const [allServers, allSearches] = [unique([...base.servers, ...(extra?.nameservers ?? [])]), unique([...base.searches, ...(extra?.searches ?? [])])]
  const [servers, searches] = [allServers.slice(0, limits.servers), fitting(allSearches)]
  const text = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []), ...servers.map((s) => `nameserver ${s}`),
    ...(options.size > 0 ? [`options ${[...options.values()].join(' ')}`] : []), '',
  ].join('\n')
  return { text, exceeded: [
    ...(servers.length < allServers.length ? [`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(' ')}`] : []),
    ...(searches.length < allSearches.length ? [`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`] : []),
  ] }
}
