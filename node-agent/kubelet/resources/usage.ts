/** What node and containers use, measured when somebody asks: a rate needs two readings, the earlier of which is kept from the last question. */
import { availableParallelism } from 'node:os'
import type { Host } from '../../../shared/base/host.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { NodeUsage, Usage } from '../../../shared/streams/usage.ts'
import type { ContainerStats } from '../../runtime/runtime.ts'
import { busyNanos, meminfo } from '../metrics/proc-files.ts'

export interface ContainerName { readonly namespace: string; readonly pod: string; readonly uid: string; readonly container: string; readonly startedAt: number }

interface Reading { readonly at: number; readonly node: Omit<Usage, 'usageNanoCores'>; readonly containers: ReadonlyMap<string, ContainerStats> }

/** An earlier reading counts while it is between these old, milliseconds; otherwise another is taken now. */
const youngest = 2000
const oldest = 120_000
const pause = 1000
export function createUsageMeter(deps: { host: Pick<Host, 'clock'>; files: FileTree; nodeName: string; stats(): Promise<readonly ContainerStats[]>; nameOf(containerId: string): ContainerName | undefined }): () => Promise<NodeUsage> {
  const { clock } = deps.host
  let before: Reading | undefined
  let asked: Promise<NodeUsage> | undefined

  const read = async (): Promise<Reading> => {
    const [stat, mem, stats] = await Promise.all([deps.files.read('/proc/stat'), deps.files.read('/proc/meminfo'), deps.stats()])
    const used = meminfo(mem ?? '', 'MemTotal') - meminfo(mem ?? '', 'MemAvailable')
    return { at: clock.monotonic(), node: { cpuNanos: busyNanos(stat ?? ''), memoryBytes: used, workingSetBytes: used }, containers: new Map(stats.map((s) => [s.containerId, s])) }
  }
  const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`
  const measure = async (): Promise<NodeUsage> => {
    const age = before && clock.monotonic() - before.at
    if (!before || age === undefined || age < youngest || age > oldest) {
      before = await read()
      await clock.sleep(pause)
    }
    const [first, last] = [before, await read()]
    before = last
    const nanos = (last.at - first.at) * 1e6
    const rate = (now: number, then: number | undefined): number => (then === undefined || nanos <= 0 ? 0 : Math.max(0, Math.round(((now - then) / nanos) * 1e9)))
    // A wall clock that was set meanwhile makes an age of anything: nobody uses more than the machine has.
    const limit = availableParallelism() * 1e9
    const uptime = Number((await deps.files.read('/proc/uptime') ?? '0').split(' ')[0]) * 1000
    return {
      node: deps.nodeName, time: time(clock.now()), windowSeconds: (last.at - first.at) / 1000, startTime: time(clock.now() - uptime), ...last.node, usageNanoCores: rate(last.node.cpuNanos, first.node.cpuNanos),
      containers: [...last.containers.values()].flatMap((s) => {
        const name = deps.nameOf(s.containerId)
        if (!name) return []
        const { startedAt, ...rest } = name
        const then = first.containers.get(s.containerId)
        // One that is new since the reading before has used all it used since it started.
        const age = (clock.now() - startedAt) * 1e6
        const fresh = age > 0 ? Math.min(Math.round((Number(s.cpuNanos) / age) * 1e9), limit) : 0
        return [{ ...rest, startTime: time(startedAt), cpuNanos: Number(s.cpuNanos), usageNanoCores: then ? rate(Number(s.cpuNanos), Number(then.cpuNanos)) : fresh, workingSetBytes: s.workingSetBytes, memoryBytes: s.memoryBytes }]
      }),
    }
  }
  return () => (asked ??= measure().finally(() => { asked = undefined }))
}
