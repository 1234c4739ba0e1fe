/**
 * Pod cgroups by writing files (where systemd keeps the tree: `systemd-cgroups.ts`), on cgroup v1 (also beside an empty v2, "hybrid") and v2. Containers' own cgroups below them are the runtime's.
 * Every verb may be repeated.
 */
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Log } from '../../../shared/base/host.ts'
import type { ResourceLimits } from '../../runtime/runtime.ts'
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import { containerLimits, podLimits, sharesToWeight } from './cgroup-numbers.ts'

export interface Cgroups {
  readonly version: 1 | 2
  /** Makes the cgroup (`/bramble/burstable/pod1`) and its parents, and sets its limits. */
  ensure(path: string, limits: ResourceLimits): Promise<void>
  /** Changes the limits of a cgroup that is there, in use, and may have the memory limit repeated for memory and swap together. Rejects where the kernel refuses (memory in use above the limit). */
  resize(path: string, limits: ResourceLimits): Promise<void>
  /** Like `resize`, of a container in the cgroup of its pod. */
  resizeContainer(pod: string, containerId: string, limits: ResourceLimits): Promise<void>
  /** Changes the weight of a cgroup that is there, and nothing else. */
  weigh(path: string, cpuShares: number): Promise<void>
  /** Removes the cgroup and what is left below it. Resolves also where the kernel still holds it; `false` then. */
  remove(path: string): Promise<boolean>
}

const v1Controllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids', 'blkio', 'devices', 'freezer', 'net_cls', 'perf_event', 'hugetlb', 'systemd']
const v2Controllers = ['cpuset', 'cpu', 'io', 'memory', 'pids']

/** Where each v1 controller is mounted; a mount of several (`cpu,cpuacct`) is listed for each. */
function v1Mounts(mountinfo: string): ReadonlyMap<string, string> {
  const out = new Map<string, string>()
  for (const line of mountinfo.split('\n')) {
    const [left, right] = line.split(' - ')
    if (!right?.startsWith('cgroup ')) continue
    const point = left?.split(' ')[4] ?? ''
    for (const option of right.split(' ')[2]?.split(',') ?? []) {
      const name = option.replace(/^name=/, '')
      if (v1Controllers.includes(name)) out.set(name, point)
    }
  }
  return out
}

/** The empty v2 hierarchy of a hybrid machine: we need nothing of it, but runc makes its cgroups there as well. */
const unifiedMount = (mountinfo: string): string | undefined => mountinfo.split('\n').find((l) => l.split(' - ')[1]?.startsWith('cgroup2 '))?.split(' ')[4]

/** Finds out what this machine has. */
export async function openCgroups(files: FileTree, log: Log): Promise<Cgroups> {
  const unified = await files.read('/sys/fs/cgroup/cgroup.controllers')
  if (unified !== undefined) return new CgroupsV2(files, log)
  const mountinfo = (await files.read('/proc/self/mountinfo')) ?? ''
  const mounts = v1Mounts(mountinfo)
  if (!mounts.has('memory') || !mounts.has('cpu')) log.warn('cgroup controllers are missing: limits of theirs are not kept', { found: [...mounts.keys()].join(',') })
  return new CgroupsV1(files, log, mounts, unifiedMount(mountinfo))
}

const parentsOf = (path: string): string[] => path.split('/').filter(Boolean).map((_, i, parts) => `/${parts.slice(0, i + 1).join('/')}`)

/** Children first; a cgroup that still has processes stays. */
async function removeTree(files: FileTree, path: string, log: Log): Promise<boolean> {
  let gone = true
  for (const name of await files.list(path)) {
    const child = `${path}/${name}`
    if ((await files.stat(child, { noFollow: true }))?.kind === 'directory') gone = (await removeTree(files, child, log)) && gone
  }
  try { await files.removeDir(path) } catch (e) {
    log.debug('cgroup stays for now', { path, error: messageOf(e) })
    return false
  }
  return gone
}

class CgroupsV1 implements Cgroups {
  readonly version = 1
  readonly #files: FileTree
  readonly #log: Log
  readonly #mounts: ReadonlyMap<string, string>
  readonly #unified: string | undefined
  constructor(files: FileTree, log: Log, mounts: ReadonlyMap<string, string>, unified: string | undefined) { this.#files = files; this.#log = log; this.#mounts = mounts; this.#unified = unified }

  async ensure(path: string, limits: ResourceLimits): Promise<void> {
    for (const point of new Set(this.#mounts.values())) await this.#files.makeDir(`${point}${path}`)
    await this.#cpuset(path)
    const set = async (controller: string, file: string, value: number | undefined): Promise<void> => {
      const point = this.#mounts.get(controller)
      if (point !== undefined && value !== undefined) await this.#files.write(`${point}${path}/${file}`, String(value))
    }
    await set('cpu', 'cpu.shares', limits.cpuShares)
    await set('cpu', 'cpu.cfs_period_us', limits.cpuPeriod)
    await set('cpu', 'cpu.cfs_quota_us', limits.cpuQuota ?? -1)
    await set('memory', 'memory.limit_in_bytes', limits.memoryBytes)
    await set('pids', 'pids.max', limits.pids)
  }

  async resize(path: string, limits: ResourceLimits): Promise<void> {
    const [cpu, memory] = [this.#mounts.get('cpu'), this.#mounts.get('memory')]
    if (cpu !== undefined) {
      if (limits.cpuShares !== undefined) await this.#files.write(`${cpu}${path}/cpu.shares`, String(limits.cpuShares))
      if (limits.cpuPeriod !== undefined) await this.#files.write(`${cpu}${path}/cpu.cfs_period_us`, String(limits.cpuPeriod))
      await this.#files.write(`${cpu}${path}/cpu.cfs_quota_us`, String(limits.cpuQuota ?? -1))
    }
    if (memory === undefined) return
    const [limit, both] = [`${memory}${path}/memory.limit_in_bytes`, `${memory}${path}/memory.memsw.limit_in_bytes`]
    const text = String(limits.memoryBytes ?? -1)
    const before = Number((await this.#files.read(limit))?.trim() ?? 0)
    // The kernel keeps memory <= memory and swap at every moment, and a container has the same for both; the pod's cgroup has no limit of the second.
    const swap = (await this.#files.read(both))?.trim() === String(before) ? [both] : []
    for (const file of (limits.memoryBytes ?? Infinity) > before ? [...swap, limit] : [limit, ...swap]) await this.#files.write(file, text)
  }

  resizeContainer(pod: string, containerId: string, limits: ResourceLimits): Promise<void> { return this.resize(`${pod}/${containerId}`, limits) }

  async weigh(path: string, cpuShares: number): Promise<void> {
    const cpu = this.#mounts.get('cpu')
    if (cpu !== undefined) await this.#files.write(`${cpu}${path}/cpu.shares`, String(cpuShares))
  }

  /** A new v1 cpuset allows no CPU and no memory node until it is told to. */
  async #cpuset(path: string): Promise<void> {
    const point = this.#mounts.get('cpuset')
    if (point === undefined) return
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      let value = (await this.#files.read(`${point}/${file}`))?.trim() ?? ''
      for (const p of parentsOf(path)) {
        const own = (await this.#files.read(`${point}${p}/${file}`))?.trim() ?? ''
        if (own === '' && value !== '') await this.#files.write(`${point}${p}/${file}`, value)
        else value = own
      }
    }
  }

  async remove(path: string): Promise<boolean> {
    let gone = true
    for (const point of new Set([...this.#mounts.values(), ...(this.#unified === undefined ? [] : [this.#unified])])) gone = (await removeTree(this.#files, `${point}${path}`, this.#log)) && gone
    return gone
  }
}

class CgroupsV2 implements Cgroups {
  readonly version = 2
  readonly #files: FileTree
  readonly #log: Log
  constructor(files: FileTree, log: Log) { this.#files = files; this.#log = log }

  async ensure(path: string, limits: ResourceLimits): Promise<void> {
    const root = '/sys/fs/cgroup'
    await this.#files.makeDir(`${root}${path}`)
    for (const p of ['', ...parentsOf(path)]) {
      const there = ((await this.#files.read(`${root}${p}/cgroup.controllers`)) ?? '').trim().split(' ')
      const on = ((await this.#files.read(`${root}${p}/cgroup.subtree_control`)) ?? '').trim().split(' ')
      const missing = v2Controllers.filter((c) => there.includes(c) && !on.includes(c))
      if (missing.length > 0) await this.#files.write(`${root}${p}/cgroup.subtree_control`, missing.map((c) => `+${c}`).join(' '))
    }
    const has = async (file: string): Promise<boolean> => (await this.#files.stat(`${root}${path}/${file}`)) !== undefined
    const set = async (file: string, value: string): Promise<void> => { if (await has(file)) await this.#files.write(`${root}${path}/${file}`, value) }
    if (limits.cpuShares !== undefined) await set('cpu.weight', String(sharesToWeight(limits.cpuShares)))
    await set('cpu.max', `${limits.cpuQuota ?? 'max'} ${limits.cpuPeriod ?? 100_000}`)
    await set('memory.max', String(limits.memoryBytes ?? 'max'))
    // Nobody swaps, upstream's NoSwap, whether or not there is a limit of memory.
    await set('memory.swap.max', '0')
    if (limits.pids !== undefined) await set('pids.max', String(limits.pids))
  }

  /** Every write of v2 may be made in use; but where v1 refuses a limit below what is in use, v2 would kill for it. */
  async resize(path: string, limits: ResourceLimits): Promise<void> {
    const used = Number((await this.#files.read(`/sys/fs/cgroup${path}/memory.current`)) ?? 0)
    if (limits.memoryBytes !== undefined && used > limits.memoryBytes) throw new Error(`attempting to set memory limit (${limits.memoryBytes}) below current usage (${used})`)
    await this.ensure(path, limits)
  }

  resizeContainer(pod: string, containerId: string, limits: ResourceLimits): Promise<void> { return this.resize(`${pod}/${containerId}`, limits) }

  async weigh(path: string, cpuShares: number): Promise<void> {
    const file = `/sys/fs/cgroup${path}/cpu.weight`
    if ((await this.#files.stat(file)) !== undefined) await this.#files.write(file, String(sharesToWeight(cpuShares)))
  }

  remove(path: string): Promise<boolean> { return removeTree(this.#files, `/sys/fs/cgroup${path}`, this.#log) }
}

/** A running container and its pod: the pod's limit is out of the way first where the container grows, and follows where it shrinks. */
export async function resizeCgroups(cgroups: Cgroups, podPath: string, pod: Pod, hasPause: boolean, containerId: string, container: Container): Promise<void> {
  const own = podLimits(pod, hasPause)
  const { memoryBytes: _memory, cpuQuota: _quota, cpuPeriod: _period, ...open } = own
  await cgroups.resize(podPath, open)
  await cgroups.resizeContainer(podPath, containerId, containerLimits(container))
  await cgroups.resize(podPath, own)
}
