/**
 * Watches the bytes of an MQTT connection for packets larger than we take. aedes has no such limit: its parser would gather up to 256 MiB
 * (the most a remaining length can say, MQTT 3.1.1 §2.2.3) for one packet.
 */
export class PacketGuard {
  readonly #maxBytes: number
  /** Bytes left of the packet being passed; -1: the next byte is a packet type; -2: a remaining length is being read. */
  #left = -1
  #length = 0
  #scale = 1

  constructor(maxBytes: number) { this.#maxBytes = maxBytes }

  /** Sees the next bytes received. False where they begin a packet that is too large, or a remaining length of more than four bytes. */
  accept(chunk: Buffer): boolean {
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const pass = Math.min(this.#left, chunk.length - at)
        at += pass
        this.#left -= pass
        if (this.#left === 0) this.#left = -1
      } else if (this.#left === -1) {
        at++
        this.#left = -2
        this.#length = 0
        this.#scale = 1
      } else {
        const byte = chunk[at++] as number
        this.#length += (byte & 0x7f) * this.#scale
        this.#scale *= 128
        if (byte & 0x80) {
          if (this.#scale > 128 ** 3) return false
        } else {
          if (this.#length > this.#maxBytes) return false
          this.#left = this.#length === 0 ? -1 : this.#length
        }
      }
    }
    return true
  }
}
