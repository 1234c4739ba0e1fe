import { describe, expect, it } from 'vitest'
import { FakeClock } from '../host/fake-clock.ts'
import { silentLog } from '../host/log.ts'
import { Metrics } from '../base/metrics.ts'
import { createWorkQueue } from './work-queue.ts'

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
const start = () => {
  const clock = new FakeClock()
  const stop = new AbortController()
  return { clock, stop, queue: createWorkQueue({ name: 't', clock, log: silentLog }) }
}

describe('work queue', () => {
  it('says a waiting key once and never hands a key to two workers', async () => {
    const { queue, stop } = start()
    const seen: string[] = []
    let active = 0
    let release = Promise.withResolvers<void>()
    const run = queue.run(4, async (key) => {
      expect(++active).toBe(1)
      seen.push(key)
      await release.promise
      active--
    }, stop.signal)
    queue.add('a'); queue.add('a')
    await turn()
    queue.add('a'); queue.add('a')
    await turn()
    expect(seen).toEqual(['a'])
    const first = release
    release = Promise.withResolvers<void>()
    first.resolve()
    await turn()
    expect(seen).toEqual(['a', 'a'])
    release.resolve()
    await turn()
    expect(seen).toEqual(['a', 'a'])
    stop.abort()
    await run
  })

  it('runs up to the given number of keys at a time, and run resolves after the last handler', async () => {
    const { queue, stop } = start()
    const gate = Promise.withResolvers<void>()
    let active = 0
    let most = 0
    let ended = false
    const run = queue.run(2, async () => { most = Math.max(most, ++active); await gate.promise; active-- }, stop.signal).then(() => { ended = true })
    for (const k of ['a', 'b', 'c']) queue.add(k)
    await turn()
    expect(most).toBe(2)
    stop.abort()
    await turn()
    expect(ended).toBe(false)
    gate.resolve()
    await run
    expect(active).toBe(0)
    expect(queue.length).toBe(1)
  })

  it('backs off per key, doubling from 5 ms to 1000 s, and resets on success', async () => {
    const { queue, stop, clock } = start()
    const at: number[] = []
    let fail = true
    const run = queue.run(1, async () => { at.push(clock.monotonic()); if (fail) throw new Error('no') }, stop.signal)
    queue.add('a')
    await turn()
    await clock.advance(5); await clock.advance(10); await clock.advance(20)
    expect(at).toEqual([0, 5, 15, 35])
    for (let i = 0; i < 20; i++) await clock.advance(1_000_000)
    const last = at.slice(-2)
    expect(last[1]! - last[0]!).toBe(1_000_000)
    fail = false
    await clock.advance(1_000_000)
    expect(queue.failures('a')).toBe(0)
    expect(clock.pending).toBe(0)
    stop.abort()
    await run
  })

  it('keeps the earliest of several delays, and an add overtakes them', async () => {
    const { queue, stop, clock } = start()
    const at: number[] = []
    const run = queue.run(1, async () => { at.push(clock.monotonic()) }, stop.signal)
    queue.addAfter('a', 100); queue.addAfter('a', 50); queue.addAfter('a', 200)
    await clock.advance(300)
    expect(at).toEqual([50])
    queue.addAfter('a', 100)
    queue.add('a')
    await turn()
    await clock.advance(300)
    expect(at).toEqual([50, 300])
    stop.abort()
    await run
  })

  it('looks again after what a handler answers, and keeps keys of a stopped run for the next', async () => {
    const { queue, clock } = start()
    let calls = 0
    const one = new AbortController()
    const run = queue.run(1, async () => { calls++; return calls === 1 ? { after: 1000 } : undefined }, one.signal)
    queue.add('a')
    await turn()
    await clock.advance(1000)
    expect(calls).toBe(2)
    one.abort()
    await run
    queue.add('b')
    const two = new AbortController()
    const seen: string[] = []
    const again = queue.run(1, async (key) => { seen.push(key) }, two.signal)
    await turn()
    expect(seen).toEqual(['b'])
    two.abort()
    await again
  })
})

it('counts under upstream\'s names', async () => {
  const clock = new FakeClock()
  const stop = new AbortController()
  const metrics = new Metrics()
  const queue = createWorkQueue({ name: 'q', clock, log: silentLog, metrics })
  const release = Promise.withResolvers<void>()
  queue.add('a'); queue.add('a'); queue.add('b')
  const text = (): string[] => metrics.render().split('\n').filter((l) => !l.startsWith('#') && !l.includes('_bucket'))
  expect(text()).toEqual(expect.arrayContaining(['workqueue_depth{name="q"} 2', 'workqueue_adds_total{name="q"} 2']))
  clock.advance(2000)
  let failing = true
  const run = queue.run(1, async (key) => {
    if (key === 'a') await release.promise
    if (key === 'b' && failing) { failing = false; throw new Error('once') }
  }, stop.signal)
  await turn()
  clock.advance(3000)
  expect(text()).toEqual(expect.arrayContaining(['workqueue_depth{name="q"} 1', 'workqueue_longest_running_processor_seconds{name="q"} 3', 'workqueue_unfinished_work_seconds{name="q"} 3']))
  release.resolve()
  await turn()
  expect(text()).toEqual(expect.arrayContaining([
    'workqueue_depth{name="q"} 0', 'workqueue_retries_total{name="q"} 1', 'workqueue_queue_duration_seconds_sum{name="q"} 7', 'workqueue_queue_duration_seconds_count{name="q"} 2',
    'workqueue_work_duration_seconds_sum{name="q"} 3', 'workqueue_work_duration_seconds_count{name="q"} 2',
  ]))
  stop.abort()
  await run
})
