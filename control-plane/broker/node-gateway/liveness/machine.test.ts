import { expect, test } from 'vitest'
import { grace, step, type Input, type State } from './machine.ts'

const a = { on: 'hello', session: 'a' } as const
const b = { on: 'hello', session: 'b' } as const

/** Runs inputs from nothing; the effects of the last and the state. */
function after(...inputs: Input[]): { state: State | undefined; last: readonly string[] } {
  let state: State | undefined
  let last: readonly string[] = []
  for (const input of inputs) {
    const r = step(state, input)
    last = r === 'ignored' ? ['ignored'] : r.effects.map((e) => (e.do === 'wake' ? `wake ${e.after}` : e.do))
    if (r !== 'ignored') state = r.next
  }
  return { state, last }
}

test.each<[string, Input[], State['at'], string[]]>([
  ['a Node object alone is waited for', [{ on: 'seen' }], 'unseen', [`wake ${grace.unseen}`]],
  ['and then unknown', [{ on: 'seen' }, { on: 'elapsed' }], 'unknown', ['mark-unknown']],
  ['it may come late', [{ on: 'seen' }, { on: 'elapsed' }, a], 'online', ['cancel-wake', 'mark-online']],
  ['a greeting is enough', [a], 'online', ['cancel-wake', 'mark-online']],
  ['a second greeting of one session says nothing new', [a, a], 'online', ['ignored']],
  ['its Node object appears', [a, { on: 'seen' }], 'online', ['ignored']],
  ['a lost connection has its grace', [a, { on: 'offline', session: 'a' }], 'lost', [`wake ${grace.lost}`]],
  ['and then unknown', [a, { on: 'offline', session: 'a' }, { on: 'elapsed' }], 'unknown', ['mark-unknown']],
  ['a reconnection within it is no news', [a, { on: 'offline', session: 'a' }, b], 'online', ['cancel-wake', 'mark-online']],
  ['the will of a replaced connection is ignored', [a, b, { on: 'offline', session: 'a' }], 'online', ['ignored']],
  ['but not that of the newest', [a, b, { on: 'offline', session: 'b' }], 'lost', [`wake ${grace.lost}`]],
  ['a timer that fires late is ignored', [a, { on: 'elapsed' }], 'online', ['ignored']],
  ['an offline message of an unknown node', [{ on: 'seen' }, { on: 'offline', session: 'z' }], 'unseen', ['ignored']],
  ['unknown stays unknown', [{ on: 'seen' }, { on: 'elapsed' }, { on: 'elapsed' }], 'unknown', ['ignored']],
])('%s', (_name, inputs, at, effects) => {
  const { state, last } = after(...inputs)
  expect(state?.at).toBe(at)
  expect(last).toEqual(effects)
})
