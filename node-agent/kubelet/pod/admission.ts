/** Whether this node takes a pod that was bound to it. Pure. A pod it does not take is Failed for good with this reason. Source: upstream `pkg/kubelet/lifecycle`, `sysctl` and `security/apparmor`. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import { refusal } from '../eviction/plan.ts'
import type { Pressure } from '../eviction/signals.ts'
import { qosOf } from '../resources/qos.ts'
import { judgeResize, type Room } from '../resources/resize.ts'
import { allContainers } from './pod-facts.ts'

export interface AdmissionFacts {
  readonly room: Room
  /** Patterns of `--allowed-unsafe-sysctls`: names, or `prefix*`. */
  readonly unsafeSysctls: readonly string[]
  /** The kernel enforces AppArmor profiles. */
  readonly appArmor: boolean
  /** What the node is short of. */
  readonly pressures: readonly Pressure[]
}

export interface Rejection { readonly reason: string; readonly message: string }

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

/** Undefined where the pod is taken. */
export function reject(pod: Pod, facts: AdmissionFacts): Rejection | undefined {
  if (pod.spec?.os?.name && pod.spec.os.name !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }
  const sysctl = forbiddenSysctl(pod, facts.unsafeSysctls)
  if (sysctl) return { reason: 'SysctlForbidden', message: sysctl }
  if (!facts.appArmor && wantsAppArmor(pod)) return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' }
  const short = refusal(facts.pressures, pod, qosOf(pod))
  if (short) return { reason: 'Evicted', message: short }
  const room = judgeResize(pod, facts.room)
  if (room.at === 'accepted') return undefined
  const [, resource = '', requested = '', used] = /: (\w+), requested: (\d+)(?:, used: (\d+))?/.exec(room.message) ?? []
  const capacity = resource === 'cpu' ? facts.room.allocatable.cpuMilli : facts.room.allocatable.memoryBytes
  const others = resource === 'cpu' ? facts.room.others.cpuMilli : facts.room.others.memoryBytes
  return { reason: `OutOf${resource}`, message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used ?? others}, capacity: ${capacity}` }
}
