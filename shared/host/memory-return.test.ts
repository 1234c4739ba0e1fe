import { describe, expect, it } from 'vitest'
import { FakeClock } from './fake-clock.ts'
import { silentLog } from './log.ts'
import { createMemoryReturn } from './memory-return.ts'

describe('what a burst leaves', () => {
  const setUp = () => {
    const clock = new FakeClock()
    const world = { resident: 50e6, given: [] as number[] }
    const burst = createMemoryReturn({ clock, log: silentLog, resident: () => world.resident, give: async () => { world.given.push(clock.monotonic()); world.resident = 55e6 } })
    return { clock, world, many: (n: number) => Array.from({ length: n }, () => burst.begin()) }
  }
  const end = (work: readonly Disposable[]): void => { for (const w of work) w[Symbol.dispose]() }

  it('is given back once, two seconds after the last of it', async () => {
    const { clock, world, many } = setUp()
    const work = many(8)
    world.resident = 150e6
    end(work.slice(1))
    await clock.advance(10_000)
    expect(world.given).toEqual([])
    end(work)
    await clock.advance(1999)
    expect(world.given).toEqual([])
    await clock.advance(10_000)
    expect(world.given).toEqual([12_000])
  })

  it('waits for one that goes on', async () => {
    const { clock, world, many } = setUp()
    end(many(9))
    world.resident = 150e6
    await clock.advance(1000)
    const [late] = many(1)
    await clock.advance(5000)
    expect(world.given).toEqual([])
    end([late!])
    await clock.advance(2000)
    expect(world.given).toEqual([8000])
  })

  it('is left where it is little, or was there before', async () => {
    const { clock, world, many } = setUp()
    world.resident = 60e6
    const first = many(1)
    world.resident = 70e6
    end(first)
    await clock.advance(5000)
    expect(world.given).toEqual([])
    const second = many(1)
    world.resident = 80e6
    end(second)
    await clock.advance(5000)
    expect(world.given).toEqual([7000])
  })
})
