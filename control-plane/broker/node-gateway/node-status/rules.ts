/** What becomes of a Node object by what its agent reports and by its silence. Pure; times are given. */
import type { Node, NodeCondition, NodeStatus } from '../../../../shared/api/core-v1.ts'
import { equalJson } from '../../../../shared/values/json-value.ts'

/** Conditions an agent owns; others (NetworkUnavailable) are left alone. */
const owned: readonly string[] = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready']

const withoutBeat = (c: NodeCondition): NodeCondition => ({ ...c, lastHeartbeatTime: '' })

function moved(before: NodeCondition | undefined, now: string, next: NodeCondition): NodeCondition {
  const transition = before && before.status === next.status ? before.lastTransitionTime ?? now : now
  const full = { ...next, lastTransitionTime: transition, lastHeartbeatTime: now }
  // A heartbeat alone is no reason to write.
  return before && equalJson(withoutBeat(before), withoutBeat(full)) ? before : full
}

/** The status to store, or undefined where it is the same already. `now` is RFC 3339. */
export function reported(node: Node, report: NodeStatus, now: string): NodeStatus | undefined {
  const before = node.status?.conditions ?? []
  const ready: NodeCondition = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
  const news = report.conditions ?? []
  const full = news.some((c) => c.type === 'Ready') ? news : [...news, ready]
  const conditions = [
    ...before.filter((c) => !full.some((n) => n.type === c.type)),
    ...full.map((c) => moved(before.find((b) => b.type === c.type), now, c)),
  ]
  const next: NodeStatus = { ...node.status, ...report, conditions }
  return equalJson(node.status ?? {}, next) ? undefined : next
}

/** The status of a node that fell silent (`pkg/controller/nodelifecycle`: all conditions the kubelet owns become Unknown). */
export function silent(node: Node, now: string): NodeStatus | undefined {
  const before = node.status?.conditions ?? []
  const news = owned.map((type): NodeCondition => {
    const known = before.find((c) => c.type === type)
    if (known?.status === 'Unknown') return known
    return known
      ? { ...known, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.', lastTransitionTime: now }
      : { type, status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.', lastHeartbeatTime: node.metadata?.creationTimestamp ?? now, lastTransitionTime: now }
  })
  const conditions = [...before.filter((c) => !owned.includes(c.type)), ...news]
  return equalJson(before, conditions) ? undefined : { ...node.status, conditions }
}

/** Labels in Kubernetes' own domains that a node may set on itself (`k8s.io/kubelet/pkg/apis/well_known_labels.go`). */
const allowed: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname', 'kubernetes.io/arch', 'kubernetes.io/os', 'beta.kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone', 'kubernetes.io/instance-type',
])
const inDomain = (domain: string, of: string): boolean => domain === of || domain.endsWith(`.${of}`)

/** A node may not label itself into another role: what NodeRestriction refuses is left out. */
export function ownLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => {
    const slash = key.indexOf('/')
    const domain = slash < 0 ? '' : key.slice(0, slash)
    if (!inDomain(domain, 'kubernetes.io') && !inDomain(domain, 'k8s.io')) return true
    return allowed.has(key) || inDomain(domain, 'node.kubernetes.io') || inDomain(domain, 'kubelet.kubernetes.io')
  }))
}

/** The labels to add or change; undefined where all are there. Labels of others are never removed. */
export function missingLabels(node: Node, labels: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const wanted = Object.entries(ownLabels(labels)).filter(([k, v]) => node.metadata?.labels?.[k] !== v)
  return wanted.length > 0 ? Object.fromEntries(wanted) : undefined
}
