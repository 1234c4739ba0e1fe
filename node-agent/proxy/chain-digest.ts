import { hash } from 'node:crypto'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/**
 * 80 bits of SHA-256 in base32: 16 characters, so that a chain name stays within the 28 that iptables allows. Cryptographic, because who may name a Service must not
 * be able to choose one whose chain is another's.
 */
export function chainDigest(text: string): string {
  const digest = hash('sha256', text, 'buffer')
  let out = ''
  for (let bit = 0; bit < 80; bit += 5) {
    const at = bit >> 3
    const pair = ((digest[at] ?? 0) << 8) | (digest[at + 1] ?? 0)
    out += alphabet[(pair >> (11 - (bit & 7))) & 31]
  }
  return out
}
