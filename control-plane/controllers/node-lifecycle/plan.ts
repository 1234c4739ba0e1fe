/** What a Node gets from the control plane: an address range for its pods, and taints that follow its conditions; and which pods a taint drives out. Pure. */
import type { Node, Pod, Taint } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { fromTimestamp, timestamp } from '../../../shared/values/timestamp.ts'

export const notReadyTaint = 'node.kubernetes.io/not-ready'
export const unreachableTaint = 'node.kubernetes.io/unreachable'
/** `evict` on a node (label or annotation): its pods are moved when it is lost. Default: an edge node keeps its pods. */
export const offlinePolicyKey = 'bramble.dev/offline-policy'

export const evictsWhenOffline = (node: Node): boolean => (node.metadata?.labels?.[offlinePolicyKey] ?? node.metadata?.annotations?.[offlinePolicyKey]) === 'evict'

/** Condition type and status to taint (`nodeConditionToTaintKeyStatusMap`). */
const conditionTaints: readonly { readonly type: string; readonly status: string; readonly key: string; readonly execute: boolean }[] = [
  { type: 'Ready', status: 'False', key: notReadyTaint, execute: true },
  { type: 'Ready', status: 'Unknown', key: unreachableTaint, execute: true },
  { type: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure', execute: false },
  { type: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure', execute: false },
  { type: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure', execute: false },
  { type: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable', execute: false },
]
const unschedulableTaint = 'node.kubernetes.io/unschedulable'
const ours = new Set([...conditionTaints.map((c) => c.key), unschedulableTaint])

/** The node's taints as they should be: those of others as they are, ours by condition; undefined where nothing changes. */
export function planTaints(node: Node, now: number): Taint[] | undefined {
  const present = node.spec?.taints ?? []
  const wanted: Taint[] = []
  for (const c of conditionTaints) {
    if (!node.status?.conditions?.some((x) => x.type === c.type && x.status === c.status)) continue
    wanted.push({ key: c.key, effect: 'NoSchedule' })
    if (c.execute) wanted.push({ key: c.key, effect: 'NoExecute' })
  }
  if (node.spec?.unschedulable) wanted.push({ key: unschedulableTaint, effect: 'NoSchedule' })
  const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect
  const missing = wanted.filter((w) => !present.some((p) => same(p, w)))
  const stale = present.filter((p) => ours.has(p.key) && !wanted.some((w) => same(p, w)))
  if (missing.length === 0 && stale.length === 0) return undefined
  return [...present.filter((p) => !stale.includes(p)), ...missing.map((t) => ({ ...t, timeAdded: timestamp(now) }))]
}

/** The lowest free range of `maskSize` bits in an IPv4 cluster CIDR; undefined where all are taken. Throws for a CIDR that is none. */
export function nextCidr(clusterCidr: string, maskSize: number, used: ReadonlySet<string>): string | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(clusterCidr)
  const parts = match?.slice(1).map(Number) ?? []
  const [a = 256, b = 256, c = 256, d = 256, bits = 33] = parts
  if ([a, b, c, d].some((n) => n > 255) || bits > maskSize || maskSize > 30) throw new Error(`${clusterCidr} is no IPv4 range that holds ranges of /${maskSize}`)
  const base = ((a * 256 + b) * 256 + c) * 256 + d
  const step = 2 ** (32 - maskSize)
  const start = base - (base % 2 ** (32 - bits))
  for (let i = 0; i < 2 ** (maskSize - bits); i++) {
    const n = start + i * step
    const cidr = `${Math.floor(n / 2 ** 24)}.${Math.floor(n / 2 ** 16) % 256}.${Math.floor(n / 256) % 256}.${n % 256}/${maskSize}`
    if (!used.has(cidr)) return cidr
  }
  return undefined
}

const matches = (toleration: { key?: string; operator?: string; value?: string; effect?: string }, taint: Taint): boolean =>
  (!toleration.effect || toleration.effect === taint.effect) && (!toleration.key || toleration.key === taint.key)
  && (toleration.operator === 'Exists' || (Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '')))

/**
 * In how many milliseconds the pod must leave the node: 0 now, undefined not at all. The shortest `tolerationSeconds` of all taints counts, from
 * the time the taint was added. The taints of a node that is merely lost count only where its policy is to evict.
 */
export function untilEviction(node: Node, pod: Stored<Pod>, now: number): number | undefined {
  if (pod.metadata.deletionTimestamp || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return undefined
  let soonest: number | undefined
  for (const taint of node.spec?.taints ?? []) {
    if (taint.effect !== 'NoExecute') continue
    if ((taint.key === notReadyTaint || taint.key === unreachableTaint) && !evictsWhenOffline(node)) continue
    const tolerations = (pod.spec?.tolerations ?? []).filter((t) => matches(t, taint))
    if (tolerations.length === 0) return 0
    const limits = tolerations.map((t) => t.tolerationSeconds).filter((s) => s !== undefined)
    if (limits.length === 0) continue
    const added = fromTimestamp(taint.timeAdded)
    const left = Math.max(0, (Number.isNaN(added) ? now : added) + Math.max(0, Math.min(...limits)) * 1000 - now)
    soonest = Math.min(soonest ?? Infinity, left)
  }
  return soonest
}
