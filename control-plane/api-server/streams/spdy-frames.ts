/**
 * SPDY/3.1 on the wire, as much as kubectl up to 1.30 speaks for exec, attach and port-forward (draft-mbelshe-httpbis-spdy-00; client
 * side: moby/spdystream). There is no flow control: that library ignores WINDOW_UPDATE, and TCP holds the sender back.
 */
import { createDeflate, createInflate, constants, type Deflate, type Inflate } from 'node:zlib'

/** Appendix of the draft: header names with their lengths, then frequent values. Both sides prime zlib with it. */
function dictionary(): Buffer {
  const names = 'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection '
    + 'content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match '
    + 'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer '
    + 'retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200 OK version HTTP/1.1 url public set-cookie '
    + 'keep-alive origin'
  // `200 OK` is one entry.
  const words = names.replace('200 OK', '200_OK').split(' ').map((w) => w.replace('_', ' '))
  const rest = '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved '
    + 'Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun '
    + 'Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,'
    + 'text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'
  return Buffer.concat([...words.map((w) => Buffer.concat([u32(w.length), Buffer.from(w)])), Buffer.from(rest)])
}

function u32(n: number): Buffer {
  const b = Buffer.alloc(4)
  b.writeUInt32BE(n)
  return b
}

export const frameType = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 } as const

export type Frame =
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly body: Buffer }
  | { readonly kind: 'data'; readonly stream: number; readonly fin: boolean; readonly data: Buffer }

/** Frames of a control channel are small; data frames of Go's client are at most 32 KiB. A longer one is refused. */
const maxFrame = 1 << 20

/** Cuts a byte stream into frames. Throws on a frame over the limit or of another SPDY version. */
export class FrameParser {
  #waiting: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): Frame[] {
    this.#waiting = this.#waiting.length ? Buffer.concat([this.#waiting, chunk]) : chunk
    const frames: Frame[] = []
    while (this.#waiting.length >= 8) {
      const word = this.#waiting.readUInt32BE(4)
      const flags = word >>> 24
      const length = word & 0xffffff
      if (length > maxFrame) throw new Error(`SPDY frame of ${length} bytes is over the limit of ${maxFrame}`)
      if (this.#waiting.length < 8 + length) break
      const head = this.#waiting.readUInt32BE(0)
      const body = this.#waiting.subarray(8, 8 + length)
      this.#waiting = this.#waiting.subarray(8 + length)
      if (head >>> 31 === 0) {
        frames.push({ kind: 'data', stream: head & 0x7fffffff, fin: (flags & 1) !== 0, data: body })
      } else {
        const version = (head >>> 16) & 0x7fff
        if (version !== 3) throw new Error(`SPDY version ${version} is not supported`)
        frames.push({ kind: 'control', type: head & 0xffff, flags, body })
      }
    }
    return frames
  }
}

export function controlFrame(type: number, flags: number, body: Buffer): Buffer {
  return Buffer.concat([u32((0x8003 << 16 | type) >>> 0), u32((flags << 24 | body.length) >>> 0), body])
}

/** The eight bytes before a data frame's payload. */
export function dataHead(stream: number, length: number, fin: boolean): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(stream, 0)
  head.writeUInt32BE(((fin ? 1 : 0) << 24 | length) >>> 0, 4)
  return head
}

export function dataFrame(stream: number, data: Buffer, fin: boolean): Buffer {
  return Buffer.concat([u32(stream), u32(((fin ? 1 : 0) << 24 | data.length) >>> 0), data])
}

/** Header blocks of one direction share one zlib stream, so they must be read and written in wire order. */
export class HeaderCodec {
  readonly #inflate: Inflate
  readonly #deflate: Deflate

  constructor() {
    const primed = dictionary()
    this.#inflate = createInflate({ dictionary: primed, finishFlush: constants.Z_SYNC_FLUSH })
    this.#deflate = createDeflate({ dictionary: primed, level: 1 })
  }

  /** Names are lower case on the wire, values may hold several separated by NUL. Rejects where the block is broken. */
  async decode(block: Buffer): Promise<Map<string, string>> {
    const raw = await this.#through(this.#inflate, block)
    const headers = new Map<string, string>()
    let at = 4
    const text = (): string => {
      const n = raw.readUInt32BE(at)
      if (at + 4 + n > raw.length) throw new Error('SPDY header block is cut off')
      const s = raw.toString('latin1', at + 4, at + 4 + n)
      at += 4 + n
      return s
    }
    for (let left = raw.readUInt32BE(0); left > 0; left--) {
      const name = text()
      headers.set(name, text())
    }
    return headers
  }

  async encode(headers: ReadonlyMap<string, string>): Promise<Buffer> {
    const fields = [...headers].flatMap((pair) => pair.map((s) => Buffer.concat([u32(Buffer.byteLength(s)), Buffer.from(s)])))
    return await this.#through(this.#deflate, Buffer.concat([u32(headers.size), ...fields]))
  }

  close(): void {
    this.#inflate.destroy()
    this.#deflate.destroy()
  }

  #through(zlib: Inflate | Deflate, block: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      const collect = (chunk: Buffer): void => { chunks.push(chunk) }
      zlib.once('error', reject)
      zlib.on('data', collect)
      zlib.write(block)
      zlib.flush(constants.Z_SYNC_FLUSH, () => {
        zlib.off('error', reject)
        zlib.off('data', collect)
        resolve(Buffer.concat(chunks))
      })
    })
  }
}
