/** Bytes both ways over a {@link ChannelEnd}: one TCP connection seen through a node's dial-back. */
import { Duplex } from 'node:stream'
import { isStatus, StatusError } from '../base/errors.ts'
import type { Status } from '../api/meta-v1.ts'
import { channel, type ChannelEnd } from './channels.ts'

/** Channels of a tunnel, by who sends: bytes towards the node travel on `stdin`, bytes from it on `stdout`; the end of either on `close`. */
export const tunnelSides = {
  server: { reads: channel.stdout, writes: channel.stdin },
  node: { reads: channel.stdin, writes: channel.stdout },
} as const

/**
 * Takes over `end`. Either half may end before the other; what the far side reports on the error channel destroys the stream with that `StatusError`,
 * and so does a far side that went away without ending its half.
 */
class ChannelDuplex extends Duplex {
  readonly #end: ChannelEnd
  readonly #side: { readonly reads: number; readonly writes: number }
  #waiting: (() => void) | undefined
  #over = false
  /** The far side has said all. */
  #ended = false

  constructor(end: ChannelEnd, side: { readonly reads: number; readonly writes: number }) {
    super({ readableHighWaterMark: 64 << 10, writableHighWaterMark: 64 << 10 })
    this.#end = end
    this.#side = side
    end.onDrain(() => this.#drained())
    end.onClose((error) => {
      this.#over = true
      if (error ?? !this.#ended) this.destroy(error ?? new Error('the far side went away'))
      this.#drained()
    })
    end.onMessage((ch, data) => this.#message(ch, data))
  }

  #drained(): void {
    const done = this.#waiting
    this.#waiting = undefined
    done?.()
  }

  #message(ch: number, data: Buffer): void {
    if (ch === this.#side.reads) { if (!this.push(data)) this.#end.pause() }
    else if (ch === channel.close && data[0] === this.#side.reads) {
      this.#ended = true
      this.push(null)
    } else if (ch === channel.error) {
      const status = JSON.parse(data.toString()) as Status
      if (status.status === 'Failure') this.destroy(StatusError.from(status))
    }
  }

  override _read(): void { this.#end.resume() }

  override _write(data: Buffer, _encoding: string, done: () => void): void {
    if (this.#over || this.#end.send(this.#side.writes, data)) done()
    else this.#waiting = done
  }

  override _final(done: () => void): void {
    this.#end.send(channel.close, Buffer.from([this.#side.writes]))
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error && isStatus(error) && !this.#over) this.#end.send(channel.error, Buffer.from(JSON.stringify(error.toStatus())))
    this.#end.close()
    done(error)
  }
}

export const channelDuplex = (end: ChannelEnd, side: { readonly reads: number; readonly writes: number }): Duplex => new ChannelDuplex(end, side)

/** Passes everything on, both ways, half by half. What breaks one end destroys the other. Resolves when both are closed, with the first error. */
export function joinDuplex(a: Duplex, b: Duplex): Promise<Error | undefined> {
  let failure: Error | undefined
  const pass = (from: Duplex, to: Duplex): Promise<void> => new Promise((resolve) => {
    from.pipe(to)
    from.on('error', (e) => { failure ??= e; to.destroy() })
    from.on('close', () => {
      if (!from.readableEnded || !from.writableFinished) to.destroy()
      resolve()
    })
  })
  return Promise.all([pass(a, b), pass(b, a)]).then(() => failure)
}
