/** IPv4 and IPv6 addresses and networks as numbers, as strict as Go's `netip`. Pure. */

export interface Address { readonly family: 4 | 6; readonly bits: bigint }

const refused = (text: string, why: string): string => `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): ${why}`

function parseFour(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let bits = 0n
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    bits = bits * 256n + BigInt(part)
  }
  return bits
}

function groupsOf(text: string): number[] | undefined {
  if (text === '') return []
  const out: number[] = []
  for (const group of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
    out.push(Number.parseInt(group, 16))
  }
  return out
}

function parseSix(text: string): bigint | undefined {
  const last = text.lastIndexOf(':')
  const four = text.includes('.') ? parseFour(text.slice(last + 1)) : undefined
  if (text.includes('.') && four === undefined) return undefined
  const plain = four === undefined ? text : `${text.slice(0, last + 1)}${(four >> 16n).toString(16)}:${(four & 0xffffn).toString(16)}`
  const halves = plain.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')]
  if (!head || !tail) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  return [...head, ...Array<number>(halves.length === 2 ? missing : 0).fill(0), ...tail].reduce((bits, group) => (bits << 16n) | BigInt(group), 0n)
}

/** The message of the error for text that is no address; zones and IPv4 within IPv6 are none here, as upstream decides. */
export function parseAddress(text: string): Address | string {
  if (text.includes('%')) return `IP address ${JSON.stringify(text)} with zone value is not allowed`
  if (!text.includes(':')) {
    const bits = parseFour(text)
    return bits === undefined ? refused(text, 'unable to parse IP') : { family: 4, bits }
  }
  const bits = text.length > 45 ? undefined : parseSix(text)
  if (bits === undefined) return refused(text, 'unable to parse IP')
  if (bits >> 32n === 0xffffn) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`
  return { family: 6, bits }
}

export function maskOf(family: 4 | 6, prefix: number): bigint {
  const width = family === 4 ? 32 : 128
  return ((1n << BigInt(width)) - 1n) ^ ((1n << BigInt(width - prefix)) - 1n)
}

export function parseNetwork(text: string): { readonly address: Address; readonly prefix: number } | string {
  const slash = text.lastIndexOf('/')
  const bad = `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): no '/'`
  if (slash < 0) return bad
  const address = parseAddress(text.slice(0, slash))
  if (typeof address === 'string') return address
  const length = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length) || Number(length) > (address.family === 4 ? 32 : 128)) {
    return `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): prefix length out of range`
  }
  return { address, prefix: Number(length) }
}

/** RFC 5952: the longest run of zeros, of two groups at least, becomes `::`. */
export function formatAddress({ family, bits }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt((7 - i) * 16)) & 0xffffn))
  let best = { start: -1, length: 1 }
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && groups[i + length] === 0) length++
    if (length > best.length) best = { start: i, length }
    i += length
  }
  const text = (part: readonly number[]): string => part.map((g) => g.toString(16)).join(':')
  return best.start < 0 ? text(groups) : `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`
}
