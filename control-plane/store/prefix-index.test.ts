import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PrefixIndex } from './prefix-index.ts'

const keys = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\uffff'), maxLength: 6 })

it('finds exactly the prefixes of a key, longest first, whatever came and went before', () => {
  fc.assert(fc.property(fc.array(fc.record({ prefix: keys, drop: fc.boolean() }), { maxLength: 40 }), fc.array(keys, { minLength: 5, maxLength: 20 }), (steps, lookups) => {
    const index = new PrefixIndex<string>()
    const open = new Set<string>()
    for (const { prefix, drop } of steps) {
      if (drop) index.drop(prefix)
      else index.open(prefix).add(prefix)
      if (drop) open.delete(prefix)
      else open.add(prefix)
    }
    expect(index.size).toBe(open.size)
    for (const key of lookups) {
      const found: string[] = []
      index.visit(key, (items) => found.push(...items))
      expect(found).toEqual([...open].filter((prefix) => key.startsWith(prefix)).sort((a, b) => b.length - a.length))
    }
  }), { numRuns: 300 })
})

it('looks at few of many thousand prefixes', () => {
  const index = new PrefixIndex<number>()
  for (let i = 0; i < 20_000; i++) index.open(`/registry/pods/ns-${i % 100}/pod-${i}`).add(i)
  index.open('/registry/pods/').add(-1)
  let visited = 0
  for (let i = 0; i < 1_000; i++) index.visit(`/registry/pods/ns-${i % 100}/pod-${i}`, () => { visited++ })
  // Each key: itself, the shorter names it begins with (pod-123: pod-1 only if in the same namespace), and the broad one.
  expect(visited).toBeLessThan(4_000)
  expect(visited).toBeGreaterThanOrEqual(2_000)
})
