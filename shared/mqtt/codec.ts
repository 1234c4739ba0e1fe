/**
 * Messages as bytes. Small ones are plain JSON, which any MQTT tool can read; larger ones are deflated; what is still too large for one
 * packet is cut into frames. The first byte tells: `{` JSON, 1 deflated, 2 a frame (then message id u32, index u16, count u16, bytes).
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { BadMessageError } from './messages.ts'

const deflated = 1
const frame = 2
const frameHeader = 9

export const limits = {
  /** Largest MQTT payload we send. The broker's packet limit is above it, so that topic and header fit. */
  payload: 256 << 10,
  /** JSON from here on is deflated: below, the saving is less than a TCP segment. */
  deflateFrom: 1 << 10,
  /** Largest message after inflating: an object is at most 1.5 MiB (etcd's and our API server's limit), doubled by JSON escapes at worst. */
  message: 4 << 20,
  /** JSON bytes of objects gathered into one part of a transfer: deflating one part blocks the event loop some 5 ms on a Pi 4. */
  part: 64 << 10,
} as const

/** The payloads to publish, in order. `id` tells the frames of one message from those of another on the same topic. */
export function encode(json: string, id: number): Buffer[] {
  const plain = Buffer.from(json)
  if (plain.length > limits.message) throw new BadMessageError(`message of ${plain.length} bytes, at most ${limits.message}`)
  const whole = plain.length < limits.deflateFrom ? plain : Buffer.concat([Buffer.of(deflated), deflateRawSync(plain, { level: 3 })])
  if (whole.length <= limits.payload) return [whole]
  const size = limits.payload - frameHeader
  const total = Math.ceil(whole.length / size)
  return Array.from({ length: total }, (_, i) => {
    const header = Buffer.alloc(frameHeader)
    header.writeUInt8(frame, 0)
    header.writeUInt32BE(id >>> 0, 1)
    header.writeUInt16BE(i, 5)
    header.writeUInt16BE(total, 7)
    return Buffer.concat([header, whole.subarray(i * size, (i + 1) * size)])
  })
}

function parse(payload: Buffer): unknown {
  try {
    if (payload[0] === 0x7b) return JSON.parse(payload.toString()) as unknown
    if (payload[0] === deflated) return JSON.parse(inflateRawSync(payload.subarray(1), { maxOutputLength: limits.message }).toString()) as unknown
  } catch (error) {
    throw new BadMessageError(`cannot be decoded: ${(error as Error).message}`, { cause: error })
  }
  throw new BadMessageError(payload.length === 0 ? 'empty message' : `unknown encoding ${payload[0]}`)
}

/** Puts the frames of one sender on one topic together again. Holds at most one unfinished message. */
export class Decoder {
  #id: number | undefined
  #parts: Buffer[] = []
  #size = 0

  /** The decoded JSON; undefined where more frames must follow. Throws {@link BadMessageError}; the next whole message is decoded again. */
  accept(payload: Buffer): unknown {
    if (payload[0] !== frame) return parse(payload)
    if (payload.length <= frameHeader) throw new BadMessageError('frame without content')
    const id = payload.readUInt32BE(1)
    const index = payload.readUInt16BE(5)
    const total = payload.readUInt16BE(7)
    if (index === 0) this.#reset(id)
    const lost = id !== this.#id || index !== this.#parts.length || index >= total
    const large = this.#size + payload.length > limits.message
    if (lost || large) {
      this.#reset(undefined)
      throw new BadMessageError(large ? `message larger than ${limits.message} bytes` : `frame ${index} of ${total} out of order`)
    }
    this.#parts.push(payload.subarray(frameHeader))
    this.#size += payload.length - frameHeader
    if (this.#parts.length < total) return undefined
    const whole = Buffer.concat(this.#parts)
    this.#reset(undefined)
    return parse(whole)
  }

  #reset(id: number | undefined): void {
    this.#id = id
    this.#parts = []
    this.#size = 0
  }
}
