/** What the kubelet asks of the pod network of its node. One implementation: `bridge-network.ts`. */
import type { Cidr } from '../../shared/values/cidr.ts'

export interface PodNetworkConfig {
  /** This node's share, `Node.spec.podCIDR`. IPv4, /30 or larger. */
  readonly podCIDR: string
  /** Where pods of any node live; traffic to there keeps the pod's address, all other traffic out of the node gets the node's. Holds podCIDR. */
  readonly clusterCIDR: string
  /** Bytes. Default: that of the interface of the default route, 1500 without one. */
  readonly mtu?: number
}

/** Another node, on the same LAN: reached through its InternalIP. */
export interface NodeRoute { readonly node: string; readonly podCIDR: string; readonly via: string }

export interface PodAddress { readonly ip: string; readonly ips: string[] }

/**
 * Every verb may be repeated, and started again after a crash at any point. Verbs of one pod are the caller's to order (one pod worker); verbs of different
 * pods may overlap. The addresses are kept in an {@link AllocationStore}, so a pod has the same address after the machine restarts.
 */
export interface PodNetwork {
  /** Makes the bridge, its address and the packet filter rules, or brings what is there to this config. First of all; again after a change of config. */
  setUp(config: PodNetworkConfig): Promise<void>
  /**
   * Gives the network namespace `netns` (a path under /run/netns or /proc/PID/ns/net) an interface `eth0`, an address and a default route; loopback up.
   * Repeated on an attached pod it changes nothing and answers the same address. Throws {@link NetworkError}; the address is then freed unless it had it before.
   */
  attach(pod: { readonly uid: string; readonly netns: string; readonly name: string }, signal: AbortSignal): Promise<PodAddress>
  /** Removes the pod's interface and frees its address. Succeeds where there is none. */
  detach(podUid: string): Promise<void>
  /**
   * After a restart, once, after `setUp` and before any `attach`: `known` are all pods that live or shall live here, with the address where one is known (it wins over
   * the stored one). Addresses of all others are freed and interfaces of ours that belong to no known pod removed.
   */
  adopt(known: readonly { readonly uid: string; readonly ip?: string | undefined }[]): Promise<void>
  /**
   * Routes to the pods of exactly these other nodes (own node allowed, skipped). One that cannot be reached directly is refused with an error naming it
   * (no VXLAN yet); the others are in place nevertheless.
   */
  setRoutes(nodes: readonly NodeRoute[]): Promise<void>
  /** Removes bridge, interfaces, routes and rules. The allocations stay. */
  tearDown(): Promise<void>
}

/** Where allocations outlive the process: a table of the agent's database. */
export interface AllocationStore {
  all(): Promise<readonly { readonly uid: string; readonly ip: string }[]>
  /** Durable when it resolves. One address a pod; a second put replaces. */
  put(uid: string, ip: string): Promise<void>
  remove(uid: string): Promise<void>
}

export type NetworkErrorCode = 'unsupported' | 'invalid-config' | 'exhausted' | 'not-set-up' | 'attach-failed' | 'unreachable-node'

export class NetworkError extends Error {
  override readonly name = 'NetworkError'
  readonly code: NetworkErrorCode
  constructor(code: NetworkErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** The config after its check. */
export interface CheckedConfig { readonly pods: Cidr; readonly cluster: Cidr; readonly mtu: number | undefined }
