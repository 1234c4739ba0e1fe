import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { QuantityError, addQuantity, canonicalQuantity, compareQuantity, formatQuantity, parseQuantity, quantityMilli, quantityValue, roundUpToMilli, subtractQuantity } from './quantity.ts'

describe('canonical form', () => {
  it.each([
    ['0', '0'], ['0Mi', '0'], ['0n', '0'], ['1', '1'], ['100m', '100m'], ['1000m', '1'], ['0.5', '500m'], ['.5', '500m'], ['5.', '5.'], ['1.500', '1.500'], ['1.5000', '1500m'], ['0.500', '500m'], ['100E', '100E'], ['8Ki', '8Ki'], ['1000e3', '1e6'], ['1.5', '1500m'], ['1Ki', '1Ki'], ['1024Mi', '1Gi'], ['1536Mi', '1536Mi'],
    ['1.5Gi', '1536Mi'], ['0.5Ki', '512'], ['1000Ki', '1000Ki'], ['1000k', '1M'], ['12e6', '12e6'], ['12E6', '12E6'], ['120E6', '120E6'], ['12000E6', '12e9'], ['1.2e3', '1200'], ['1e3', '1e3'], ['1E', '1E'], ['-1Ki', '-1Ki'], ['-500m', '-500m'],
    ['+5', '+5'], ['+1000', '1k'], ['1n', '1n'], ['0.1n', '1n'], ['0.0001m', '100n'], ['123456789', '123456789'], ['1000000', '1M'], ['1048576', '1048576'], ['1.1Mi', '1153433600m'], ['007', '007'],
  ])('%s is printed as %s', (input, canonical) => { expect(canonicalQuantity(input)).toBe(canonical) })

  it('takes JSON numbers', () => { expect([canonicalQuantity(2), canonicalQuantity(0.25)]).toEqual(['2', '250m']) })
  it('caps what does not fit 63 bits in the binary family', () => { expect(quantityValue(parseQuantity('100000Ei'))).toBe(Number(9223372036854775807n)) })
})

it.each([['', /regular expression/], ['abc', /regular expression|suffix/], ['1.2.3', /regular expression/], ['1Mx', /regular expression|suffix/], ['1Kii', /suffix/], ['1 Gi', /regular expression/], ['--1', /regular expression/], ['.', /regular expression/]])(
  'refuses %j', (text, message) => { expect(() => parseQuantity(text)).toThrow(QuantityError); expect(() => parseQuantity(text)).toThrow(message) })

it('rounds up', () => {
  expect([quantityValue(parseQuantity('1500m')), quantityMilli(parseQuantity('1u')), quantityMilli(parseQuantity('250m')), quantityValue(parseQuantity('-1500m'))]).toEqual([2, 1, 250, -1])
  expect(formatQuantity(roundUpToMilli(parseQuantity('1u')))).toBe('1m')
})

const quantities = fc.tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'u')).map(([n, s]) => `${n}${s}`)

describe('properties', () => {
  it('printing keeps the value and is stable', () => {
    fc.assert(fc.property(quantities, (text) => {
      const q = parseQuantity(text)
      const printed = formatQuantity(q)
      expect(compareQuantity(parseQuantity(printed), q)).toBe(0)
      expect(formatQuantity(parseQuantity(printed))).toBe(printed)
    }))
  })
  it('order agrees with subtraction; sums commute and undo', () => {
    fc.assert(fc.property(quantities, quantities, (a, b) => {
      const [x, y] = [parseQuantity(a), parseQuantity(b)]
      const difference = subtractQuantity(x, y).nano
      expect(compareQuantity(x, y)).toBe(difference < 0n ? -1 : difference > 0n ? 1 : 0)
      expect(addQuantity(x, y).nano).toBe(addQuantity(y, x).nano)
      expect(subtractQuantity(addQuantity(x, y), y).nano).toBe(x.nano)
    }))
  })
})
