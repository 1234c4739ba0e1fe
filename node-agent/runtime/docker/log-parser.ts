/**
 * The bytes of one stream of `docker logs --timestamps` as lines. Docker keeps a line longer than 16 KiB in pieces of exactly that, and prints the time before each of them,
 * in the middle of the line: what is no line's own must not reach a reader. Pure.
 */
import type { LogLine } from '../runtime.ts'

/** `defaultBufSize` of moby's `daemon/logger/copier.go`. */
const pieceBytes = 16 << 10
/** A time and the blank after it. */
const longestTime = 36
const timeAt = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z /

/** Docker leaves trailing zeros out. */
const nanos = (time: string): string => time.replace(/(?:\.(\d+))?Z$/, (_, f: string | undefined) => `.${(f ?? '').padEnd(9, '0')}Z`)

export class DockerLogParser {
  #rest: Buffer = Buffer.alloc(0)
  #ended = false

  /** The lines, or pieces of such as are longer, that are whole by now. */
  push(data: Buffer): LogLine[] {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, data]) : data
    const lines: LogLine[] = []
    let at = 0
    for (let next = this.#next(at); next; next = this.#next(at)) {
      lines.push({ time: nanos(this.#rest.toString('latin1', at, next.from - 1)), line: this.#rest.subarray(next.from, next.to) })
      at = next.to
    }
    this.#rest = this.#rest.subarray(at)
    return lines
  }

  /** What is left, which has no newline. */
  end(): LogLine[] {
    this.#ended = true
    const lines = this.push(Buffer.alloc(0))
    if (this.#rest.length === 0) return lines
    const space = this.#rest.indexOf(32)
    return [...lines, { time: nanos(this.#rest.toString('latin1', 0, space)), line: this.#rest.subarray(space + 1) }]
  }

  #next(at: number): { from: number; to: number } | undefined {
    const from = this.#rest.indexOf(32, at) + 1
    if (from === 0) return undefined
    const newline = this.#rest.indexOf(10, from)
    const cut = from + pieceBytes
    if (newline >= 0 && newline < cut) return { from, to: newline + 1 }
    const after = this.#rest.length - cut
    if (after < 0 || (after < longestTime && newline < 0 && !this.#ended)) return undefined
    if (timeAt.test(this.#rest.toString('latin1', cut, cut + longestTime))) return { from, to: cut }
    return newline < 0 ? undefined : { from, to: newline + 1 }
  }
}
