import { describe, expect, it } from 'vitest'
import { StoreJudge, Violation } from './store-model.ts'
import type { HistoryEvent, SeenChange } from './store-model.ts'

type Call = Extract<HistoryEvent, { at: 'call' }>
type Answer = Extract<HistoryEvent, { at: 'ok' | 'conflict' }>

const call = (id: number, key: string, more: Partial<Call> = {}): Call => ({ at: 'call', id, type: 'put', key, expect: 0, durability: 'durable', value: `v${id}`, ...more })
const ok = (id: number, revision: number, seen = revision): Answer => ({ at: 'ok', id, revision, seen })
const change = (modified: number, key: string, value: string, more: Partial<SeenChange> = {}): SeenChange => ({ type: 'put', key, value, created: modified, modified, previous: 0, ...more })
const entry = (modified: number, key: string, value: string, created = modified) => ({ key, value, created, modified })
const open = (revision: number, ...entries: ReturnType<typeof entry>[]): HistoryEvent => ({ at: 'open', incarnation: 'one', revision, compacted: revision, entries })

/** One durable, one lazy, one durable, one lazy, one volatile write; a deletion; a conflict; a watch of all; then the kill. */
const before = (): HistoryEvent[] => [
  open(1),
  { at: 'watch', watcher: 1, prefix: '/a', from: 1 },
  call(1, '/a1'), ok(1, 2),
  { at: 'changes', watcher: 1, progress: 2, changes: [change(2, '/a1', 'v1')] },
  call(2, '/b1', { durability: 'lazy' }), ok(2, 3),
  call(3, '/a2'), ok(3, 4),
  { at: 'changes', watcher: 1, progress: 4, changes: [change(4, '/a2', 'v3')] },
  call(4, '/a1', { expect: 9 }), { at: 'conflict', id: 4, current: 2 },
  call(5, '/a1', { type: 'delete', expect: 2, durability: 'lazy' }), ok(5, 5, 0),
  { at: 'changes', watcher: 1, progress: 5, changes: [change(5, '/a1', 'v1', { type: 'delete', created: 2, previous: 2 })] },
  call(6, '/v1', { durability: 'volatile' }), ok(6, 6),
  call(7, '/a3'),
]
const judge = (...runs: HistoryEvent[][]): StoreJudge => {
  const judged = new StoreJudge()
  for (const run of runs) judged.judge(run)
  return judged
}
const changed = (history: HistoryEvent[], index: number, more: object): HistoryEvent[] => history.map((event, i) => (i === index ? { ...event, ...more } as HistoryEvent : event))
const without = (history: HistoryEvent[], index: number): HistoryEvent[] => history.filter((_, i) => i !== index)
const indexOf = (history: HistoryEvent[], match: (event: HistoryEvent) => boolean): number => history.findIndex(match)

describe('accepts what the contract allows', () => {
  it.each([
    ['all lazy writes kept', [open(1001, entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2'))]],
    ['the lazy deletion lost', [open(1001, entry(2, '/a1', 'v1'), entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2'))]],
    ['the write under way kept', [open(1001, entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2'), entry(7, '/a3', 'v7'))]],
  ])('%s', (_, after) => {
    expect(judge(before(), after).tally.acknowledged).toEqual({ durable: 2, lazy: 2, volatile: 1 })
  })

  it('counts the lazy changes a crash took', () => {
    expect(judge(before(), [open(1001, entry(2, '/a1', 'v1'), entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2'))]).tally.lostLazy).toBe(1)
  })

  it('lets a revision that nobody was shown be given again', () => {
    judge([open(1), call(1, '/a')], [open(1), call(1, '/b'), ok(1, 2)], [open(1001, entry(2, '/b', 'v1'))])
  })
})

describe('rejects what it forbids: after a crash', () => {
  it.each([
    ['an acknowledged durable write lost', [open(1001, entry(2, '/a1', 'v1'), entry(3, '/b1', 'v2'))]],
    ['a lazy write lost that a durable one followed', [open(1001, entry(2, '/a1', 'v1'), entry(4, '/a2', 'v3'))]],
    ['another value', [open(1001, entry(4, '/a2', 'v1'), entry(3, '/b1', 'v2'))]],
    ['another create revision', [open(1001, entry(4, '/a2', 'v3', 3), entry(3, '/b1', 'v2'))]],
    ['a later write without an earlier one', [open(1001, entry(2, '/a1', 'v1'), entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2'), entry(7, '/a3', 'v7'))]],
    ['a volatile write on disk', [open(1001, entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2'), entry(6, '/v1', 'v6'))]],
    ['a key out of nowhere', [open(1001, entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2'), entry(5, '/x', 'v9'))]],
    ['an empty store', [open(1001)]],
    ['a revision shown before', [open(6, entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2'))]],
    ['another incarnation', [{ ...open(1001, entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2')), incarnation: 'two' } as HistoryEvent]],
    ['history that should be gone', [{ ...open(1001, entry(4, '/a2', 'v3'), entry(3, '/b1', 'v2')), compacted: 5 } as HistoryEvent]],
  ])('%s', (_, after) => {
    expect(() => judge(before(), after)).toThrow(Violation)
  })

  it('a durable write that only a watch showed', () => {
    const run = [open(1), { at: 'watch', watcher: 1, prefix: '', from: 1 }, call(1, '/a'), { at: 'changes', watcher: 1, progress: 2, changes: [change(2, '/a', 'v1')] }] as HistoryEvent[]
    expect(() => judge(run, [open(1001)])).toThrow(Violation)
  })

  it('anything lost after a flush or an orderly close', () => {
    const lazy = [open(1), call(1, '/a', { durability: 'lazy' }), ok(1, 2)]
    judge(lazy, [open(1001)])
    expect(() => judge([...lazy, { at: 'flushing' }, { at: 'flushed' }], [open(1001)])).toThrow(Violation)
    expect(() => judge([...lazy, { at: 'closed' }], [open(1001)])).toThrow(Violation)
  })

  it('a deleted key that returns', () => {
    const run = [open(1), call(1, '/a'), ok(1, 2), call(2, '/a', { type: 'delete', expect: 2 }), ok(2, 3, 0)]
    judge(run, [open(1001)])
    expect(() => judge(run, [open(1001, entry(2, '/a', 'v1'))])).toThrow(Violation)
  })

  it('a state from before a volatile write that replaced a durable one, once a durable write followed', () => {
    const run = [open(1), call(1, '/a'), ok(1, 2), call(2, '/a', { expect: 2, durability: 'volatile' }), ok(2, 3), call(3, '/b'), ok(3, 4)]
    judge(run, [open(1001, entry(3, '/a', 'v2', 2), entry(4, '/b', 'v3'))])
    expect(() => judge(run, [open(1001, entry(2, '/a', 'v1'), entry(4, '/b', 'v3'))])).toThrow(Violation)
  })
})

describe('rejects what it forbids: in a run', () => {
  const history = before()
  const deleted = indexOf(history, (event) => event.at === 'changes' && event.progress === 5)
  const second = indexOf(history, (event) => event.at === 'changes' && event.progress === 4)
  const all = history[second]! as Extract<HistoryEvent, { at: 'changes' }>

  it.each<[string, HistoryEvent[]]>([
    ['a gap in a watch', without(history, second)],
    ['a duplicate in a watch', [...history.slice(0, second), all, ...history.slice(second)]],
    ['changes out of order', [...history.slice(0, second), history[deleted]!, all, ...history.slice(deleted + 1)]],
    ['a change that does not match', changed(history, second, { changes: [...all.changes, change(5, '/b1', 'v2')] })],
    ['a wrong value in a watch', changed(history, second, { changes: [change(4, '/a2', 'v1')] })],
    ['a wrong previous state', changed(history, deleted, { changes: [change(5, '/a1', 'v1', { type: 'delete', created: 2, previous: 0 })] })],
    ['progress past a change', changed(history, second, { changes: [], progress: 4 })],
    ['a write that succeeds against its expectation', [open(1), call(1, '/a', { expect: 5 }), ok(1, 2)]],
    ['a conflict without cause', [open(1), call(1, '/a'), { at: 'conflict', id: 1, current: 0 }]],
    ['a conflict with another state', [open(1), call(1, '/a'), ok(1, 2), call(2, '/a'), { at: 'conflict', id: 2, current: 1 }]],
    ['a revision given twice', [open(1), call(1, '/a'), ok(1, 2), call(2, '/b'), ok(2, 2)]],
    ['a revision skipped', [open(1), call(1, '/a'), ok(1, 3)]],
    ['a stale read', [open(1), call(1, '/a'), ok(1, 2), call(2, '/a', { expect: 2 }), ok(2, 3, 2)]],
    ['a read that misses the write', [open(1), call(1, '/a'), ok(1, 2, 0)]],
    ['two answers', [open(1), call(1, '/a'), ok(1, 2), ok(1, 2)]],
    ['an answer without a call', [open(1), ok(1, 2)]],
    ['a call left open at close', [open(1), call(1, '/a'), { at: 'closed' }]],
    ['a change never handed out', [open(1), { at: 'watch', watcher: 1, prefix: '', from: 1 }, call(1, '/a'), ok(1, 2), { at: 'closed' }]],
  ])('%s', (_, mutated) => {
    expect(() => judge(history)).not.toThrow()
    expect(() => judge(mutated)).toThrow(Violation)
  })
})
