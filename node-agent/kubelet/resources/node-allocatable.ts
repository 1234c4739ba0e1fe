/**
 * What all pods together may have of this node, as limits of their common cgroup, so that they cannot starve the system and the agent. Pure.
 * Source: upstream `pkg/kubelet/cm/node_container_manager_linux.go`: what is reserved is taken off, what eviction keeps free is not; cpu is a weight, not a ceiling.
 */
import type { ResourceLimits } from '../../runtime/runtime.ts'
import type { NodeFacts, Reserve } from '../status/node-status.ts'
import { milliToShares } from './cgroup-numbers.ts'

/** `--enforce-node-allocatable`. Where it is `none` the pods' cgroup has the weight of the whole machine and no limit, as upstream. */
export type Enforcement = 'pods' | 'none'

export function allPodsLimits(facts: Pick<NodeFacts, 'cpus' | 'memoryBytes' | 'pidsMax'>, reserve: Pick<Reserve, 'cpuMilli' | 'memoryBytes' | 'pids'>, enforce: Enforcement): ResourceLimits {
  const kept = enforce === 'pods' ? reserve : { cpuMilli: 0, memoryBytes: 0, pids: 0 }
  const memoryBytes = Math.max(0, facts.memoryBytes - kept.memoryBytes)
  return {
    cpuShares: milliToShares(facts.cpus * 1000 - kept.cpuMilli),
    ...(memoryBytes > 0 ? { memoryBytes } : {}),
    // A cgroup may not be told more than the kernel can number (4,194,304).
    ...(facts.pidsMax > 0 ? { pids: Math.max(1, facts.pidsMax - kept.pids) } : {}),
  }
}

/** What is reserved beyond what there is, in a sentence for the person who set it; undefined where it fits. */
export function overReserved(facts: Pick<NodeFacts, 'cpus' | 'memoryBytes' | 'diskBytes' | 'pidsMax'>, reserve: Reserve): string | undefined {
  const rows = [
    ['cpu', reserve.cpuMilli, facts.cpus * 1000], ['memory', reserve.memoryBytes + reserve.evictionMemoryBytes, facts.memoryBytes],
    ['ephemeral-storage', reserve.diskBytes + reserve.evictionDiskBytes, facts.diskBytes], ['pid', reserve.pids, facts.pidsMax],
  ] as const
  const bad = rows.filter(([, reserved, capacity]) => capacity > 0 && reserved > capacity).map(([name, reserved, capacity]) => `Resource ${JSON.stringify(name)} has a reservation of ${reserved} but capacity of ${capacity}.`)
  return bad.length === 0 ? undefined : `invalid Node Allocatable configuration. ${bad.join(' ')} Reservation includes --system-reserved, --kube-reserved and --eviction-hard.`
}
