import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { systemFileTree } from '../../../shared/host/file-tree.ts'
import type { ContainerStats } from '../../runtime/runtime.ts'
import { createUsageMeter } from './usage.ts'

describe('the rate of a container', () => {
  it('is over the time since the last reading, and since its start where it is newer', async () => {
    const clock = new FakeClock()
    const began = clock.now()
    const containers = new Map<string, { readonly startedAt: number; cpuMs: number }>([['old', { startedAt: began - 60_000, cpuMs: 100 }]])
    const meter = createUsageMeter({
      host: { clock }, files: { ...systemFileTree, read: async () => undefined }, nodeName: 'pi-1',
      stats: async () => [...containers].map(([containerId, c]): ContainerStats => ({ containerId, podUid: 'u', cpuNanos: BigInt(c.cpuMs) * 1_000_000n, memoryBytes: 1, workingSetBytes: 1, cgroupPath: '/x' })),
      nameOf: (id) => { const c = containers.get(id); return c && { namespace: 'd', pod: 'p', uid: 'u', container: id, startedAt: c.startedAt } },
    })
    const rates = async (): Promise<Record<string, number>> => Object.fromEntries((await meter()).containers.map((c) => [c.container, c.usageNanoCores / 1e6]))
    let first: Record<string, number> | undefined
    void rates().then((found) => { first = found })
    while (!first) await clock.advance(100)
    expect(first).toEqual({ old: 0 })
    const at = clock.monotonic()
    await clock.advance(9000)
    Object.assign(containers.get('old') ?? {}, { cpuMs: 5100 })
    containers.set('new', { startedAt: clock.now() - 4000, cpuMs: 1000 })
    // The clock was set back since it started: no age can be told.
    containers.set('odd', { startedAt: clock.now() + 4000, cpuMs: 1000 })
    const found = await rates()
    expect(found.old).toBeGreaterThanOrEqual(Math.floor(5_000_000 / (clock.monotonic() - at + 100)))
    expect(found.old).toBeLessThanOrEqual(5_000_000 / 9000 + 1)
    expect([found.new, found.odd]).toEqual([250, 0])
  })
})
