import { describe, expect, it } from 'vitest'
import { FakeClock } from '../host/fake-clock.ts'
import { silentLog } from '../host/log.ts'
import { systemRandom } from '../host/random.ts'
import { createSupervisor } from './supervisor.ts'

const untilAborted = (signal: AbortSignal): Promise<void> => new Promise((resolve) => { signal.addEventListener('abort', () => { resolve() }, { once: true }) })

describe('supervisor', () => {
  it('restarts a loop that fails or ends by itself, with back-off, and shows it', async () => {
    const clock = new FakeClock()
    const supervisor = createSupervisor({ clock, random: systemRandom, log: silentLog })
    const starts: number[] = []
    supervisor.run('loop', async (signal) => {
      starts.push(clock.monotonic())
      if (starts.length === 1) throw new Error('broken')
      if (starts.length === 2) return
      await untilAborted(signal)
    })
    await clock.advance(0)
    expect(supervisor.health()).toEqual([{ name: 'loop', state: 'waiting', restarts: 0, lastError: 'broken' }])
    await clock.advance(1000)
    expect(supervisor.health()[0]?.lastError).toBe('ended by itself')
    await clock.advance(2000)
    expect(starts).toEqual([0, 1000, 3000])
    expect(supervisor.health()[0]).toMatchObject({ state: 'running', restarts: 2 })
    await supervisor.close()
    expect(supervisor.health()[0]?.state).toBe('stopped')
    expect(clock.pending).toBe(0)
    expect(() => supervisor.run('late', untilAborted)).toThrow('closed')
  })

  it('stops one loop and refuses a second of its name', async () => {
    const clock = new FakeClock()
    const supervisor = createSupervisor({ clock, random: systemRandom, log: silentLog })
    const loop = supervisor.run('loop', untilAborted)
    expect(() => supervisor.run('loop', untilAborted)).toThrow('already running')
    await loop[Symbol.asyncDispose]()
    expect(supervisor.health()).toEqual([])
    await supervisor.close()
  })
})
