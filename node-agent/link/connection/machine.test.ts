import { describe, expect, test } from 'vitest'
import { backoff, step, type Input, type State } from './machine.ts'

const states: State[] = [{ at: 'idle' }, { at: 'waiting', attempt: 3 }, { at: 'dialling', attempt: 3 }, { at: 'greeting', attempt: 3 }, { at: 'live' }, { at: 'stopped' }]
const inputs: Input['on'][] = ['start', 'connected', 'lost', 'elapsed', 'answered', 'resync', 'renewed', 'stop']
const short = (s: State, on: Input['on']): string => {
  const r = step(s, { on })
  return r === 'ignored' ? '-' : `${r.next.at}${'attempt' in r.next ? r.next.attempt : ''}: ${r.effects.map((e) => (e.do === 'wake' ? `wake ${e.after}` : e.do)).join(', ')}`
}

test('every state and input', () => {
  expect(Object.fromEntries(states.map((s) => [s.at, Object.fromEntries(inputs.map((on) => [on, short(s, on)]).filter(([, v]) => v !== '-'))]))).toEqual({
    idle: { start: 'dialling0: dial', stop: 'stopped: cancel-wake, hang-up' },
    waiting: { elapsed: 'dialling3: dial', renewed: 'dialling0: cancel-wake, dial', stop: 'stopped: cancel-wake, hang-up' },
    dialling: { connected: 'greeting3: greet, wake 5000', lost: 'waiting4: wake 8000', stop: 'stopped: cancel-wake, hang-up' },
    greeting: {
      lost: 'waiting4: cancel-wake, wake 8000', elapsed: 'greeting3: greet, wake 5000', answered: 'live: cancel-wake', renewed: 'dialling0: cancel-wake, hang-up, dial',
      stop: 'stopped: cancel-wake, hang-up',
    },
    live: { lost: 'waiting1: wake 1000', resync: 'greeting0: greet, wake 5000', renewed: 'dialling0: hang-up, dial', stop: 'stopped: cancel-wake, hang-up' },
    stopped: {},
  })
})

describe('back-off', () => {
  test('grows to its limit and never ends', () => {
    let state: State = { at: 'dialling', attempt: 0 }
    const delays: number[] = []
    for (let i = 0; i < 40; i++) {
      const lost = step(state, { on: 'lost' })
      if (lost === 'ignored') throw new Error('gave up')
      delays.push(...lost.effects.flatMap((e) => (e.do === 'wake' ? [e.after] : [])))
      const again = step(lost.next, { on: 'elapsed' })
      if (again === 'ignored') throw new Error('gave up')
      state = again.next
    }
    expect(delays.slice(0, 7)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000])
    expect(delays.at(-1)).toBe(backoff.max)
    expect(delays).toHaveLength(40)
  })

  test('a broker without a gateway behind it is not a success', () => {
    const connected = step({ at: 'dialling', attempt: 5 }, { on: 'connected' })
    expect(connected).toMatchObject({ next: { at: 'greeting', attempt: 5 } })
  })
})
