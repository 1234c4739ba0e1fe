import fc from 'fast-check'
import { expect, it } from 'vitest'
import { copyJson, equalJson, freezeJson } from './json-value.ts'

it('a copy is equal and shares nothing', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const copy = copyJson(freezeJson(value))
    expect(equalJson(copy, value)).toBe(true)
    if (typeof copy === 'object' && copy !== null) {
      expect(copy).not.toBe(value)
      expect(Object.isFrozen(copy) && Object.keys(copy).length > 0).toBe(false)
    }
  }))
})
it.each([[{ a: 1, b: undefined }, { a: 1 }, true], [{ a: 1 }, { b: 1 }, false], [[1, 2], [2, 1], false], [{}, [], false], [null, {}, false], [{ toString: 1 }, {}, false], [{ a: undefined }, { b: 1 }, false]])('%j equals %j: %s', (a, b, expected) => {
  expect([equalJson(a, b), equalJson(b, a)]).toEqual([expected, expected])
})
