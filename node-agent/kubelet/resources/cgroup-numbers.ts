/** The numbers written to cgroups. Pure. Source: upstream `pkg/kubelet/cm/helpers_linux.go`. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { ResourceLimits } from '../../runtime/runtime.ts'
import { amountsOf, podAmounts, qosOf, type Amounts, type Qos } from './qos.ts'
import type { Container } from '../../../shared/api/core-v1.ts'

const minShares = 2
const maxShares = 262_144
const sharesPerCpu = 1024
/** Microseconds: 100 ms. */
export const cpuPeriod = 100_000
const minQuota = 1000

export const milliToShares = (milli: number): number =>
  (milli <= 0 ? minShares : Math.min(maxShares, Math.max(minShares, Math.floor((milli * sharesPerCpu) / 1000))))

/** Undefined for no limit. */
export const milliToQuota = (milli: number | undefined): number | undefined =>
  (!milli ? undefined : Math.max(minQuota, Math.floor((milli * cpuPeriod) / 1000)))

/** `cpu.weight` of cgroup v2 for v1 shares: maps [2, 262144] onto [1, 10000]. */
export const sharesToWeight = (shares: number): number => 1 + Math.floor(((shares - minShares) * 9999) / (maxShares - minShares))

const limitsOf = (a: Amounts): ResourceLimits => {
  const quota = milliToQuota(a.cpuLimit)
  return {
    cpuShares: milliToShares(a.cpuRequest ?? 0),
    ...(quota === undefined ? {} : { cpuQuota: quota, cpuPeriod }),
    ...(a.memoryLimit ? { memoryBytes: a.memoryLimit } : {}),
  }
}

export const containerLimits = (container: Container): ResourceLimits => limitsOf(amountsOf(container))

/** Memory of a process that holds a pod's namespaces, and then some. */
const pauseBytes = 8 << 20

/**
 * `hasPause`: such a process is in the pod's cgroup, and its memory is nobody's. Without room for it the pod would meet its limit before its only container does, and the
 * engine, which watches the container's, would not know that it was killed for memory.
 */
export function podLimits(pod: Pod, hasPause: boolean): ResourceLimits {
  const limits = ownLimits(pod)
  return limits.memoryBytes !== undefined && hasPause ? { ...limits, memoryBytes: limits.memoryBytes + pauseBytes } : limits
}

function ownLimits(pod: Pod): ResourceLimits {
  return qosOf(pod) === 'BestEffort' ? { cpuShares: minShares } : limitsOf(podAmounts(pod))
}

const folder: Readonly<Record<Qos, string>> = { Guaranteed: '', Burstable: '/burstable', BestEffort: '/besteffort' }

/** `/bramble/burstable/pod<uid>`; Guaranteed pods stand directly under the root, as upstream. */
export const podCgroup = (root: string, pod: Pod): string => `/${root}${folder[qosOf(pod)]}/pod${pod.metadata?.uid}`

/** Where the cgroup of a pod may be of which no more is known than its uid. */
export const podCgroups = (root: string, uid: string): string[] => Object.values(folder).map((f) => `/${root}${f}/pod${uid}`)
