import { describe, expect, it } from 'vitest'
import { close, forget, list, need, open, parse, set, suspects, type Ledger } from './rules.ts'

const fresh = list(open(undefined, 'a'), [])
const used = set(fresh, ['x'], 'whole')

describe('what has to be done before an image is used', () => {
  const table: [string, Ledger, { x: string; y: string }][] = [
    ['a store that was empty: what comes only has to reach the disk', fresh, { x: 'sync', y: 'sync' }],
    ['used in this boot', used, { x: 'nothing', y: 'sync' }],
    ['the agent was killed, the kernel went on', open(used, 'a'), { x: 'nothing', y: 'sync' }],
    ['the agent ended in order, the same kernel', open(close(used), 'a'), { x: 'nothing', y: 'sync' }],
    ['the agent ended in order, then another boot', open(close(used), 'b'), { x: 'nothing', y: 'sync' }],
    ['the power was cut', open(used, 'b'), { x: 'verify', y: 'verify' }],
    ['the power was cut, and everything was listed since', list(open(used, 'b'), ['x']), { x: 'verify', y: 'verify' }],
    ['verified after it: a pull may still take over a layer that was left behind', set(list(open(used, 'b'), ['x']), ['x'], 'whole'), { x: 'nothing', y: 'verify' }],
    ['and so after another orderly boot', open(close(set(list(open(used, 'b'), ['x']), ['x'], 'whole')), 'c'), { x: 'nothing', y: 'verify' }],
    ['a store older than the agent', list(open(undefined, 'a'), ['x']), { x: 'verify', y: 'verify' }],
    ['nothing is known of the store yet', open(undefined, 'a'), { x: 'verify', y: 'verify' }],
    ['removed and pulled again', forget(used, 'x'), { x: 'sync', y: 'sync' }],
    ['the agent was killed after an orderly start', open(open(close(used), 'b'), 'c'), { x: 'verify', y: 'verify' }],
  ]
  it.each(table)('%s', (_, ledger, wanted) => { expect({ x: need(ledger, 'x'), y: need(ledger, 'y') }).toEqual(wanted) })
})

it('lists what is there, and forgets what is gone', () => {
  const cut = open(set(used, ['gone'], 'whole'), 'b')
  const listed = list(cut, ['x', 'new'])
  expect(suspects(listed)).toEqual(['new', 'x'])
  // A second look adds nothing: what is not known then came since.
  expect(suspects(list(listed, ['x', 'new', 'later']))).toEqual(['new', 'x'])
})

describe('what was kept', () => {
  it('comes back as it was', () => { expect(parse(JSON.stringify(used))).toEqual(used) })
  it.each([undefined, '', '\0\0\0\0', '{"boot":1}', '{"boot":"a"}', 'null-ish'])('of rubbish nothing is believed: %j', (text) => { expect(parse(text)).toBeUndefined() })
  it('is not believed in parts', () => { expect(parse('{"boot":"a","images":{"x":"fine"}}')).toEqual({ boot: 'a', closed: false, listed: false, cut: true, images: { x: 'unverified' } }) })
})
