/** IPv4 addresses and prefixes as numbers. IPv6 is recognised ({@link isIPv6}) so that it can be refused by name. */

/** An IPv4 network; `network` is its lowest address as an unsigned 32-bit number, host bits zero. */
export interface Cidr { readonly network: number; readonly prefix: number }

/** Strict dotted quad (no leading zeros, as Go's netip reads it); undefined for anything else. */
export function parseIPv4(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return undefined
    const octet = Number(part)
    if (octet > 255) return undefined
    value = value * 256 + octet
  }
  return value
}

export const formatIPv4 = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')

/** Whether it has the look of an IPv6 address or prefix; it is not checked further. */
export const isIPv6 = (text: string): boolean => text.includes(':')

const mask = (prefix: number): number => (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0)

/** `10.0.0.0/24`; host bits are dropped. Undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const address = parseIPv4(text.slice(0, slash))
  const length = text.slice(slash + 1)
  if (address === undefined || !/^(0|[1-9][0-9]?)$/.test(length) || Number(length) > 32) return undefined
  return { network: (address & mask(Number(length))) >>> 0, prefix: Number(length) }
}

export const formatCidr = (cidr: Cidr): string => `${formatIPv4(cidr.network)}/${cidr.prefix}`

/** How many addresses it holds, network and broadcast included. */
export const sizeOf = (cidr: Cidr): number => 2 ** (32 - cidr.prefix)

export const contains = (cidr: Cidr, address: number): boolean => (address & mask(cidr.prefix)) >>> 0 === cidr.network

/** Whether they have an address in common: one then lies within the other. */
export const overlaps = (a: Cidr, b: Cidr): boolean => contains(a, b.network) || contains(b, a.network)
