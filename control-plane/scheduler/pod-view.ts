/** A pod and a node as the plugins see them: what is looked at for every pair is computed once. Pure. */
import type { Node, Pod, Taint, Toleration } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import { podRequests, resourcesOf, type Resources } from './resources.ts'

export interface HostPort { readonly ip: string; readonly protocol: string; readonly port: number }

export interface PodView {
  readonly pod: Stored<Pod>
  readonly requests: Resources
  /** Requests with stand-ins for containers that ask for nothing; for scoring only. */
  readonly weight: Resources
  readonly hostPorts: readonly HostPort[]
  readonly tolerations: readonly Toleration[]
  readonly priority: number
  /** Pods of one controller are spread: its uid, or empty. */
  readonly family: string
}

export function podView(pod: Stored<Pod>): PodView {
  const spec = pod.spec
  const containers = [...spec?.containers ?? [], ...spec?.initContainers?.filter((c) => c.restartPolicy === 'Always') ?? []]
  return {
    pod, requests: podRequests(pod), weight: podRequests(pod, true), tolerations: spec?.tolerations ?? [], priority: spec?.priority ?? 0,
    hostPorts: containers.flatMap((c) => c.ports ?? []).filter((p) => (p.hostPort ?? 0) > 0)
      .map((p) => ({ ip: p.hostIP || '0.0.0.0', protocol: p.protocol ?? 'TCP', port: p.hostPort ?? 0 })),
    family: pod.metadata.ownerReferences?.find((o) => o.controller)?.uid ?? '',
  }
}

/** A node and what the pods on it, bound or assumed, already take. */
export interface NodeView {
  readonly node: Stored<Node>
  readonly name: string
  readonly allocatable: Resources
  readonly taints: readonly Taint[]
  readonly requested: Resources
  readonly weight: Resources
  readonly pods: ReadonlyMap<string, PodView>
  readonly families: ReadonlyMap<string, number>
}

export const allocatableOf = (node: Node): Resources => resourcesOf(node.status?.allocatable ?? node.status?.capacity)

/** `v1.Toleration.ToleratesTaint`. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false
  if (toleration.key && toleration.key !== taint.key) return false
  if (toleration.operator === 'Exists') return true
  if (toleration.operator !== undefined && toleration.operator !== '' && toleration.operator !== 'Equal') return false
  return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '')
}
export const tolerated = (tolerations: readonly Toleration[], taint: Taint): boolean => tolerations.some((t) => tolerates(t, taint))
