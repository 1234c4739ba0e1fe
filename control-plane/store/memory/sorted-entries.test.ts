import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { revision } from '../../../shared/base/brands.ts'
import type { Entry } from '../store.ts'
import { prefixEnd, SortedEntries } from './sorted-entries.ts'

const entryOf = (key: string): Entry => ({ key, value: Buffer.alloc(0), createRevision: revision(1), modRevision: revision(1) })
const keysOf = (entries: Iterable<Entry>): string[] => [...entries].map((entry) => entry.key)
const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

describe('sorted entries', () => {
  it('agree with a sorted array, over the splitting and emptying of chunks', () => {
    // Few enough digits that keys meet again, enough keys that chunks of 512 split.
    const step = fc.record({ key: fc.integer({ min: 0, max: 3_000 }).map(String), remove: fc.boolean() })
    fc.assert(fc.property(fc.array(step, { minLength: 1_500, maxLength: 4_000 }), fc.array(fc.tuple(fc.integer({ min: 0, max: 3_100 }).map(String), fc.integer({ min: 0, max: 3_100 }).map(String)), { minLength: 10, maxLength: 10 }),
      (steps, ranges) => {
        const entries = new SortedEntries()
        const model = new Set<string>()
        for (const { key, remove } of steps) {
          if (remove && model.size > 600) {
            entries.delete(key)
            model.delete(key)
          } else {
            entries.set(entryOf(key))
            model.add(key)
          }
        }
        const sorted = [...model].sort(byCodeUnit)
        expect(keysOf(entries.range('', undefined))).toEqual(sorted)
        expect(entries.size).toBe(sorted.length)
        for (const [from, to] of ranges) {
          const within = sorted.filter((key) => key >= from && key < to)
          expect(keysOf(entries.range(from, to))).toEqual(within)
          expect(entries.countRange(from, to)).toBe(within.length)
          expect(entries.get(from)?.key).toBe(model.has(from) ? from : undefined)
        }
      }), { numRuns: 15 })
  })

  it('can be emptied and filled again, and built from what is sorted', () => {
    const keys = Array.from({ length: 2_000 }, (_, i) => `k${i}`).sort(byCodeUnit)
    const entries = SortedEntries.from(keys.map(entryOf))
    expect(keysOf(entries.range('', undefined))).toEqual(keys)
    for (const key of keys) entries.delete(key)
    expect([entries.size, keysOf(entries.range('', undefined)), entries.get('k1')]).toEqual([0, [], undefined])
    entries.set(entryOf('again'))
    expect(keysOf(entries.range('', undefined))).toEqual(['again'])
  })
})

describe('prefix end', () => {
  it('is the least string above all with the prefix', () => {
    expect(prefixEnd('/a/')).toBe('/a0')
    expect(prefixEnd('a\uffff')).toBe('b')
    expect(prefixEnd('')).toBeUndefined()
    expect(prefixEnd('\uffff\uffff')).toBeUndefined()
  })
})
