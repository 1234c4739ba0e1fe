/** Kernel switches that service routing needs, as `[path below /proc/sys, value]`. */
export function proxySysctls(options: { readonly localhostNodePorts: boolean; readonly bridgeNetfilter: boolean }): readonly (readonly [string, string])[] {
  return [
    ['net/ipv4/ip_forward', '1'],
    // A NodePort on 127.0.0.1 is rewritten to a pod: the kernel must let a loopback source out by another interface (it is masqueraded there).
    ...(options.localhostNodePorts ? [['net/ipv4/conf/all/route_localnet', '1'] as const] : []),
    // Only for pod networks that bridge between pods of a node (ours routes): without it replies pass untranslated. Touches every bridge of the machine.
    ...(options.bridgeNetfilter ? [['net/bridge/bridge-nf-call-iptables', '1'] as const] : []),
  ]
}
