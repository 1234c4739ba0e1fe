/** A {@link ChannelEnd} over SPDY/3.1: the client opens one stream a channel, named by its `streamtype` header. */
import type { Duplex } from 'node:stream'
import { channel, type ChannelEnd } from '../../../shared/streams/channels.ts'
import { controlFrame, dataFrame, FrameParser, frameType, HeaderCodec, type Frame } from './spdy-frames.ts'

type ChannelName = 'stdin' | 'stdout' | 'stderr' | 'error' | 'resize'
const named = (text: string): text is ChannelName => text in channel && text !== 'close'

/** Largest data frame sent: what Go's client reads in one go. */
const chunk = 32 << 10

class SpdyEnd implements ChannelEnd {
  readonly #socket: Duplex
  readonly #codec = new HeaderCodec()
  readonly #parser = new FrameParser()
  readonly #streamOf = new Map<number, number>()
  readonly #channelOf = new Map<number, number>()
  readonly #expected: ReadonlySet<number>
  readonly #open = Promise.withResolvers<void>()
  readonly #closers: ((error?: Error) => void)[] = []
  #ended: { error?: Error } | undefined
  #message: ((channel: number, data: Buffer) => void) | undefined
  #early: [number, Buffer][] = []
  #queue: Promise<void> = Promise.resolve()

  constructor(socket: Duplex, head: Buffer, expected: readonly ChannelName[]) {
    this.#socket = socket
    this.#expected = new Set(expected.map((name) => channel[name]))
    socket.on('data', (data: Buffer) => this.#read(data))
    socket.on('error', (e) => this.#end(e))
    socket.on('close', () => this.#end())
    socket.on('end', () => this.close())
    if (head.length) this.#read(head)
  }

  /** Resolves when the client has opened every stream the request promised; rejects where the connection ends before. */
  get opened(): Promise<void> { return this.#open.promise }

  #end(error?: Error): void {
    if (this.#ended) return
    this.#ended = error ? { error } : {}
    this.#codec.close()
    this.#open.reject(error ?? new Error('the client closed the connection'))
    for (const closer of this.#closers) closer(error)
  }

  #fail(error: Error): void {
    this.#socket.destroy()
    this.#end(error)
  }

  #read(data: Buffer): void {
    let frames: Frame[]
    try {
      frames = this.#parser.push(data)
    } catch (e) {
      this.#fail(e as Error)
      return
    }
    // Header blocks must pass the shared zlib stream in order, and data must not overtake the SYN_STREAM before it.
    for (const frame of frames) this.#queue = this.#queue.then(() => this.#frame(frame)).catch((e: Error) => this.#fail(e))
  }

  async #frame(frame: Frame): Promise<void> {
    if (this.#ended) return
    if (frame.kind === 'data') {
      const ch = this.#channelOf.get(frame.stream)
      if (ch === undefined) return
      if (frame.data.length) this.#deliver(ch, frame.data)
      if (frame.fin) this.#deliver(channel.close, Buffer.from([ch]))
      return
    }
    switch (frame.type) {
      case frameType.synStream: return await this.#synStream(frame.body, (frame.flags & 1) !== 0)
      case frameType.headers: await this.#codec.decode(frame.body.subarray(4)); return
      case frameType.ping: this.#socket.write(controlFrame(frameType.ping, 0, frame.body)); return
      case frameType.rstStream: this.#channelOf.delete(frame.body.readUInt32BE(0)); return
      case frameType.goAway: this.close(); return
      // SETTINGS, WINDOW_UPDATE and what a later version may add ask for nothing we do.
      default:
    }
  }

  async #synStream(body: Buffer, fin: boolean): Promise<void> {
    const id = body.readUInt32BE(0) & 0x7fffffff
    const type = (await this.#codec.decode(body.subarray(10))).get('streamtype') ?? ''
    const ch = named(type) ? channel[type] : undefined
    if (ch === undefined || !this.#expected.has(ch) || this.#streamOf.has(ch)) {
      // 3: REFUSED_STREAM.
      const reset = Buffer.alloc(8)
      reset.writeUInt32BE(id, 0)
      reset.writeUInt32BE(3, 4)
      this.#socket.write(controlFrame(frameType.rstStream, 0, reset))
      return
    }
    this.#streamOf.set(ch, id)
    this.#channelOf.set(id, ch)
    const reply = Buffer.alloc(4)
    reply.writeUInt32BE(id)
    this.#socket.write(controlFrame(frameType.synReply, 0, Buffer.concat([reply, await this.#codec.encode(new Map())])))
    // Go's client ends its half of the streams it only reads: that is no end of input.
    if (fin && ch === channel.stdin) this.#deliver(channel.close, Buffer.from([ch]))
    if (this.#streamOf.size === this.#expected.size) this.#open.resolve()
  }

  #deliver(ch: number, data: Buffer): void {
    if (ch === channel.close && data[0] !== channel.stdin) return
    if (this.#message) this.#message(ch, data)
    else this.#early.push([ch, data])
  }

  send(ch: number, data: Buffer): boolean {
    const id = this.#streamOf.get(ch)
    if (id === undefined || this.#ended) return true
    let room = true
    for (let at = 0; at < data.length; at += chunk) room = this.#socket.write(dataFrame(id, data.subarray(at, at + chunk), false))
    return room
  }

  onMessage(listener: (channel: number, data: Buffer) => void): void {
    this.#message = listener
    for (const [ch, data] of this.#early.splice(0)) listener(ch, data)
  }

  onDrain(listener: () => void): void { this.#socket.on('drain', listener) }
  onClose(listener: (error?: Error) => void): void { if (this.#ended) listener(this.#ended.error); else this.#closers.push(listener) }
  pause(): void { this.#socket.pause() }
  resume(): void { this.#socket.resume() }

  close(): void {
    if (this.#ended || this.#socket.writableEnded) return
    for (const [ch, id] of this.#streamOf) if (ch !== channel.stdin) this.#socket.write(dataFrame(id, Buffer.alloc(0), true))
    this.#socket.end()
    this.#socket.resume()
  }
}

/** Takes over an upgraded socket and waits until the client has opened the `expected` streams. */
export async function spdyEnd(socket: Duplex, head: Buffer, expected: readonly ChannelName[]): Promise<ChannelEnd> {
  const end = new SpdyEnd(socket, head, expected)
  await end.opened
  return end
}
