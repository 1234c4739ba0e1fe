/** A {@link ChannelEnd} over SPDY/3.1: the client opens one stream a channel, named by its `streamtype` header. */
import type { Duplex } from 'node:stream'
import { channel, type ChannelEnd } from '../../../shared/streams/channels.ts'
import { SpdySession, type SpdyStream } from './spdy-session.ts'

type ChannelName = 'stdin' | 'stdout' | 'stderr' | 'error' | 'resize'
const named = (text: string): text is ChannelName => text in channel && text !== 'close'

class SpdyEnd implements ChannelEnd {
  readonly #session: SpdySession
  readonly #streamOf = new Map<number, SpdyStream>()
  readonly #expected: ReadonlySet<number>
  readonly #open = Promise.withResolvers<void>()
  readonly #closers: ((error?: Error) => void)[] = []
  readonly #drains: (() => void)[] = []
  #ended: { error?: Error } | undefined
  #message: ((channel: number, data: Buffer) => void) | undefined
  #early: [number, Buffer][] = []

  constructor(socket: Duplex, head: Buffer, expected: readonly ChannelName[]) {
    this.#expected = new Set(expected.map((name) => channel[name]))
    this.#session = new SpdySession(socket, head, { accept: (stream) => this.#accept(stream), closed: (error) => this.#end(error) })
  }

  /** Resolves when the client has opened every stream the request promised; rejects where the connection ends before. */
  get opened(): Promise<void> { return this.#open.promise }

  #end(error?: Error): void {
    if (this.#ended) return
    this.#ended = error ? { error } : {}
    this.#open.reject(error ?? new Error('the client closed the connection'))
    for (const closer of this.#closers) closer(error)
  }

  #accept(stream: SpdyStream): boolean {
    const type = stream.headers.get('streamtype') ?? ''
    const ch = named(type) ? channel[type] : undefined
    if (ch === undefined || !this.#expected.has(ch) || this.#streamOf.has(ch)) return false
    this.#streamOf.set(ch, stream)
    stream.on('data', (data: Buffer) => this.#deliver(ch, data))
    // Go's client ends its half of the streams it only reads: that is no end of input.
    if (ch === channel.stdin) stream.on('end', () => this.#deliver(channel.close, Buffer.from([ch])))
    stream.on('drain', () => { for (const drain of this.#drains) drain() })
    if (this.#streamOf.size === this.#expected.size) this.#open.resolve()
    return true
  }

  #deliver(ch: number, data: Buffer): void {
    if (this.#message) this.#message(ch, data)
    else this.#early.push([ch, data])
  }

  send(ch: number, data: Buffer): boolean {
    const stream = this.#streamOf.get(ch)
    return !stream || stream.writableEnded || stream.destroyed || stream.write(data)
  }

  onMessage(listener: (channel: number, data: Buffer) => void): void {
    this.#message = listener
    for (const [ch, data] of this.#early.splice(0)) listener(ch, data)
  }

  onDrain(listener: () => void): void { this.#drains.push(listener) }
  onClose(listener: (error?: Error) => void): void { if (this.#ended) listener(this.#ended.error); else this.#closers.push(listener) }
  pause(): void { for (const stream of this.#streamOf.values()) stream.pause() }
  resume(): void { for (const stream of this.#streamOf.values()) stream.resume() }

  close(): void {
    if (this.#ended) return
    const open = [...this.#streamOf].filter(([ch, s]) => ch !== channel.stdin && !s.destroyed && !s.writableEnded).map(([, s]) => s)
    let left = open.length
    const done = (): void => { if (--left <= 0) this.#session.close() }
    for (const stream of open) stream.end(done)
    if (!left) this.#session.close()
    this.resume()
  }
}

/** Takes over an upgraded socket and waits until the client has opened the `expected` streams. */
export async function spdyEnd(socket: Duplex, head: Buffer, expected: readonly ChannelName[]): Promise<ChannelEnd> {
  const end = new SpdyEnd(socket, head, expected)
  await end.opened
  return end
}
