/** Looks every ten seconds, as upstream does, at what the node has left: three small files of /proc and a statfs, no process, nothing written. Asks one pod at a time to leave. */
import { statfs } from 'node:fs/promises'
import type { Millis } from '../../../shared/base/brands.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { evictionMessage, look, noPressure, resourceOf, victim, type EvictionState, type PodUsage } from './plan.ts'
import type { Pressure, Readings, Signal, Threshold } from './signals.ts'

export interface EvictionDeps {
  readonly clock: Clock
  readonly log: Log
  readonly thresholds: readonly Threshold[]
  /** What a pod has at most to end by a soft threshold; undefined for its own. */
  readonly softGrace?: Millis | undefined
  /** How long a pressure is told of after it has gone. */
  readonly transition: Millis
  readings(): Promise<Readings>
  /** What the pods of this node use of what `signal` is about. Asked only when one must go. */
  usage(signal: Signal): Promise<readonly PodUsage[]>
  /** Makes room without ending anybody; more than nothing where some came free. Asked for a disk that is short. */
  reclaim(): Promise<number>
  /** Ends a pod for good; `grace` undefined leaves it its own. */
  evict(uid: string, message: string, grace: Millis | undefined, signal: Signal): void
  /** Whether containers of it still run. */
  runs(uid: string): boolean
  /** About the node. */
  event(type: 'Warning', reason: string, message: string): void
  /** Pressures came or went. */
  changed(): void
}

export interface EvictionManager {
  readonly pressures: readonly Pressure[]
  /** Until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
}

export const lookEvery: Millis = 10_000
/** A pod that is ended for the node's sake in a hurry has this long, upstream's `immediateEvictionGracePeriodSeconds`. */
export const hurriedGrace: Millis = 1000
/** A pod that does not end keeps the next from being asked for this long. */
const patience: Millis = 30_000

export function createEvictionManager(deps: EvictionDeps): EvictionManager {
  const { clock } = deps
  let state: EvictionState = noPressure
  let pressures: readonly Pressure[] = []
  let leaving: { readonly uid: string; readonly since: Millis } | undefined

  const act = async (threshold: Threshold, readings: Readings): Promise<void> => {
    if (leaving && deps.runs(leaving.uid) && clock.monotonic() - leaving.since < patience) return
    deps.event('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resourceOf(threshold.signal)}`)
    const isDisk = threshold.signal === 'nodefs.available' || threshold.signal === 'nodefs.inodesFree'
    // What came free shows at the next look; a pod goes only where nothing did.
    if (isDisk && await deps.reclaim() > 0) return
    const chosen = victim(threshold.signal, await deps.usage(threshold.signal))
    if (!chosen) {
      deps.log.error('the node runs short and no pod may be evicted', { signal: threshold.signal, threshold: threshold.text })
      return
    }
    const uid = chosen.pod.metadata?.uid ?? ''
    leaving = { uid, since: clock.monotonic() }
    deps.log.warn('a pod is evicted', { pod: `${chosen.pod.metadata?.namespace}/${chosen.pod.metadata?.name}`, signal: threshold.signal, threshold: threshold.text })
    const own = 1000 * (chosen.pod.spec?.terminationGracePeriodSeconds ?? 30)
    deps.evict(uid, evictionMessage(threshold, readings, chosen), threshold.grace === 0 ? hurriedGrace : deps.softGrace === undefined ? undefined : Math.min(own, deps.softGrace), threshold.signal)
  }

  const once = async (): Promise<void> => {
    const readings = await deps.readings()
    const seen = look(state, { thresholds: deps.thresholds, readings, now: clock.monotonic(), transition: deps.transition })
    state = seen.state
    const moved = seen.pressures.join() !== pressures.join()
    pressures = seen.pressures
    if (moved) deps.changed()
    if (seen.due) await act(seen.due, readings)
  }

  return {
    get pressures() { return pressures },
    async run(signal) {
      while (!signal.aborted) {
        await once()
        await clock.sleep(lookEvery, signal)
      }
    },
  }
}

const kb = (meminfo: string, name: string): number | undefined => {
  const match = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)
  return match ? Number(match[1]) * 1024 : undefined
}

/**
 * Reads what {@link EvictionDeps.readings} wants. `memory.available` is upstream's: capacity less the working set, which is what is used less file pages that
 * nobody touched lately; file pages in use count as used.
 */
export async function readSignals(files: FileTree, dataDir: string, podsCgroup?: string): Promise<Readings> {
  const [meminfo = '', loadavg = '', pidMax = '', disk] = await Promise.all([files.read('/proc/meminfo'), files.read('/proc/loadavg'), files.read('/proc/sys/kernel/pid_max'), statfs(dataDir)])
  const [total, free, inactive] = [kb(meminfo, 'MemTotal'), kb(meminfo, 'MemFree'), kb(meminfo, 'Inactive\\(file\\)')]
  const [pids, used] = [Number(pidMax), Number(loadavg.split(' ')[3]?.split('/')[1])]
  const pods = podsCgroup === undefined ? undefined : await readPodsMemory(files, podsCgroup)
  return {
    ...(pods ? { 'allocatableMemory.available': pods } : {}),
    ...(total !== undefined && free !== undefined && inactive !== undefined ? { 'memory.available': { available: free + inactive, capacity: total } } : {}),
    'nodefs.available': { available: disk.bavail * disk.bsize, capacity: disk.blocks * disk.bsize },
    // File systems without a fixed number of inodes (btrfs) say 0.
    ...(disk.files > 0 ? { 'nodefs.inodesFree': { available: disk.ffree, capacity: disk.files } } : {}),
    ...(pids > 0 && used >= 0 ? { 'pid.available': { available: pids - used, capacity: pids } } : {}),
  }
}

/** What all pods may still have of the limit of their cgroup; undefined where it has none. */
async function readPodsMemory(files: FileTree, cgroup: string): Promise<Readings[Signal]> {
  const v1 = '/sys/fs/cgroup/memory'
  const isV1 = (await files.stat(`${v1}${cgroup}`)) !== undefined
  const folder = isV1 ? `${v1}${cgroup}` : `/sys/fs/cgroup${cgroup}`
  const [limit, usage, stat = ''] = await Promise.all((isV1 ? ['memory.limit_in_bytes', 'memory.usage_in_bytes', 'memory.stat'] : ['memory.max', 'memory.current', 'memory.stat']).map((name) => files.read(`${folder}/${name}`)))
  const capacity = Number(limit)
  // No limit is `max`, or a number that no machine has.
  if (limit === undefined || !(capacity < 2 ** 60)) return undefined
  const inactive = Number(new RegExp(`^${isV1 ? 'total_' : ''}inactive_file (\\d+)$`, 'm').exec(stat)?.[1] ?? 0)
  return { available: capacity - Math.max(0, Number(usage ?? 0) - inactive), capacity }
}
