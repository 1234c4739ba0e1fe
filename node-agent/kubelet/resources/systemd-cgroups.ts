/**
 * Pod cgroups where systemd keeps the tree (version 2): each is a transient slice, made and changed over systemd's bus, since what is written to the files of a unit
 * behind its back is undone when it next touches them. Every verb may be repeated.
 * Source: org.freedesktop.systemd1(5); upstream does the same through runc's `libcontainer/cgroups/systemd/v2.go`.
 */
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { run } from '../../../shared/host/exec.ts'
import { cgroupPath, dockerScope, sliceOf } from '../../../shared/host/cgroup-names.ts'
import type { ResourceLimits } from '../../runtime/runtime.ts'
import type { Cgroups } from './cgroup-files.ts'
import { sharesToWeight } from './cgroup-numbers.ts'

export interface SystemdDeps { readonly files: Pick<FileTree, 'read' | 'stat'>; readonly exec: typeof run; readonly clock: Clock; readonly log: Log }

/** A property as `busctl` is told: name, type, value. */
type Property = readonly [name: string, type: 'b' | 't' | 's', value: string]

/** `(uint64) -1`: no limit. */
const infinity = '18446744073709551615'
/** systemd counts a quota in whole hundredths of a processor. */
const quotaStep = 10_000
const usecPerSec = 1_000_000

const weight = (shares: number): Property => ['CPUWeight', 't', String(sharesToWeight(shares))]

function limitsOf({ cpuShares, cpuQuota, cpuPeriod, memoryBytes, pids }: ResourceLimits): Property[] {
  const quota = cpuQuota === undefined ? infinity : String(Math.ceil(cpuQuota * usecPerSec / (cpuPeriod ?? 100_000) / quotaStep) * quotaStep)
  return [
    ...(cpuShares === undefined ? [] : [weight(cpuShares)]), ['CPUQuotaPerSecUSec', 't', quota], ['MemoryMax', 't', String(memoryBytes ?? infinity)],
    ...(pids === undefined ? [] : [['TasksMax', 't', String(pids)] as const]),
  ]
}

/** All controllers of ours, for the containers below; and nobody swaps, upstream's NoSwap. */
const always: readonly Property[] = [['Description', 's', 'pods of Bramble'], ['CPUAccounting', 'b', 'true'], ['MemoryAccounting', 'b', 'true'], ['TasksAccounting', 'b', 'true'], ['MemorySwapMax', 't', '0']]

const manager = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager']
const listed = (properties: readonly Property[]): string[] => [String(properties.length), ...properties.flat()]

/** A slice is there a moment after systemd has taken the job. */
const patience = 5000
const lookEvery = 5

export function systemdCgroups({ files, exec, clock, log }: SystemdDeps): Cgroups {
  const isThere = async (name: string): Promise<boolean> => (await files.stat(`/sys/fs/cgroup${cgroupPath('systemd', name)}`)) !== undefined

  const call = async (method: string, signature: string, ...args: readonly string[]): Promise<string | undefined> => {
    const { exitCode, stderr } = await exec(['busctl', '--quiet', 'call', ...manager, method, signature, ...args], { timeout: 30_000 })
    return exitCode === 0 ? undefined : stderr.toString().trim() || `busctl ended with ${exitCode}`
  }
  const change = async (unit: string, properties: readonly Property[]): Promise<void> => {
    const error = await call('SetUnitProperties', 'sba(sv)', unit, 'true', ...listed(properties))
    if (error !== undefined) throw new Error(`systemd refuses to change ${unit}: ${error}`)
  }
  const settled = async (name: string, there: boolean, within: number): Promise<boolean> => {
    for (const until = clock.monotonic() + within; await isThere(name) !== there; await clock.sleep(lookEvery)) if (clock.monotonic() >= until) return false
    return true
  }
  /** Every write of version 2 may be made in use; but where version 1 refuses a limit below what is in use, version 2 would kill for it. */
  const refuseBelowUse = async (path: string, { memoryBytes }: ResourceLimits): Promise<void> => {
    const used = Number((await files.read(`/sys/fs/cgroup${path}/memory.current`)) ?? 0)
    if (memoryBytes !== undefined && used > memoryBytes) throw new Error(`attempting to set memory limit (${memoryBytes}) below current usage (${used})`)
  }

  const ensure = async (name: string, limits: ResourceLimits): Promise<void> => {
    const unit = sliceOf(name)
    const properties = [...always, ...limitsOf(limits)]
    if (!await isThere(name)) {
      const error = await call('StartTransientUnit', 'ssa(sv)a(sa(sv))', unit, 'replace', ...listed(properties), '0')
      if (error === undefined) {
        if (!await settled(name, true, patience)) throw new Error(`systemd has not made ${unit} within ${patience / 1000} s`)
        return
      }
      // Known to systemd already: it is given up there a moment after its last container, or was made by another start of ours.
      const again = await call('StartUnit', 'ss', unit, 'replace')
      if (again !== undefined || !await settled(name, true, patience)) throw new Error(`systemd cannot make ${unit}: ${error}`)
    }
    await change(unit, properties)
  }

  return {
    version: 2, ensure,
    async resize(name, limits) {
      await refuseBelowUse(cgroupPath('systemd', name), limits)
      await ensure(name, limits)
    },
    async resizeContainer(pod, containerId, limits) {
      await refuseBelowUse(`${cgroupPath('systemd', pod)}/${dockerScope(containerId)}`, limits)
      await change(dockerScope(containerId), limitsOf(limits))
    },
    async weigh(name, cpuShares) { if (await isThere(name)) await change(sliceOf(name), [weight(cpuShares)]) },
    async remove(name) {
      if (!await isThere(name)) return true
      const error = await call('StopUnit', 'ss', sliceOf(name), 'replace')
      if (error !== undefined) log.debug('systemd does not stop a slice', { slice: sliceOf(name), error })
      return settled(name, false, 1000)
    },
  }
}
