import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { createClassCgroups } from './class-cgroups.ts'
import { allPodsLimits, overReserved } from './node-allocatable.ts'

const facts = { cpus: 4, memoryBytes: 4 * 2 ** 30, diskBytes: 2 ** 35, pidsMax: 32_768 }
const reserve = { maxPods: 110, cpuMilli: 500, memoryBytes: 2 ** 28, diskBytes: 0, pids: 768, evictionMemoryBytes: 100 << 20, evictionDiskBytes: 0 }

describe('what all pods together may have', () => {
  it('is the node less what is reserved, but for what eviction keeps free', () => {
    expect(allPodsLimits(facts, reserve, 'pods')).toEqual({ cpuShares: 3584, memoryBytes: 4 * 2 ** 30 - 2 ** 28, pids: 32_000 })
    expect(allPodsLimits(facts, reserve, 'none')).toEqual({ cpuShares: 4096, memoryBytes: 4 * 2 ** 30, pids: 32_768 })
  })
  it('is refused where more is reserved than there is', () => {
    expect(overReserved(facts, reserve)).toBeUndefined()
    expect(overReserved(facts, { ...reserve, cpuMilli: 5000 })).toBe('invalid Node Allocatable configuration. Resource "cpu" has a reservation of 5000 but capacity of 4000. Reservation includes --system-reserved, --kube-reserved and --eviction-hard.')
  })
})

const pod = (requests: Record<string, string>): Pod => ({ spec: { containers: [{ name: 'c', resources: { requests } }] } })

function setUp() {
  const clock = new FakeClock()
  const world = { pods: [] as Pod[], written: [] as string[], events: [] as string[], busy: false }
  const classes = createClassCgroups({
    clock, root: 'r', pods: () => world.pods, limits: () => allPodsLimits(facts, reserve, 'pods'), event: (type, reason, message) => { world.events.push(`${type} ${reason}: ${message}`) },
    cgroups: {
      ensure: async (path, limits) => { world.written.push(`${path} ${JSON.stringify(limits)}`) },
      resize: async (path, limits) => { if (world.busy) throw new Error('EBUSY'); world.written.push(`${path} ${limits.memoryBytes}`) },
      weigh: async (path, shares) => { world.written.push(`${path} ${shares}`) },
    },
  })
  return { clock, classes, world }
}

describe('the cgroups of classes', () => {
  it('weigh what their pods ask for, and are written only when that changes', async () => {
    const { classes, world } = setUp()
    await classes.prepare()
    expect(world.written).toEqual(['/r {"cpuShares":3584}', '/r/burstable {"cpuShares":2}', '/r/besteffort {"cpuShares":2}', '/r/burstable 2'])
    world.written.length = 0
    world.pods = [pod({ cpu: '250m' }), pod({ cpu: '500m', memory: '1Mi' }), pod({}), pod({ memory: '1Mi' })]
    await classes.weigh()
    await classes.weigh()
    world.pods = []
    await classes.weigh()
    expect(world.written).toEqual(['/r/burstable 768', '/r/burstable 2'])
  })

  it('are tried again each minute while the kernel refuses their limit', async () => {
    const { clock, classes, world } = setUp()
    const stop = new AbortController()
    world.busy = true
    const running = classes.enforce(stop.signal)
    await clock.advance(0)
    world.busy = false
    await clock.advance(60_000)
    expect(world.events).toEqual(['Warning FailedNodeAllocatableEnforcement: Failed to update Node Allocatable Limits ["r"]: EBUSY', 'Normal NodeAllocatableEnforced: Updated Node Allocatable limit across pods'])
    expect(world.written).toEqual([`/r ${4 * 2 ** 30 - 2 ** 28}`])
    stop.abort()
    await running
  })
})
