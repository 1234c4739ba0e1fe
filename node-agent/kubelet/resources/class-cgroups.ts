/**
 * The cgroups above those of the pods: that of all pods, with what the node lets them have together, and one for each class but the first. A class weighs what its
 * pods ask for, so that many small pods cannot outweigh a large one. Source: upstream `node_container_manager_linux.go`, `qos_container_manager_linux.go`.
 */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { ResourceLimits } from '../../runtime/runtime.ts'
import type { Cgroups } from './cgroup-files.ts'
import { milliToShares } from './cgroup-numbers.ts'
import { podAmounts, qosOf } from './qos.ts'

export interface ClassCgroupDeps {
  readonly clock: Clock
  readonly cgroups: Pick<Cgroups, 'ensure' | 'resize' | 'weigh'>
  /** Name of the cgroup of all pods. */
  readonly root: string
  /** Pods that are to run here, as they were allocated, but for the one of this uid. */
  pods(leaving: string | undefined): Iterable<Pod>
  /** What all pods may have together. */
  limits(): ResourceLimits
  /** About the node. */
  event(type: 'Normal' | 'Warning', reason: string, message: string): void
}

export interface ClassCgroups {
  /** Makes them. */
  prepare(): Promise<void>
  /** Sets the limits of all pods together; again each minute while the kernel refuses, which it does while more is in use. Until `signal` aborts. */
  enforce(signal: AbortSignal): Promise<void>
  /** Pods came, went (`leaving` is the uid of one that does) or changed their size. Writes only where the weight differs. */
  weigh(leaving?: string): Promise<void>
}

const retryEvery: Millis = 60_000
const leastShares = 2

export function createClassCgroups(deps: ClassCgroupDeps): ClassCgroups {
  const { cgroups, root } = deps
  const burstable = `/${root}/burstable`
  let shares: number | undefined

  const weigh = async (leaving?: string): Promise<void> => {
    let milli = 0
    for (const pod of deps.pods(leaving)) if (qosOf(pod) === 'Burstable') milli += podAmounts(pod).cpuRequest ?? 0
    const now = milliToShares(milli)
    if (now === shares) return
    shares = now
    await cgroups.weigh(burstable, now)
  }

  return {
    weigh,
    async prepare() {
      await cgroups.ensure(`/${root}`, { cpuShares: deps.limits().cpuShares ?? leastShares })
      await cgroups.ensure(burstable, { cpuShares: leastShares })
      // All pods that asked for nothing share what is left, upstream's weight of their class.
      await cgroups.ensure(`/${root}/besteffort`, { cpuShares: leastShares })
      await weigh()
    },
    async enforce(signal) {
      while (!signal.aborted) {
        try {
          await cgroups.resize(`/${root}`, deps.limits())
          deps.event('Normal', 'NodeAllocatableEnforced', 'Updated Node Allocatable limit across pods')
          break
        } catch (e) {
          deps.event('Warning', 'FailedNodeAllocatableEnforcement', `Failed to update Node Allocatable Limits ["${root}"]: ${messageOf(e)}`)
        }
        await deps.clock.sleep(retryEvery, signal)
      }
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    },
  }
}
