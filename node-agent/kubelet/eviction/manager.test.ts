import { afterEach, describe, expect, it } from 'vitest'
import { makePod, makeWorld, type World } from '../harness.ts'
import type { Readings } from './signals.ts'

let world: World
afterEach(() => world.close())
const Mi = 2 ** 20
const memory = (available: number): Readings => ({ 'memory.available': { available: available * Mi, capacity: 1000 * Mi } })
const condition = (type: string): string | undefined => world.sink.node?.conditions?.find((c) => c.type === type)?.status

describe('a node that runs out of memory', () => {
  it('ends one pod after the other, those above what they asked for first, and takes no new one that asked for nothing', async () => {
    let readings = memory(500)
    world = await makeWorld({ readings: () => readings })
    const modest = makePod('modest', { containers: [{ name: 'main', image: 'busybox:1', resources: { requests: { memory: '2Gi' } } }] })
    for (const pod of [modest, makePod('greedy'), makePod('greedier', { priority: 5 })]) world.desired.put('Pod', pod)
    await world.until('all ready', () => ['modest', 'greedy', 'greedier'].every((n) => world.sink.isReady(n)))
    expect(condition('MemoryPressure')).toBe('False')

    readings = memory(50)
    await world.clock.advance(10_000)
    await world.until('one is evicted', () => world.sink.status('greedy')?.phase === 'Failed')
    expect(world.sink.status('greedy')).toMatchObject({ reason: 'Evicted', message: expect.stringMatching(/^The node was low on resource: memory\. Threshold quantity: 100Mi, available: 50Mi\. /), conditions: expect.arrayContaining([expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' })]) })
    expect(world.sink.reasons('greedy')).toContain('Evicted')
    await world.until('told', () => condition('MemoryPressure') === 'True')
    expect(world.sink.isReady('greedier')).toBe(true)
    await world.clock.advance(10_000)
    await world.until('the next', () => world.sink.status('greedier')?.phase === 'Failed')

    readings = memory(500)
    world.desired.put('Pod', makePod('late'))
    await world.until('refused', () => world.sink.status('late')?.phase === 'Failed')
    expect(world.sink.status('late')).toMatchObject({ reason: 'Evicted', message: 'Pod was rejected: The node had condition: [MemoryPressure]. ' })
    expect(world.sink.isReady('modest')).toBe(true)
    await world.clock.advance(330_000)
    await world.until('over', () => condition('MemoryPressure') === 'False')
    expect(world.sink.isReady('modest')).toBe(true)
  })
})
