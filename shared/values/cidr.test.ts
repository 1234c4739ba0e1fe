import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contains, formatCidr, formatIPv4, isIPv6, overlaps, parseCidr, parseIPv4, sizeOf } from './cidr.ts'

const cidr = (text: string) => {
  const parsed = parseCidr(text)
  if (!parsed) throw new Error(`bad test data: ${text}`)
  return parsed
}

describe('cidr', () => {
  it('reads back what it writes', () => {
    fc.assert(fc.property(fc.nat(0xffffffff), (n) => parseIPv4(formatIPv4(n)) === n))
    fc.assert(fc.property(fc.nat(0xffffffff), fc.nat(32), (n, prefix) => {
      const parsed = cidr(`${formatIPv4(n)}/${prefix}`)
      return contains(parsed, n) && formatCidr(parsed) === formatCidr(cidr(formatCidr(parsed)))
    }))
  })
  it.each(['', '1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '1.2.3.4 ', 'a.b.c.d', '1.2.3.-4'])('refuses the address %j', (text) => {
    expect(parseIPv4(text)).toBeUndefined()
  })
  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', 'fd00::/64', '10.0.0/24'])('refuses the network %j', (text) => {
    expect(parseCidr(text)).toBeUndefined()
  })
  it('drops host bits and knows its bounds', () => {
    const c = cidr('10.1.2.200/25')
    expect(formatCidr(c)).toBe('10.1.2.128/25')
    expect(sizeOf(c)).toBe(128)
    const at = (text: string): boolean => contains(c, parseIPv4(text) ?? -1)
    expect([at('10.1.2.127'), at('10.1.2.128'), at('10.1.2.255'), at('10.1.3.0')]).toEqual([false, true, true, false])
    expect(formatCidr(cidr('200.1.2.3/0'))).toBe('0.0.0.0/0')
  })
  it('finds overlaps whichever is larger', () => {
    expect(overlaps(cidr('10.0.0.0/16'), cidr('10.0.3.0/24'))).toBe(true)
    expect(overlaps(cidr('10.0.3.0/24'), cidr('10.0.0.0/16'))).toBe(true)
    expect(overlaps(cidr('10.0.3.0/24'), cidr('10.0.4.0/24'))).toBe(false)
    expect(isIPv6('fd00::1')).toBe(true)
  })
})
