import { describe, expect, it } from 'vitest'
import { silentLog } from '../../../shared/host/log.ts'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import type { ExecResult } from '../../../shared/host/exec.ts'
import { systemdCgroups } from './systemd-cgroups.ts'

const pod = '/bramble/burstable/pod1-2'
const slice = 'bramble-burstable-pod1_2.slice'
const folder = `/sys/fs/cgroup/bramble.slice/bramble-burstable.slice/${slice}`

/** What systemd does at these calls (recorded from systemd 257): it makes and removes the folders of the units. */
class FakeSystemd {
  readonly folders = new Set<string>()
  readonly files = new Map<string, string>()
  readonly calls: { method: string; unit: string; properties: Record<string, string> }[] = []
  refuses: string | undefined
  exec = async (argv: readonly string[]): Promise<ExecResult> => {
    expect(argv.slice(0, 6)).toEqual(['busctl', '--quiet', 'call', 'org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager'])
    const [method = '', signature = '', unit = '', , count = '0', ...rest] = argv.slice(6)
    const properties: Record<string, string> = {}
    if (signature.includes('(sv)')) for (let i = 0; i < Number(count); i++) properties[rest[i * 3] ?? ''] = rest[i * 3 + 2] ?? ''
    this.calls.push({ method, unit, properties })
    const refused = this.refuses === method
    if (!refused && method === 'StartTransientUnit') this.folders.add(folder)
    if (!refused && method === 'StopUnit') this.folders.delete(folder)
    return { exitCode: refused ? 1 : 0, stdout: Buffer.from(''), stderr: Buffer.from(refused ? 'Call failed: no' : ''), timedOut: false, truncated: false }
  }
  readonly clock = new FakeClock()
  readonly cgroups = systemdCgroups({
    exec: this.exec, clock: this.clock, log: silentLog,
    files: { read: async (path) => this.files.get(path), stat: async (path) => (this.folders.has(path) ? { kind: 'directory', size: 0, mode: 0o755, uid: 0, gid: 0 } : undefined) },
  })
}

describe('pod cgroups under systemd', () => {
  it('are transient slices with every limit in systemd\'s terms; one that is there is changed', async () => {
    const systemd = new FakeSystemd()
    await systemd.cgroups.ensure(pod, { cpuShares: 1024, cpuQuota: 12_345, cpuPeriod: 100_000, memoryBytes: 64 << 20, pids: 100 })
    await systemd.cgroups.ensure(pod, {})
    expect(systemd.calls.map((c) => [c.method, c.unit])).toEqual([['StartTransientUnit', slice], ['SetUnitProperties', slice]])
    expect(systemd.calls[0]?.properties).toMatchObject({ CPUWeight: '39', CPUQuotaPerSecUSec: '130000', MemoryMax: '67108864', MemorySwapMax: '0', TasksMax: '100', MemoryAccounting: 'true' })
    const none = '18446744073709551615'
    expect(systemd.calls[1]?.properties).toMatchObject({ CPUQuotaPerSecUSec: none, MemoryMax: none, MemorySwapMax: '0' })
    expect(systemd.calls[1]?.properties).not.toHaveProperty('CPUWeight')
  })

  it('change their weight alone, and a container\'s limits in the scope Docker made for it', async () => {
    const systemd = new FakeSystemd()
    await systemd.cgroups.weigh(pod, 2)
    expect(systemd.calls).toEqual([])
    systemd.folders.add(folder)
    await systemd.cgroups.weigh(pod, 2)
    await systemd.cgroups.resizeContainer(pod, 'c0', { memoryBytes: 1 << 20 })
    expect(systemd.calls).toMatchObject([{ unit: slice, properties: { CPUWeight: '1' } }, { unit: 'docker-c0.scope', properties: { MemoryMax: '1048576' } }])
    expect(Object.keys(systemd.calls[0]?.properties ?? {})).toEqual(['CPUWeight'])
  })

  it('refuse a limit that the kernel would kill for, and say what systemd refuses', async () => {
    const systemd = new FakeSystemd()
    systemd.folders.add(folder)
    systemd.files.set(`${folder}/memory.current`, '50000000\n')
    await expect(systemd.cgroups.resize(pod, { memoryBytes: 16 << 20 })).rejects.toThrow('attempting to set memory limit (16777216) below current usage (50000000)')
    systemd.files.set(`${folder}/docker-c0.scope/memory.current`, '50000000\n')
    await expect(systemd.cgroups.resizeContainer(pod, 'c0', { memoryBytes: 16 << 20 })).rejects.toThrow('below current usage')
    expect(systemd.calls).toEqual([])
    systemd.refuses = 'SetUnitProperties'
    await expect(systemd.cgroups.resize(pod, {})).rejects.toThrow(`systemd refuses to change ${slice}: Call failed: no`)
  })

  it('go with their unit, and are gone already where there is none', async () => {
    const systemd = new FakeSystemd()
    expect(await systemd.cgroups.remove(pod)).toBe(true)
    expect(systemd.calls).toEqual([])
    systemd.folders.add(folder)
    expect(await systemd.cgroups.remove(pod)).toBe(true)
    expect(systemd.calls).toMatchObject([{ method: 'StopUnit', unit: slice }])
    systemd.folders.add(folder)
    systemd.refuses = 'StopUnit'
    const left = systemd.cgroups.remove(pod)
    for (let i = 0; i < 300; i++) await systemd.clock.advance(5)
    expect(await left).toBe(false)
  })
})
