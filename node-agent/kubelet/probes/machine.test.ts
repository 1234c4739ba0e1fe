import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { initialState, nextDue, step } from './machine.ts'

test('a result changes at its threshold of equal outcomes, and at no other', () => {
  const at = (outcomes: string): string => [...outcomes].reduce((s, o) => step(s, o === '+' ? 'success' : 'failure', { success: 2, failure: 3 }), initialState('unknown')).result
  expect(['+', '++', '++--', '++---', '++--+--', '++---+', '++---++'].map(at)).toEqual(['unknown', 'success', 'success', 'failure', 'success', 'failure', 'success'])
})

describe('when a probe is due again', () => {
  test('on the beat: the first a little early, then exactly a period apart', () => {
    expect(nextDue(12_345.6, 12_350, 10_000)).toBe(22_000)
    expect(nextDue(22_000, 22_003, 10_000)).toBe(32_000)
    expect([nextDue(5_050, 5_060, 1000), nextDue(6_000, 6_001, 1000), nextDue(700_700, 700_701, 3_600_000)]).toEqual([6_000, 7_000, 4_300_000])
  })
  test('probes of one period meet, however they began', () => {
    const dues = [10_001, 10_400, 10_999].map((due) => nextDue(due, due, 10_000))
    expect(new Set(dues).size).toBe(1)
  })
  test('never in the past, never later than a period, never more than a tenth of it early', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1e10, noNaN: true }), fc.double({ min: 0, max: 1e8, noNaN: true }), fc.integer({ min: 1, max: 86_400 }), (due, late, seconds) => {
      const period = seconds * 1000
      const now = due + late
      const next = nextDue(due, now, period)
      expect(next).toBeGreaterThan(now)
      expect(next).toBeLessThanOrEqual(now + period)
      if (late < period * 0.9) expect(next).toBeGreaterThan(due + period * 0.9 - 1e-3)
      expect(nextDue(next, next, period)).toBe(next + period)
    }))
  })
})
