import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../../shared/host/fake-clock.ts'
import { silentLog } from '../../../../shared/host/log.ts'
import type { Image } from '../../../runtime/runtime.ts'
import { createImageCollector } from './collector.ts'

const image = (id: string, sizeBytes: number): Image => ({ id, tags: [`${id}:1`], digests: [], sizeBytes, user: '' })

function setUp(name: 'containerd' | 'docker') {
  const clock = new FakeClock()
  let images = [image('a', 10), image('b', 20), image('c', 30)]
  const world = { used: 50, references: ['c:1'], inUse: ['a'], events: [] as string[], left: () => images.map((i) => i.id) }
  const collector = createImageCollector({
    clock, log: silentLog, imagesInUse: () => world.inUse, references: () => world.references, removed: () => undefined, event: (_, reason, message) => { world.events.push(`${reason}: ${message}`) },
    disk: async () => ({ availableBytes: 100 - world.used, capacityBytes: 100 }),
    runtime: { name, images: async () => images, image: async (reference) => images.find((i) => i.tags.includes(reference)), removeImage: async (id) => { images = images.filter((i) => i.id !== id); world.used -= 20 } },
  })
  return { clock, collector, world }
}

describe('the collector of images', () => {
  it('keeps what containers have and what pods of this node name, which an offline node could not pull again', async () => {
    const { clock, collector, world } = setUp('containerd')
    const stop = new AbortController()
    const running = collector.run(stop.signal).catch((e: unknown) => { if (!stop.signal.aborted) throw e })
    await clock.advance(300_000)
    expect(world.left()).toEqual(['a', 'b', 'c'])
    expect(collector.largest().map((i) => i.id)).toEqual(['c', 'b', 'a'])
    world.used = 95
    await clock.advance(300_000)
    expect(world.left()).toEqual(['a', 'c'])
    world.used = 95
    await clock.advance(300_000)
    expect(world.left()).toEqual(['a', 'c'])
    expect(world.events).toEqual(['FreeDiskSpaceFailed: Failed to garbage collect required amount of images. Attempted to free 15 bytes, but only found 0 bytes eligible to free.'])
    world.references = []
    expect(await collector.reclaim()).toBe(30)
    expect(world.left()).toEqual(['a'])
    stop.abort()
    await running
  })

  it('leaves a docker user\'s own images alone', async () => {
    const { clock, collector, world } = setUp('docker')
    await clock.advance(1000)
    await collector.reclaim()
    await clock.advance(300_000)
    world.references = []
    expect(await collector.reclaim()).toBe(30)
    expect(world.left()).toEqual(['a', 'b'])
  })
})
