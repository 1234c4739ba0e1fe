import { hostPortsOf, type HostPorts } from '../../host-ports.ts'
import type { PodHook } from './hook.ts'

/** Tells the proxy which ports of the node lead to this pod; after the network, whose address they lead to. */
export const hostPortsHook = (table: Pick<HostPorts, 'set' | 'remove'>): PodHook => ({
  name: 'host-ports',
  async setUp({ record, pod }) {
    const ip = record.ips[0]
    if (!pod.spec?.hostNetwork && ip !== undefined) table.set(record.ref.uid, hostPortsOf(pod, ip))
  },
  async tearDown({ ref }) { table.remove(ref.uid) },
})
