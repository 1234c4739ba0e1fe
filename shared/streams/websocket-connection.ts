/** A {@link ChannelEnd} over a WebSocket. */
import type { WebSocket } from 'ws'
import type { ChannelEnd } from './channels.ts'

/**
 * Bytes waiting in the socket above which the sender is asked to stop, and below which it may go on. A reader that stops costs this much on either side of the node's link,
 * and two hundred of them 25 MB; the kernel's own buffers keep a fast link full.
 */
const high = 128 << 10
const low = 32 << 10

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
  let earlyBytes = 0
  let listening = false
  let closing = false

  const deliver = (data: Buffer): void => { if (data.length > 0) message(...unframe(form, data)) }
  ws.on('message', (raw) => {
    const data = Array.isArray(raw) ? Buffer.concat(raw) : Buffer.isBuffer(raw) ? raw : Buffer.from(raw)
    if (listening) { deliver(data); return }
    early.push(data)
    earlyBytes += data.length
    if (earlyBytes > high) ws.pause()
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
      if (closing || ws.readyState !== ws.OPEN) return true
      ws.send(frame(form, channel, data), { binary: form === 'binary' }, written)
      full ||= ws.bufferedAmount > high
      return !full
    },
    onMessage(listener) {
      message = listener
      listening = true
      if (earlyBytes > high) ws.resume()
      for (const data of early.splice(0)) deliver(data)
    },
    onDrain(listener) { drained = listener },
    onClose(listener) { if (ended) listener(ended.error); else closers.push(listener) },
    pause() { if (!closing && ws.readyState === ws.OPEN) ws.pause() },
    resume() { if (ws.readyState === ws.OPEN) ws.resume() },
    close() {
      if (closing || ws.readyState !== ws.OPEN) return
      closing = true
      ws.resume()
      // The ping is written after all that was sent. Closed at once, `ws` would cut off after 30 s a reader who takes longer to get there: `kubectl logs | less`.
      ws.ping(undefined, undefined, () => ws.close(1000))
    },
  }
}
