import type { Log } from '../../shared/base/host.ts'
import { messageOf } from '../../shared/base/errors.ts'
import { formatIPv4 } from '../../shared/values/cidr.ts'
import type { Exec, Iptables } from '../../shared/host/iptables.ts'
import { bridgeFacts, ipBatch, ipBatchAll, isExisting, isNoDevice, podAddresses, portsOf, routesOf, uplinkMtu, vethOf } from './apply.ts'
import { Ipam } from './ipam.ts'
import { NetworkError, type AllocationStore, type CheckedConfig, type NodeRoute, type PodAddress, type PodNetwork, type PodNetworkConfig } from './network.ts'
import { bridgeCommands, checkConfig, filterText, hostCommands, podCommands, removalText, routeChanges, type PodPlan } from './plan.ts'

export interface BridgeNetworkOptions {
  readonly exec: Exec
  readonly iptables: Iptables
  readonly allocations: AllocationStore
  /** Writes one file under /proc/sys; `key` is the path below it. */
  readonly writeSysctl: (key: string, value: string) => Promise<void>
  readonly log: Log
  /** Default `bramble0`. With several agents in one network namespace each has its own, and its own chain prefix. */
  readonly bridge?: string
  /** Of the iptables chains; up to 16 characters, upper case. Default `BRAMBLE`. */
  readonly chainPrefix?: string
  /** Marks the routes to other nodes as ours (`ip route ... proto N`); each agent in one network namespace its own. Default 98. */
  readonly routeProtocol?: number
}

interface Live { readonly config: CheckedConfig; readonly ipam: Ipam; readonly mtu: number }

/** The pod network of a node: one Linux bridge, a veth pair a pod, routed. See `plan.ts` for the why. */
export function createBridgeNetwork(options: BridgeNetworkOptions): PodNetwork {
  const { exec, iptables, log } = options
  const bridge = options.bridge ?? 'bramble0'
  const chainPrefix = options.chainPrefix ?? 'BRAMBLE'
  const protocol = options.routeProtocol ?? 98
  if (!/^[a-z][a-z0-9._-]{0,14}$/.test(bridge)) throw new NetworkError('invalid-config', `bridge name ${JSON.stringify(bridge)} is refused: 1 to 15 of a-z 0-9 . _ -`)
  if (!/^[A-Z][A-Z0-9]{0,15}$/.test(chainPrefix)) throw new NetworkError('invalid-config', `chain prefix ${JSON.stringify(chainPrefix)} is refused: 1 to 16 of A-Z 0-9`)
  let live: Live | undefined

  const need = (): Live => {
    if (!live) throw new NetworkError('not-set-up', 'the pod network is not set up: this node has no podCIDR yet')
    return live
  }

  const removeLink = async (veth: string): Promise<void> => {
    try {
      await ipBatch(exec, [`link del ${veth}`])
    } catch (e) {
      if (!isNoDevice(e)) throw e
    }
  }

  async function connect(plan: PodPlan, signal: AbortSignal): Promise<void> {
    try {
      await ipBatch(exec, hostCommands(plan), { signal })
    } catch (e) {
      if (!isExisting(e)) throw e
      if ((await podAddresses(exec, plan.netns)).includes(plan.ip)) return await ipBatch(exec, hostCommands(plan).slice(1), { signal })
      // Half made by an agent that died, or left from an earlier sandbox of the same pod.
      await removeLink(plan.veth)
      await ipBatch(exec, hostCommands(plan), { signal })
    }
    await ipBatch(exec, podCommands(plan), { netns: plan.netns, signal })
  }

  return {
    async setUp(given: PodNetworkConfig): Promise<void> {
      const config = checkConfig(given)
      const ipam = await Ipam.load(config.pods, options.allocations)
      const mtu = config.mtu ?? await uplinkMtu(exec)
      const facts = await bridgeFacts(exec, bridge)
      await ipBatch(exec, bridgeCommands({ bridge, gateway: ipam.gateway, prefix: config.pods.prefix, mtu }, facts))
      await options.writeSysctl('net/ipv4/ip_forward', '1')
      await iptables.restore(filterText({ bridge, chainPrefix, pods: config.pods, cluster: config.cluster }, await iptables.save()))
      live = { config, ipam, mtu }
    },

    async attach(pod, signal): Promise<PodAddress> {
      const { ipam, mtu } = need()
      if (!/^\/[^\s;]+$/.test(pod.netns)) throw new NetworkError('attach-failed', `pod ${pod.name}: ${JSON.stringify(pod.netns)} is not a path of a network namespace`)
      const had = ipam.of(pod.uid)
      const ip = await ipam.allocate(pod.uid)
      const veth = vethOf(bridge, pod.uid)
      try {
        await connect({ bridge, veth, netns: pod.netns, ip, gateway: ipam.gateway, mtu }, signal)
      } catch (e) {
        if (had === undefined) {
          await removeLink(veth)
          await ipam.release(pod.uid)
        }
        signal.throwIfAborted()
        throw new NetworkError('attach-failed', `pod ${pod.name}: cannot attach to ${bridge}: ${messageOf(e)}`, e)
      }
      return { ip, ips: [ip] }
    },

    async detach(podUid): Promise<void> {
      await removeLink(vethOf(bridge, podUid))
      await need().ipam.release(podUid)
    },

    async adopt(known): Promise<void> {
      const { ipam } = need()
      const uids = new Set(known.map((pod) => pod.uid))
      for (const uid of [...ipam.uids()]) if (!uids.has(uid)) await ipam.release(uid)
      for (const { uid, ip } of known) {
        if (ip !== undefined && !await ipam.claim(uid, ip)) log.warn('pod keeps an address that is not its own to have', { uid, ip })
      }
      const expected = new Set([...uids].map((uid) => vethOf(bridge, uid)))
      const leaked = (await portsOf(exec, bridge)).filter((port) => port.startsWith('bv') && !expected.has(port))
      const failed = await ipBatchAll(exec, leaked.map((port) => `link del ${port}`))
      for (const [index, message] of failed) log.warn('leaked interface not removed', { interface: leaked[index], message })
      if (leaked.length > 0) log.info('removed leaked pod interfaces', { count: leaked.length - failed.size })
    },

    async setRoutes(nodes: readonly NodeRoute[]): Promise<void> {
      const { config, ipam } = need()
      const { remove, add, refused } = routeChanges(config.pods, nodes, await routesOf(exec, protocol))
      const commands = [
        ...remove.map((route) => `route del ${route.podCIDR} proto ${protocol}`),
        ...add.map((route) => `route replace ${route.podCIDR} via ${route.via} proto ${protocol}`),
      ]
      const problems = [...refused]
      for (const [index, message] of await ipBatchAll(exec, commands)) {
        const route = add[index - remove.length]
        if (route) problems.push(`node ${route.node}: no route to ${route.podCIDR} via ${route.via}, it is not a neighbour on a LAN of this node (VXLAN is not supported): ${message}`)
        else problems.push(`${commands[index]}: ${message}`)
      }
      if (problems.length > 0) throw new NetworkError('unreachable-node', `${formatIPv4(config.pods.network)} (${ipam.gateway}): ${problems.join('; ')}`)
    },

    async tearDown(): Promise<void> {
      live = undefined
      const text = removalText(chainPrefix, await iptables.save())
      if (text !== undefined) await iptables.restore(text)
      const routes = await routesOf(exec, protocol)
      const ports = (await portsOf(exec, bridge)).filter((port) => port.startsWith('bv'))
      await ipBatchAll(exec, [...routes.map((route) => `route del ${route.podCIDR} proto ${protocol}`), ...ports.map((port) => `link del ${port}`), `link del ${bridge}`])
      if (await bridgeFacts(exec, bridge)) throw new Error(`bridge ${bridge} could not be removed`)
    },
  }
}
