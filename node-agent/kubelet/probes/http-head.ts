/**
 * A GET on a connection of its own, of which only the head is read. Written on the socket itself: Node's HTTP client costs twice the CPU, and
 * a full node asks a hundred times every ten seconds.
 */
import { connect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { Millis } from '../../../shared/base/brands.ts'
import { systemClock } from '../../../shared/host/clock.ts'

export interface HeadRequest {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** With its query; what a request line cannot hold is escaped. */
  readonly path: string
  /** In order, sent as they are, repeated ones too. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
}
export interface Head { readonly code: number; readonly location: string | undefined }

/** What the other end said is no HTTP, or more of a head than anybody needs. */
export class MalformedResponse extends Error { override readonly name = 'MalformedResponse' }
/** The connection ended before the head did. */
export class EndOfStream extends Error { override readonly name = 'EndOfStream' }

/** The time was over. */
export class NoAnswer extends Error { override readonly name = 'NoAnswer' }

/** Go's client takes a head of 1 MiB; this much is enough for any status line and Location. */
const maxHead = 64 << 10

/** A header's value with a line break would begin another header, or a body. */
export const hasLineBreak = (value: string): boolean => /[\r\n\0]/.test(value)

const escaped = (path: string): string => path.replace(/[^\x21-\x7e]+/gu, encodeURIComponent)

/** The head so far: undefined while more must come. An interim answer (1xx, RFC 9110 §15.2) is passed over. */
export function parseHead(text: string): Head | undefined {
  const line = /^HTTP\/\d(?:\.\d)? (\d{3})(?:[ \r\n]|$)/.exec(text)
  if (!line) {
    if (/^(?:H|HT|HTT|HTTP|HTTP\/\d?|HTTP\/\d\.?\d? ?\d{0,2})$/.test(text)) return undefined
    throw new MalformedResponse(`malformed HTTP response ${JSON.stringify(text.slice(0, 64).split('\n')[0])}`)
  }
  const code = Number(line[1])
  const end = /\r?\n\r?\n/.exec(text)
  if (code < 200) return end ? parseHead(text.slice(end.index + end[0].length)) : undefined
  if (code < 300 || code >= 400) return { code, location: undefined }
  if (!end) return undefined
  return { code, location: /^location:[ \t]*(.*?)[ \t\r]*$/im.exec(text.slice(0, end.index))?.[1] }
}

/** Every connection reads into this: what is read is taken out before the next can be. */
const shared = Buffer.allocUnsafe(4096)

/** Rejects with the socket's error, {@link MalformedResponse}, {@link EndOfStream} or, after `timeout`, {@link NoAnswer}. The connection is closed by then. */
export function getHead(request: HeadRequest, timeout: Millis): Promise<Head> {
  const { scheme, host, port, headers } = request
  return new Promise((resolve, reject) => {
    let text = ''
    const read = (length: number, bytes: Buffer): boolean => {
      text += bytes.toString('latin1', 0, length)
      try {
        const head = parseHead(text)
        if (head) done(() => resolve(head))
        else if (text.length > maxHead) throw new MalformedResponse('the head of the response is too long')
      } catch (e) { done(() => reject(e as Error)) }
      return true
    }
    // Without the stream's own buffers: 64 KiB for each answer.
    const socket: Socket = scheme === 'https' ? tlsConnect({ host, port, rejectUnauthorized: false }) : connect({ host, port, onread: { buffer: shared, callback: read } })
    if (scheme === 'https') socket.on('data', (data: Buffer) => read(data.length, data))
    const late = systemClock.after(Math.max(0, timeout), () => done(() => reject(new NoAnswer('no answer in time'))))
    const done = (settle: () => void): void => { late[Symbol.dispose](); socket.destroy(); settle() }
    socket.on('error', (e) => done(() => reject(e)))
    socket.on('close', () => done(() => reject(new EndOfStream('EOF'))))
    socket.write(`GET ${escaped(request.path)} HTTP/1.1\r\n${headers.map((h) => `${h.name}: ${h.value}\r\n`).join('')}\r\n`)
  })
}
