/** Whether this node takes a pod that was bound to it. Pure. A pod it does not take is Failed for good with this reason. Source: upstream `pkg/kubelet/lifecycle`, `sysctl` and `security/apparmor`. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import { hostPortsOf } from '../../host-ports.ts'
import { refusal } from '../eviction/plan.ts'
import type { Pressure } from '../eviction/signals.ts'
import { podAmounts, qosOf } from '../resources/qos.ts'
import type { Room } from '../resources/resize.ts'
import { allContainers } from './pod-facts.ts'

export interface AdmissionFacts {
  readonly room: Room
  /** Patterns of `--allowed-unsafe-sysctls`: names, or `prefix*`. */
  readonly unsafeSysctls: readonly string[]
  /** The kernel enforces AppArmor profiles. */
  readonly appArmor: boolean
  /** The engine can leave out the groups that an image gives a user. */
  readonly strictGroups: boolean
  readonly maxPods: number
  /** Pods that the node has taken, which are not over. */
  readonly neighbours: readonly Pod[]
  /** What the node is short of. */
  readonly pressures: readonly Pressure[]
}

export interface Rejection { readonly reason: string; readonly message: string; /** Where nothing but room is missing: all of what is. */ readonly lacks?: readonly Shortage[] }

/** Namespaced, and harmless to other pods of the node (`pkg/kubelet/sysctl/safe_sysctls.go`). */
const safeSysctls: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start', 'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem',
])
const ipcSysctl = /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/

function forbiddenSysctl(pod: Pod, allowed: readonly string[]): string | undefined {
  for (const { name } of pod.spec?.securityContext?.sysctls ?? []) {
    const dotted = name.replaceAll('/', '.')
    const isListed = safeSysctls.has(dotted) || allowed.some((p) => (p.endsWith('*') ? dotted.startsWith(p.slice(0, -1)) : dotted === p))
    if (!isListed) return `forbidden sysctl: ${JSON.stringify(dotted)} not allowlisted`
    if (pod.spec?.hostNetwork && dotted.startsWith('net.')) return `forbidden sysctl: ${JSON.stringify(dotted)} not allowed with host net enabled`
    if (pod.spec?.hostIPC && ipcSysctl.test(dotted)) return `forbidden sysctl: ${JSON.stringify(dotted)} not allowed with host ipc enabled`
  }
  return undefined
}

const wantsAppArmor = (pod: Pod): boolean =>
  [pod.spec?.securityContext?.appArmorProfile, ...allContainers(pod).map((c) => c.securityContext?.appArmorProfile)].some((p) => p?.type === 'Localhost' || p?.type === 'RuntimeDefault')

/** Two pods want one port of one address of the node. */
function takenPort(pod: Pod, neighbours: readonly Pod[]): boolean {
  const wanted = hostPortsOf(pod, '')
  if (wanted.length === 0) return false
  const taken = neighbours.flatMap((n) => hostPortsOf(n, ''))
  return wanted.some((w) => taken.some((t) => t.hostPort === w.hostPort && t.protocol === w.protocol && (t.hostIP === w.hostIP || t.hostIP === '' || w.hostIP === '')))
}

export interface Shortage { readonly resource: 'pods' | 'cpu' | 'memory'; /** Pods, millicores or bytes. */ readonly requested: number; readonly used: number; readonly capacity: number }

/** What the node has too little of for the pod. */
function shortages(pod: Pod, { room: { allocatable, others }, neighbours, maxPods }: AdmissionFacts): Shortage[] {
  const wanted = podAmounts(pod)
  const all: Shortage[] = [
    { resource: 'pods', requested: 1, used: neighbours.length, capacity: maxPods },
    { resource: 'cpu', requested: wanted.cpuRequest ?? 0, used: others.cpuMilli, capacity: allocatable.cpuMilli },
    { resource: 'memory', requested: wanted.memoryRequest ?? 0, used: others.memoryBytes, capacity: allocatable.memoryBytes },
  ]
  return all.filter((s) => s.requested > 0 && s.requested > s.capacity - s.used)
}

/** Undefined where the pod is taken. What it lacks is the last thing that is asked. */
export function reject(pod: Pod, facts: AdmissionFacts): Rejection | undefined {
  if (pod.spec?.os?.name && pod.spec.os.name !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }
  const sysctl = forbiddenSysctl(pod, facts.unsafeSysctls)
  if (sysctl) return { reason: 'SysctlForbidden', message: sysctl }
  if (!facts.appArmor && wantsAppArmor(pod)) return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' }
  if (!facts.strictGroups && pod.spec?.securityContext?.supplementalGroupsPolicy === 'Strict') return { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' }
  const pressed = refusal(facts.pressures, pod, qosOf(pod))
  if (pressed) return { reason: 'Evicted', message: pressed }
  if (takenPort(pod, facts.neighbours)) return { reason: 'NodePorts', message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" }
  const lacks = shortages(pod, facts)
  const short = lacks[0]
  return short && { lacks, reason: `OutOf${short.resource}`, message: `Node didn't have enough resource: ${short.resource}, requested: ${short.requested}, used: ${short.used}, capacity: ${short.capacity}` }
}
