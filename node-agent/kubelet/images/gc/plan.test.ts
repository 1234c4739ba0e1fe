import { describe, expect, it } from 'vitest'
import { defaultWatermarks, planCollection, type KnownImage } from './plan.ts'

const now = 1_000_000
const image = (id: string, sizeBytes: number, more: Partial<KnownImage> = {}): KnownImage => ({ id, sizeBytes, firstSeen: 0, lastUsed: 0, isNeeded: false, ...more })
const disk = (used: number) => ({ availableBytes: 100 - used, capacityBytes: 100 })
const removed = (images: KnownImage[], used: number, force = false): string[] => planCollection(images, disk(used), { watermarks: defaultWatermarks, now, force }).remove.map((i) => i.id)

describe('images on a disk that fills up', () => {
  const images = [image('new', 5, { lastUsed: 500 }), image('old', 5, { lastUsed: 100 }), image('needed', 50, { lastUsed: 1, isNeeded: true }), image('young', 5, { firstSeen: now - 60_000 })]
  it('stay while there is room', () => { expect(removed(images, 84)).toEqual([]) })
  it('go the longest unused first, until the low mark is reached', () => {
    expect(removed(images, 85)).toEqual(['old'])
    expect(removed(images, 90)).toEqual(['old', 'new'])
  })
  it('are never those that a pod of this node needs, nor one that has just come', () => { expect(removed(images, 100)).toEqual(['old', 'new']) })
  it('go all that nobody needs where the disk is short already', () => { expect(removed(images, 10, true)).toEqual(['old', 'new']) })
  it('says how much was wanted', () => { expect(planCollection([], disk(95), { watermarks: defaultWatermarks, now, force: false }).bytes).toBe(15) })
})
