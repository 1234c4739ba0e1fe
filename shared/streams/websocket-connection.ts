/** A {@link ChannelEnd} over a WebSocket. */
import type { WebSocket } from 'ws'
import type { ChannelEnd } from './channels.ts'

/** Bytes waiting in the socket above which the sender is asked to stop, and below which it may go on. */
const high = 1 << 20
const low = 256 << 10

/** How a message is written: channel byte and payload, or a digit and base64 as text. */
export type MessageForm = 'binary' | 'base64'

function frame(form: MessageForm, channel: number, data: Buffer): Buffer | string {
  if (form === 'base64') return `${channel}${data.toString('base64')}`
  const framed = Buffer.allocUnsafe(data.length + 1)
  framed[0] = channel
  data.copy(framed, 1)
  return framed
}

function unframe(form: MessageForm, message: Buffer): [number, Buffer] {
  if (form === 'binary') return [message[0] as number, message.subarray(1)]
  return [(message[0] as number) - 48, Buffer.from(message.toString('latin1', 1), 'base64')]
}

/** Takes over `ws`: nobody else may listen to it. Text messages are taken as bytes. */
export function webSocketEnd(ws: WebSocket, form: MessageForm = 'binary'): ChannelEnd {
  let message: (channel: number, data: Buffer) => void = () => undefined
  let drained: () => void = () => undefined
  let full = false
  const closers: ((error?: Error) => void)[] = []
  let ended: { error?: Error } | undefined
  let failure: Error | undefined
  const early: Buffer[] = []
  let listening = false

  const deliver = (data: Buffer): void => { if (data.length > 0) message(...unframe(form, data)) }
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
      ws.send(frame(form, channel, data), { binary: form === 'binary' }, written)
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
