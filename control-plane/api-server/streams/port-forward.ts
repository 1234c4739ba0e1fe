/**
 * `pods/portforward`: SPDY/3.1 with a pair of streams a connection (kubectl up to 1.30), the same inside WebSocket messages (from 1.31), or a WebSocket with a
 * pair of channels a port (client-node). Each connection is one TCP connection on the node.
 */
import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { createWebSocketStream } from 'ws'
import { badRequest, messageOf } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import type { ChannelEnd } from '../../../shared/streams/channels.ts'
import { joinDuplex } from '../../../shared/streams/duplex-stream.ts'
import { webSocketEnd } from '../../../shared/streams/websocket-connection.ts'
import { acceptWebSocket, checkUpgrade, switchToSpdy } from './client-upgrade.ts'
import { SpdySession, type SpdyStream } from './spdy-session.ts'

const protocol = 'portforward.k8s.io'
const tunnelled = 'SPDY/3.1+portforward.k8s.io'
const webSocketProtocols = [tunnelled, 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'] as const
/** Upstream's `--streaming-connection` default: the half of a pair that came alone is not waited for longer. */
const pairPatience = 30_000
/** Connections of one client at a time. */
const maxPairs = 1024

/** Opens a connection to the port on the node. Rejects where nobody listens. */
export type OpenPort = (port: number) => Promise<Duplex>

/** What must be refused before a node is bothered. Throws a `StatusError`. */
export function checkPortForward(req: IncomingMessage, query: URLSearchParams): void {
  if (checkUpgrade(req, { webSocket: webSocketProtocols, spdy: protocol }) === 'websocket' && !tunnels(req)) portsOf(query)
}

const tunnels = (req: IncomingMessage): boolean => (req.headers['sec-websocket-protocol'] ?? '').includes(tunnelled)

function portsOf(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((p) => p.split(','))
  if (!texts.length) throw badRequest('query parameter "ports" is required')
  return texts.map(portOf)
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) throw badRequest(`port ${JSON.stringify(text)} must be > 0 and <= 65535`)
  return port
}

/** Switches protocols and serves until the client goes. */
export async function servePortForward(request: { req: IncomingMessage; socket: Duplex; head: Buffer; query: URLSearchParams; open: OpenPort; clock: Clock }): Promise<void> {
  const { req, socket, head, query, open, clock } = request
  if (checkUpgrade(req, { webSocket: webSocketProtocols, spdy: protocol }) === 'spdy') {
    switchToSpdy(socket, protocol)
    return new PairedStreams({ open, clock }).serve(socket, head)
  }
  const accepted = await acceptWebSocket(req, socket, head, webSocketProtocols)
  if (accepted.protocol === tunnelled) return new PairedStreams({ open, clock }).serve(createWebSocketStream(accepted.ws), Buffer.alloc(0))
  return serveChannels(webSocketEnd(accepted.ws, accepted.protocol.includes('base64') ? 'base64' : 'binary'), portsOf(query), open)
}

interface Pair { error?: SpdyStream; data?: SpdyStream; timer?: Disposable }

class PairedStreams {
  readonly #open: OpenPort
  readonly #clock: Clock
  readonly #pairs = new Map<string, Pair>()
  #running = 0
  constructor(deps: { open: OpenPort; clock: Clock }) { this.#open = deps.open; this.#clock = deps.clock }

  serve(socket: Duplex, head: Buffer): Promise<void> {
    return new Promise((resolve) => {
      void new SpdySession(socket, head, {
        accept: (stream) => this.#accept(stream),
        closed: () => {
          for (const { timer } of this.#pairs.values()) timer?.[Symbol.dispose]()
          resolve()
        },
      })
    })
  }

  #accept(stream: SpdyStream): boolean {
    const type = stream.headers.get('streamtype')
    const id = stream.headers.get('requestid') ?? ''
    const port = Number(stream.headers.get('port'))
    if ((type !== 'error' && type !== 'data') || !Number.isInteger(port) || port < 1 || port > 65535 || this.#running >= maxPairs) return false
    const pair = this.#pairs.get(id) ?? {}
    if (pair[type]) return false
    pair[type] = stream
    if (pair.error && pair.data) {
      this.#pairs.delete(id)
      pair.timer?.[Symbol.dispose]()
      void this.#forward(pair.error, pair.data, port)
    } else {
      this.#pairs.set(id, pair)
      pair.timer = this.#clock.after(pairPatience, () => {
        this.#pairs.delete(id)
        stream.destroy()
      })
    }
    return true
  }

  async #forward(error: SpdyStream, data: SpdyStream, port: number): Promise<void> {
    this.#running++
    error.resume()
    const failed = (e: unknown): void => { if (!error.destroyed) error.write(`error forwarding port ${port}: ${messageOf(e)}`) }
    try {
      const target = await this.#open(port)
      if (data.destroyed) target.destroy()
      const failure = await joinDuplex(data, target)
      if (failure && !data.destroyed) failed(failure)
    } catch (e) {
      failed(e)
      data.destroy()
    } finally {
      // The client waits for the end of this stream: it is how it knows that all was said.
      error.end()
      this.#running--
    }
  }
}

/** One channel of a {@link ChannelEnd} as a byte stream. */
class PortChannel extends Duplex {
  readonly #end: ChannelEnd
  readonly #number: number
  #waiting: (() => void) | undefined
  constructor(end: ChannelEnd, number: number) { super({ readableHighWaterMark: 256 << 10 }); this.#end = end; this.#number = number }
  drained(): void { const done = this.#waiting; this.#waiting = undefined; done?.() }
  arrived(data: Buffer): void { if (!this.push(data)) this.#end.pause() }
  override _read(): void { this.#end.resume() }
  override _write(data: Buffer, _encoding: string, done: () => void): void { if (this.#end.send(this.#number, data)) done(); else this.#waiting = done }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void { this.drained(); done(error) }
}

/** Of the i-th port: data on channel 2i, errors on 2i + 1; the first message on each is the port, two bytes, low one first. */
async function serveChannels(end: ChannelEnd, ports: readonly number[], open: OpenPort): Promise<void> {
  const channels = ports.map((_, i) => new PortChannel(end, 2 * i))
  end.onMessage((ch, data) => { if (ch % 2 === 0 && data.length) channels[ch / 2]?.arrived(data) })
  end.onDrain(() => { for (const c of channels) c.drained() })
  end.onClose(() => { for (const c of channels) { c.push(null); c.destroy() } })
  await Promise.all(ports.map(async (port, i) => {
    const word = Buffer.from([port & 0xff, port >> 8])
    end.send(2 * i, word)
    end.send(2 * i + 1, word)
    try {
      const own = channels[i]!
      const target = await open(port)
      // The client has no way to end its half: the connection is over when the far side has said all.
      own.on('finish', () => own.destroy())
      const failure = await joinDuplex(own, target)
      if (failure) throw failure
    } catch (e) {
      end.send(2 * i + 1, Buffer.from(`error forwarding port ${port}: ${messageOf(e)}`))
    }
  }))
  end.close()
}
