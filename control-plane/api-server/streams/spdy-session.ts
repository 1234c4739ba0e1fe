/** One SPDY/3.1 connection of a client and the streams it opens on it, each a Duplex. There is no flow control between streams: see spdy-frames. */
import { Duplex } from 'node:stream'
import { controlFrame, dataHead, FrameParser, frameType, HeaderCodec, type Frame } from './spdy-frames.ts'

/** Largest data frame sent: what Go's client reads in one go. */
const chunk = 32 << 10
/** Held for a stream that is not read before the whole connection has to wait: there is no way to ask one stream alone to. */
const held = 1 << 20
const CANCEL = 5
const REFUSED = 3

/** A stream the client opened. Ending it ends our half; destroying it resets it. */
export class SpdyStream extends Duplex {
  readonly id: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly #session: SpdySession
  #waiting: (() => void) | undefined

  constructor(session: SpdySession, id: number, headers: ReadonlyMap<string, string>) {
    super({ readableHighWaterMark: held, writableHighWaterMark: 256 << 10 })
    this.id = id
    this.headers = headers
    this.#session = session
    // Whoever uses the stream listens for what it needs; a reset alone is no failure of the server.
    this.on('error', () => undefined)
  }

  drained(): void {
    const done = this.#waiting
    this.#waiting = undefined
    done?.()
  }

  /** What came from the client; the connection waits while too much of it is unread. */
  arrived(data: Buffer): void { if (!this.push(data)) this.#session.hold(this, true) }

  override _read(): void { this.#session.hold(this, false) }
  override _write(data: Buffer, _encoding: string, done: () => void): void {
    if (this.#session.sendData(this.id, data)) done()
    else this.#waiting = done
  }
  override _final(done: () => void): void {
    this.#session.sendEnd(this.id)
    done()
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#session.forget(this, !this.writableFinished || !this.readableEnded)
    this.drained()
    done(error)
  }
}

export interface SessionEvents {
  /** A stream was opened; false refuses it. Nothing may be written to it before this returns: the answer goes first. */
  accept(stream: SpdyStream): boolean
  /** Once, when the connection is over. */
  closed(error?: Error): void
}

export class SpdySession {
  readonly #socket: Duplex
  readonly #events: SessionEvents
  readonly #codec = new HeaderCodec()
  readonly #parser = new FrameParser()
  readonly #streams = new Map<number, SpdyStream>()
  readonly #holding = new Set<SpdyStream>()
  #queue: Promise<void> = Promise.resolve()
  #over = false

  /** Takes over an upgraded socket; `head` is what was read of it already. */
  constructor(socket: Duplex, head: Buffer, events: SessionEvents) {
    this.#socket = socket
    this.#events = events
    socket.on('data', (data: Buffer) => this.#read(data))
    socket.on('drain', () => { for (const stream of this.#streams.values()) stream.drained() })
    socket.on('error', (e) => this.#end(e))
    socket.on('close', () => this.#end())
    socket.on('end', () => this.close())
    if (head.length) this.#read(head)
  }

  get over(): boolean { return this.#over }

  #end(error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.#codec.close()
    for (const stream of this.#streams.values()) stream.destroy()
    this.#events.closed(error)
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
    if (this.#over) return
    if (frame.kind === 'data') {
      const stream = this.#streams.get(frame.stream)
      if (!stream || stream.destroyed) return
      if (frame.data.length) stream.arrived(frame.data)
      if (frame.fin) stream.push(null)
      return
    }
    switch (frame.type) {
      case frameType.synStream: return await this.#synStream(frame.body, (frame.flags & 1) !== 0)
      case frameType.headers: await this.#codec.decode(frame.body.subarray(4)); return
      case frameType.ping: this.#socket.write(controlFrame(frameType.ping, 0, frame.body)); return
      case frameType.rstStream: this.#streams.get(frame.body.readUInt32BE(0))?.destroy(new Error('the client reset the stream')); return
      case frameType.goAway: this.close(); return
      // SETTINGS, WINDOW_UPDATE and what a later version may add ask for nothing we do.
      default:
    }
  }

  async #synStream(body: Buffer, fin: boolean): Promise<void> {
    const id = body.readUInt32BE(0) & 0x7fffffff
    const headers = await this.#codec.decode(body.subarray(10))
    const stream = new SpdyStream(this, id, headers)
    const reply = Buffer.alloc(4)
    reply.writeUInt32BE(id)
    const answered = await this.#codec.encode(new Map())
    if (this.#over) return
    this.#streams.set(id, stream)
    if (fin) stream.push(null)
    if (this.#events.accept(stream)) {
      this.#socket.write(controlFrame(frameType.synReply, 0, Buffer.concat([reply, answered])))
      return
    }
    this.#streams.delete(id)
    this.#reset(id, REFUSED)
  }

  #reset(id: number, status: number): void {
    if (this.#over || this.#socket.writableEnded) return
    const reset = Buffer.alloc(8)
    reset.writeUInt32BE(id, 0)
    reset.writeUInt32BE(status, 4)
    this.#socket.write(controlFrame(frameType.rstStream, 0, reset))
  }

  /** False: the connection is full; {@link SpdyStream.drained} is called when it is not any more. */
  sendData(id: number, data: Buffer): boolean {
    if (this.#over || this.#socket.writableEnded) return true
    let room = true
    this.#socket.cork()
    for (let at = 0; at < data.length; at += chunk) {
      const part = data.subarray(at, at + chunk)
      this.#socket.write(dataHead(id, part.length, false))
      room = this.#socket.write(part)
    }
    this.#socket.uncork()
    return room
  }

  sendEnd(id: number): void { if (!this.#over && !this.#socket.writableEnded) this.#socket.write(dataHead(id, 0, true)) }

  hold(stream: SpdyStream, on: boolean): void {
    if (on) this.#holding.add(stream)
    else this.#holding.delete(stream)
    if (this.#holding.size) this.#socket.pause()
    else if (!this.#over) this.#socket.resume()
  }

  forget(stream: SpdyStream, cut: boolean): void {
    this.hold(stream, false)
    if (this.#streams.get(stream.id) !== stream) return
    this.#streams.delete(stream.id)
    if (cut) this.#reset(stream.id, CANCEL)
  }

  /** Ends the connection after what was sent. */
  close(): void {
    if (this.#over || this.#socket.writableEnded) return
    this.#socket.end()
    this.#socket.resume()
  }
}
