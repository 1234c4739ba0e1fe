/** A container's cgroup as files: version 1 (a tree for each controller) and version 2 (one tree). */
import { ignore } from '../../../shared/base/ignore.ts'
import { readText, writeText } from '../../../shared/host/tree.ts'
import type { ContainerStats } from '../runtime.ts'

const root = '/sys/fs/cgroup'
const field = (text: string | undefined, name: string): number | undefined => {
  const match = new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')
  return match ? Number(match[1]) : undefined
}

/** Whether the kernel has killed a process in it for memory. The cgroup is still there when the task has just ended. */
export async function oomKills(path: string): Promise<number> {
  const text = await readText(`${root}/memory${path}/memory.oom_control`) ?? await readText(`${root}${path}/memory.events`)
  return field(text, 'oom_kill') ?? 0
}

/** Lets the kernel end all of a container where it ends one process for memory: upstream's default, which only version 2 can keep. */
export async function killAsGroup(path: string): Promise<void> {
  const file = `${root}${path}/memory.oom.group`
  // One that has ended at once is gone.
  if (await readText(file) !== undefined) await ignore(writeText(file, '1'), 'the container may have ended meanwhile')
}

/** Every process in it. */
export async function processesIn(path: string): Promise<number[]> {
  const text = await readText(`${root}/pids${path}/cgroup.procs`) ?? await readText(`${root}${path}/cgroup.procs`) ?? ''
  return text.split('\n').filter(Boolean).map(Number)
}

/** Undefined once the cgroup is gone. */
export async function cgroupStats(path: string): Promise<Pick<ContainerStats, 'cpuNanos' | 'memoryBytes' | 'workingSetBytes'> | undefined> {
  const v1 = await readText(`${root}/cpuacct${path}/cpuacct.usage`)
  if (v1 !== undefined) {
    const [usage, stat] = await Promise.all([readText(`${root}/memory${path}/memory.usage_in_bytes`), readText(`${root}/memory${path}/memory.stat`)])
    return facts(BigInt(v1.trim()), Number(usage ?? 0), field(stat, 'total_inactive_file') ?? 0)
  }
  const [cpu, current, stat] = await Promise.all(['cpu.stat', 'memory.current', 'memory.stat'].map((f) => readText(`${root}${path}/${f}`)))
  if (cpu === undefined) return undefined
  return facts(BigInt(field(cpu, 'usage_usec') ?? 0) * 1000n, Number(current ?? 0), field(stat, 'inactive_file') ?? 0)
}

/** The kubelet's working set: memory that is not file cache the kernel would drop first. */
const facts = (cpuNanos: bigint, memoryBytes: number, inactive: number): { cpuNanos: bigint; memoryBytes: number; workingSetBytes: number } =>
  ({ cpuNanos, memoryBytes, workingSetBytes: Math.max(0, memoryBytes - inactive) })
