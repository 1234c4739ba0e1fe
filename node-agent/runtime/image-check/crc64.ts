/**
 * CRC-64 of ISO 3309 as Go's `hash/crc64` has it (reflected polynomial 0xD800000000000000, all bits inverted before and after). In two halves of
 * 32 bits: BigInt is thirty times slower.
 */
const polynomial = 0xd8000000
/** For each byte: the upper half, then the lower. */
const table = new Uint32Array(512)
for (let byte = 0; byte < 256; byte++) {
  let [high, low] = [0, byte]
  for (let bit = 0; bit < 8; bit++) {
    const odd = low & 1
    low = (low >>> 1) | (high << 31)
    high = (high >>> 1) ^ (odd ? polynomial : 0)
  }
  table[2 * byte] = high
  table[2 * byte + 1] = low
}

export interface Crc64 { readonly high: number; readonly low: number }

export const crc64 = {
  start: { high: 0xffffffff, low: 0xffffffff } as Crc64,
  add(sum: Crc64, data: Uint8Array): Crc64 {
    let { high, low } = sum
    for (let i = 0; i < data.length; i++) {
      const at = 2 * ((low ^ data[i]!) & 0xff)
      low = ((low >>> 8) | (high << 24)) ^ table[at + 1]!
      high = (high >>> 8) ^ table[at]!
    }
    return { high, low }
  },
}

/** Big-endian, in base64: as tar-split writes it. */
export function crc64Text({ high, low }: Crc64): string {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(~high >>> 0, 0)
  bytes.writeUInt32BE(~low >>> 0, 4)
  return bytes.toString('base64')
}
