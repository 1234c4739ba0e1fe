import { describe, expect, it } from 'vitest'
import { FakeClock } from './fake-clock.ts'
import { silentLog } from './log.ts'
import { createMemoryReturn } from './memory-return.ts'

describe('what a burst leaves', () => {
  const setUp = () => {
    const clock = new FakeClock()
    const given: number[] = []
    const burst = createMemoryReturn({ clock, log: silentLog, give: async () => { given.push(clock.monotonic()) } })
    return { clock, given, many: (n: number) => Array.from({ length: n }, () => burst.begin()) }
  }
  const end = (work: readonly Disposable[]): void => { for (const w of work) w[Symbol.dispose]() }

  it('is given back once, two seconds after the last of it', async () => {
    const { clock, given, many } = setUp()
    const work = many(8)
    end(work.slice(1))
    await clock.advance(10_000)
    expect(given).toEqual([])
    end(work)
    await clock.advance(1999)
    expect(given).toEqual([])
    await clock.advance(10_000)
    expect(given).toEqual([12_000])
  })

  it('waits for one that goes on', async () => {
    const { clock, given, many } = setUp()
    end(many(9))
    await clock.advance(1000)
    const [late] = many(1)
    await clock.advance(5000)
    expect(given).toEqual([])
    end([late!])
    await clock.advance(2000)
    expect(given).toEqual([8000])
  })

  it('is not worth it after a few', async () => {
    const { clock, given, many } = setUp()
    for (let i = 0; i < 100; i++) end(many(7))
    await clock.advance(60_000)
    expect(given).toEqual([])
  })
})
