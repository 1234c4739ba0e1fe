/** IPv4 ranges. Pure. */
import { invariant } from '../../../shared/base/assert.ts'

export interface AddressRange { readonly base: number; /** Usable addresses: without the network's own and the broadcast address. */ readonly size: number }

function toNumber(ip: string): number | undefined {
  const parts = ip.split('.')
  if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) < 256)) return undefined
  return parts.reduce((sum, p) => sum * 256 + Number(p), 0)
}

/** Throws for what is no IPv4 CIDR of 2 to 30 bits: it comes from the configuration. */
export function parseCidr(cidr: string): AddressRange {
  const [ip = '', bits = ''] = cidr.split('/')
  const base = toNumber(ip)
  const length = Number(bits)
  invariant(base !== undefined && /^\d+$/.test(bits) && length >= 2 && length <= 30, `${JSON.stringify(cidr)} is no IPv4 range`)
  const total = 2 ** (32 - length)
  return { base: Math.floor(base / total) * total, size: total - 2 }
}

/** The address with this index, 0 being the first usable. */
export function addressAt(range: AddressRange, index: number): string {
  const n = range.base + 1 + index
  return [n / 2 ** 24, n / 2 ** 16, n / 2 ** 8, n].map((part) => Math.floor(part) % 256).join('.')
}

/** Undefined for an address that is not a usable one of the range. */
export function indexOfAddress(range: AddressRange, ip: string): number | undefined {
  const n = toNumber(ip)
  const index = n === undefined ? -1 : n - range.base - 1
  return index >= 0 && index < range.size ? index : undefined
}
