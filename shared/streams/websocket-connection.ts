/** A {@link ChannelEnd} over a WebSocket. */
import type { WebSocket } from 'ws'
import type { ChannelEnd } from './channels.ts'

/** Bytes waiting in the socket above which the sender is asked to stop, and below which it may go on. */
const high = 1 << 20
const low = 256 << 10

/** Takes over `ws`: nobody else may listen to it. Text messages are taken as bytes. */
export function webSocketEnd(ws: WebSocket): ChannelEnd {
  let message: (channel: number, data: Buffer) => void = () => undefined
  let drained: () => void = () => undefined
  let full = false
  const closers: ((error?: Error) => void)[] = []
  let ended: { error?: Error } | undefined
  let failure: Error | undefined
  const early: Buffer[] = []
  let listening = false

  const deliver = (data: Buffer): void => { if (data.length > 0) message(data[0] as number, data.subarray(1)) }
  ws.on('message', (raw) => {
    const data = Array.isArray(raw) ? Buffer.concat(raw) : Buffer.isBuffer(raw) ? raw : Buffer.from(raw)
    if (listening) deliver(data)
    else early.push(data)
  })
  ws.on('error', (e) => { failure = e })
  ws.on('close', () => {
    ended = failure ? { error: failure } : {}
    for (const closer of closers) closer(ended.error)
  })
  const written = (): void => {
    if (full && ws.bufferedAmount <= low) { full = false; drained() }
  }
  return {
    send(channel, data) {
      if (ws.readyState !== ws.OPEN) return true
      const framed = Buffer.allocUnsafe(data.length + 1)
      framed[0] = channel
      data.copy(framed, 1)
      ws.send(framed, { binary: true }, written)
      full ||= ws.bufferedAmount > high
      return !full
    },
    onMessage(listener) {
      message = listener
      listening = true
      for (const data of early.splice(0)) deliver(data)
    },
    onDrain(listener) { drained = listener },
    onClose(listener) { if (ended) listener(ended.error); else closers.push(listener) },
    pause() { if (ws.readyState === ws.OPEN) ws.pause() },
    resume() { if (ws.readyState === ws.OPEN) ws.resume() },
    close() { ws.resume(); ws.close(1000) },
  }
}
