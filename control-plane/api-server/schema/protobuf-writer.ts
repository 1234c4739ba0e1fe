/** Protobuf written from its end to its beginning, so that the length of a message is known when its head is written. Pure. */

/** Most objects are smaller. */
const FIRST_SIZE = 4096
/** Characters. */
const SHORT = 48
const TWO_32 = 2 ** 32

export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(FIRST_SIZE)
  /** Of the first byte that is written. */
  #at = FIRST_SIZE

  /** Bytes written so far: a message's length is the difference of two. */
  get length(): number { return this.#bytes.length - this.#at }

  #reserve(size: number): number {
    if (this.#at < size) {
      const bytes = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.length + size))
      this.#bytes.copy(bytes, bytes.length - this.length, this.#at)
      this.#at = bytes.length - this.length
      this.#bytes = bytes
    }
    return (this.#at -= size)
  }

  /** An integer; negative ones have ten bytes, as Go's. */
  varint(value: number): void {
    if (value >= 0 && value < 128) {
      // Nearly all: tags and lengths.
      const at = this.#reserve(1)
      this.#bytes[at] = value
      return
    }
    if (value < 0) return this.#negative(value)
    let size = 1
    for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++
    let at = this.#reserve(size)
    let rest = value
    // Bit operations hold 32 bits.
    for (; rest >= TWO_32; rest = Math.floor(rest / 128)) this.#bytes[at++] = (rest % 128) | 128
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[at++] = (rest & 127) | 128
    this.#bytes[at] = rest
  }

  #negative(value: number): void {
    const at = this.#reserve(10)
    let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)))
    for (let i = 0; i < 10; i++, rest >>= 7n) this.#bytes[at + i] = Number(rest & 127n) | (i < 9 ? 128 : 0)
  }

  string(value: string): void {
    const { length } = value
    if (length < SHORT && this.#ascii(value, length)) {
      this.varint(length)
      return
    }
    const size = Buffer.byteLength(value)
    // Reserved first: that may be in another buffer.
    const at = this.#reserve(size)
    this.#bytes.write(value, at, size, 'utf8')
    this.varint(size)
  }

  /** Without a call into native code, which costs more than a short text. */
  #ascii(value: string, length: number): boolean {
    const at = this.#reserve(length)
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) {
        this.#at += length
        return false
      }
      bytes[at + i] = code
    }
    return true
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length)
    this.#bytes.set(value, at)
    this.varint(value.length)
  }

  double(value: number): void { const at = this.#reserve(8); this.#bytes.writeDoubleLE(value, at) }

  /** Bytes without a length. */
  raw(value: Uint8Array): void { const at = this.#reserve(value.length); this.#bytes.set(value, at) }

  /** What was written, copied: of its own size. The writer is empty then and may be used again. */
  take(): Buffer {
    const out = Buffer.from(this.#bytes.subarray(this.#at))
    this.#at = this.#bytes.length
    return out
  }

  /** Forgets what was written: after a failure half-way. */
  reset(): void { this.#at = this.#bytes.length }
}
