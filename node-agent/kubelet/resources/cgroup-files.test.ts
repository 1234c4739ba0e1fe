/** cgroup v2 as files: a tree that answers as the kernel's does (recorded from Linux 6.1), since the machine of a test may have version 1. */
import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../shared/host/log.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { openCgroups } from './cgroup-files.ts'
import { lowerOwnOomScore } from './own-oom-score.ts'

const root = '/sys/fs/cgroup'
const all = 'cpuset cpu io memory hugetlb pids rdma misc'
/** Files that appear in a cgroup by the controllers its parent hands down. */
const filesOf: Readonly<Record<string, readonly [string, string][]>> = { cpu: [['cpu.weight', '100'], ['cpu.max', 'max 100000']], memory: [['memory.max', 'max'], ['memory.current', '0'], ['memory.swap.max', 'max'], ['memory.oom.group', '0']], pids: [['pids.max', 'max']] }

class FakeKernel {
  readonly files = new Map<string, string>([[`${root}/cgroup.controllers`, all], [`${root}/cgroup.subtree_control`, '']])
  readonly #folders = new Set([root])
  #fill(folder: string): void {
    const parent = folder.slice(0, folder.lastIndexOf('/'))
    const handed = (this.files.get(`${parent}/cgroup.subtree_control`) ?? '').split(' ').filter(Boolean)
    this.files.set(`${folder}/cgroup.controllers`, handed.join(' '))
    if (!this.files.has(`${folder}/cgroup.subtree_control`)) this.files.set(`${folder}/cgroup.subtree_control`, '')
    for (const c of handed) for (const [name, value] of filesOf[c] ?? []) if (!this.files.has(`${folder}/${name}`)) this.files.set(`${folder}/${name}`, value)
  }

  readonly tree: Pick<FileTree, 'read' | 'write' | 'stat' | 'makeDir' | 'list' | 'removeDir'> = {
    read: async (path) => this.files.get(path),
    stat: async (path) => (this.files.has(path) || this.#folders.has(path) ? { kind: this.#folders.has(path) ? 'directory' : 'file', size: 0, mode: 0o644, uid: 0, gid: 0 } : undefined),
    makeDir: async (path) => { for (const at of [...path.matchAll(/\//g)].map((m) => path.slice(0, m.index)).concat(path)) if (at.startsWith(`${root}/`) && !this.#folders.has(at)) { this.#folders.add(at); this.#fill(at) } },
    write: async (path, data) => {
      if (!this.files.has(path)) throw new Error(`EACCES ${path}`)
      if (!path.endsWith('/cgroup.subtree_control')) { this.files.set(path, String(data)); return }
      const folder = path.slice(0, path.lastIndexOf('/'))
      const there = (this.files.get(`${folder}/cgroup.controllers`) ?? '').split(' ')
      const added = String(data).split(' ').map((c) => c.slice(1))
      if (!added.every((c) => there.includes(c))) throw new Error(`ENOENT ${String(data)}`)
      this.files.set(path, [...new Set([...(this.files.get(path) ?? '').split(' ').filter(Boolean), ...added])].join(' '))
      for (const f of this.#folders) if (f.slice(0, f.lastIndexOf('/')) === folder) this.#fill(f)
    },
    list: async (path) => [...this.#folders].filter((f) => f.startsWith(`${path}/`) && !f.slice(path.length + 1).includes('/')).map((f) => f.slice(path.length + 1)),
    removeDir: async (path) => { this.#folders.delete(path); for (const f of this.files.keys()) if (f.startsWith(`${path}/`)) this.files.delete(f) },
  }
}

describe('pod cgroups on version 2', () => {
  const set = async () => { const kernel = new FakeKernel(); return { kernel, cgroups: await openCgroups(kernel.tree as FileTree, silentLog), of: (path: string, name: string) => kernel.files.get(`${root}${path}/${name}`) } }

  it('hand the controllers down and set every limit', async () => {
    const { cgroups, of } = await set()
    expect(cgroups.version).toBe(2)
    await cgroups.ensure('/bramble/burstable/podu', { cpuShares: 1024, cpuQuota: 50_000, cpuPeriod: 100_000, memoryBytes: 64 << 20, pids: 100 })
    expect(['cpu.weight', 'cpu.max', 'memory.max', 'memory.swap.max', 'pids.max'].map((f) => of('/bramble/burstable/podu', f))).toEqual(['39', '50000 100000', '67108864', '0', '100'])
    expect(of('/bramble/burstable/podu', 'cgroup.subtree_control')).toBe('cpuset cpu io memory pids')
    await cgroups.ensure('/bramble/podv', {})
    expect(['cpu.max', 'memory.max', 'pids.max'].map((f) => of('/bramble/podv', f))).toEqual(['max 100000', 'max', 'max'])
  })

  it('change their weight alone, and refuse a limit that the kernel would kill for', async () => {
    const { kernel, cgroups, of } = await set()
    await cgroups.ensure('/bramble/podu', { memoryBytes: 64 << 20 })
    await cgroups.weigh('/bramble/podu', 2)
    expect([of('/bramble/podu', 'cpu.weight'), of('/bramble/podu', 'memory.max')]).toEqual(['1', '67108864'])
    kernel.files.set(`${root}/bramble/podu/memory.current`, '50000000\n')
    await expect(cgroups.resize('/bramble/podu', { memoryBytes: 16 << 20 })).rejects.toThrow('attempting to set memory limit (16777216) below current usage (50000000)')
    expect(of('/bramble/podu', 'memory.max')).toBe('67108864')
    await cgroups.resize('/bramble/podu', { memoryBytes: 60_000_000 })
    expect(of('/bramble/podu', 'memory.max')).toBe('60000000')
    expect(await cgroups.remove('/bramble/podu')).toBe(true)
    expect(of('/bramble/podu', 'memory.max')).toBeUndefined()
  })
})

it('an agent that may not lower its OOM score says so once and goes on', async () => {
  const said: string[] = []
  const log = { ...silentLog, warn: (message: string) => { said.push(message) } }
  await lowerOwnOomScore({ read: async () => '300\n', write: async () => { throw new Error('EACCES') } }, log)
  expect(said).toEqual(['OOM scores cannot be lowered here: the agent keeps its own, and no container gets a lower one'])
  const written: string[] = []
  await lowerOwnOomScore({ read: async () => undefined, write: async (path, data) => { written.push(`${path} ${String(data)}`) } }, log)
  expect([written, said.length]).toEqual([['/proc/self/oom_score_adj -999'], 1])
})
