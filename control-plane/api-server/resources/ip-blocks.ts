/** CIDRs of both families as numbers, for rules that compare them. Pure. */
import { isIP } from './ip-text.ts'

export interface Block { readonly family: 4 | 6; readonly network: bigint; readonly prefix: number; /** Are the bits after the prefix zero? */ readonly aligned: boolean }

function wordsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

/** An address as a number; undefined where it is none. */
export function addressOf(text: string): { family: 4 | 6; value: bigint } | undefined {
  if (!isIP(text)) return undefined
  if (!text.includes(':')) return { family: 4, value: text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n) }
  const [head = '', tail] = text.split('::')
  const [left, right] = [wordsOf(head), tail === undefined ? [] : wordsOf(tail)]
  const words = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
  return { family: 6, value: words.reduce((sum, word) => sum * 65536n + BigInt(word), 0n) }
}

/** `10.0.0.0/8`, `fd00::/8`; undefined where it is no CIDR. Bits after the prefix are dropped. */
export function blockOf(text: string): Block | undefined {
  const slash = text.lastIndexOf('/')
  const address = slash < 0 ? undefined : addressOf(text.slice(0, slash))
  const bits = address?.family === 4 ? 32 : 128
  const length = text.slice(slash + 1)
  if (!address || !/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined
  const rest = BigInt(bits - Number(length))
  const network = (address.value >> rest) << rest
  return { family: address.family, network, prefix: Number(length), aligned: network === address.value }
}

/** Is `inner` a part of `outer`, and smaller? */
export function isStrictlyWithin(inner: Block, outer: Block): boolean {
  const rest = BigInt((outer.family === 4 ? 32 : 128) - outer.prefix)
  return inner.family === outer.family && inner.prefix > outer.prefix && inner.network >> rest === outer.network >> rest
}

/** Upstream's canonical text of an address: IPv6 in RFC 5952's form. */
export function canonicalAddress(text: string): string | undefined {
  const address = addressOf(text)
  if (!address) return undefined
  if (address.family === 4) return text.split('.').map(Number).join('.')
  const words = Array.from({ length: 8 }, (_, i) => Number((address.value >> BigInt((7 - i) * 16)) & 0xffffn))
  let [best, length] = [-1, 1]
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (i + run < 8 && words[i + run] === 0) run++
    if (run > length) [best, length] = [i, run]
  }
  const hex = (part: readonly number[]): string => part.map((w) => w.toString(16)).join(':')
  return best < 0 ? hex(words) : `${hex(words.slice(0, best))}::${hex(words.slice(best + length))}`
}
