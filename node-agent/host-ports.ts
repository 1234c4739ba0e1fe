/** Ports of the node that pods of it have asked for (`containers[].ports[].hostPort`). */
import type { Pod } from '../shared/api/core-v1.ts'

export interface HostPort {
  /** `namespace/name`, for comments. */
  readonly pod: string
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  /** Empty: every address of the node. */
  readonly hostIP: string
  readonly hostPort: number
  readonly ip: string
  readonly port: number
}

/** Kept by the kubelet, read by the proxy. Level-triggered: `set` replaces what a pod had. */
export interface HostPorts {
  set(podUid: string, ports: readonly HostPort[]): void
  remove(podUid: string): void
  /** In an order that does not depend on when pods came. */
  list(): readonly HostPort[]
  /** One listener: the proxy. Called after each change. */
  onChange(listener: () => void): void
}

/** What a pod asks for; sidecars among the init containers count, others are gone before anybody could connect. IPv4 only, like the pod network. */
export function hostPortsOf(pod: Pod, podIP: string): HostPort[] {
  const { initContainers = [], containers = [] } = pod.spec ?? {}
  const holders = [...initContainers.filter((c) => c.restartPolicy === 'Always'), ...containers]
  return holders.flatMap((c) => c.ports ?? []).filter((p) => (p.hostPort ?? 0) > 0).map((p) => ({
    pod: `${pod.metadata?.namespace}/${pod.metadata?.name}`, protocol: (p.protocol ?? 'TCP').toLowerCase() as HostPort['protocol'],
    hostIP: p.hostIP && p.hostIP !== '0.0.0.0' ? p.hostIP : '', hostPort: p.hostPort!, ip: podIP, port: p.containerPort,
  }))
}

export function createHostPorts(): HostPorts {
  const byPod = new Map<string, readonly HostPort[]>()
  let changed = (): void => undefined
  const same = (a: readonly HostPort[], b: readonly HostPort[]): boolean => JSON.stringify(a) === JSON.stringify(b)
  return {
    set(uid, ports) {
      if (same(byPod.get(uid) ?? [], ports)) return
      if (ports.length > 0) byPod.set(uid, ports)
      else byPod.delete(uid)
      changed()
    },
    remove(uid) { if (byPod.delete(uid)) changed() },
    list: () => [...byPod.values()].flat().toSorted((a, b) => a.hostPort - b.hostPort || (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : a.hostIP < b.hostIP ? -1 : 1)),
    onChange(listener) { changed = listener },
  }
}
