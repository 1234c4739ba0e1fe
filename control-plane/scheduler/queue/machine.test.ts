import { describe, expect, it } from 'vitest'
import { createSchedulingQueue } from './machine.ts'

const filled = (...keys: [string, number][]) => {
  const q = createSchedulingQueue()
  for (const [k, p] of keys) q.add(k, p, 0)
  return q
}

describe('scheduling queue', () => {
  it('gives the highest priority first, then the oldest, each once', () => {
    const q = filled(['a', 0], ['b', 10], ['c', 0], ['a', 0])
    expect([q.pop(0), q.pop(0), q.pop(0), q.pop(0)]).toEqual(['b', 'c', 'a', undefined])
  })
  it('unschedulable: waits for the world, then for its back-off (1 s, doubling to 10 s)', () => {
    const q = filled(['a', 0])
    let now = 0
    for (const wait of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      expect(q.pop(now)).toBe('a')
      q.failed('a', 0, q.cycle, now)
      expect(q.pop(now + 60_000)).toBeUndefined()
      q.wake(now + 1)
      expect(q.size).toEqual({ active: 0, backoff: 1, unschedulable: 0 })
      expect(q.nextWake()).toBe(now + wait)
      expect(q.pop(now + wait - 1)).toBeUndefined()
      now += wait
    }
  })
  it('a change of the world during the decision is not missed', () => {
    const q = filled(['a', 0])
    q.pop(0)
    const cycle = q.cycle
    q.wake(0)
    q.failed('a', 0, cycle, 0)
    expect(q.pop(1000)).toBe('a')
  })
  it('after five minutes it is tried again all the same', () => {
    const q = filled(['a', 0])
    q.pop(0)
    q.failed('a', 0, q.cycle, 0)
    expect(q.nextWake()).toBe(300_000)
    expect(q.pop(299_999)).toBeUndefined()
    expect(q.pop(300_000)).toBe('a')
  })
  it('a placed pod is forgotten, a removed one too; one that changed keeps its back-off', () => {
    const q = filled(['a', 0], ['b', 0])
    expect(q.pop(0)).toBe('a')
    q.retry('a', 0, 0)
    q.add('a', 5, 500)
    q.remove('b')
    expect(q.pop(999)).toBeUndefined()
    expect(q.pop(1000)).toBe('a')
    q.done('a')
    q.add('a', 0, 1000)
    q.pop(1000)
    q.retry('a', 0, 1000)
    expect(q.nextWake()).toBe(2000)
  })
})
