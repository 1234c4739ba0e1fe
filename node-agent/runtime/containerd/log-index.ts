/**
 * When each part of a log file was written. The engine appends raw output; an entry (end, time) says that by `time` the file had `end` bytes.
 * Bounded: past `limit` every second entry goes, so that a long log loses resolution, not order. Pure.
 */
export interface LogMark { readonly end: number; readonly time: number }

export class LogIndex {
  #marks: LogMark[]
  readonly #limit: number

  constructor(marks: readonly LogMark[] = [], limit = 2048) {
    this.#marks = [...marks]
    this.#limit = limit
  }

  get marks(): readonly LogMark[] { return this.#marks }
  get end(): number { return this.#marks.at(-1)?.end ?? 0 }

  /** A size seen at a time; ignored unless the file grew. A smaller size is a truncated file: the index starts over. */
  add(mark: LogMark): void {
    if (mark.end < this.end) this.#marks = []
    if (mark.end === this.end) return
    this.#marks.push({ end: mark.end, time: Math.max(mark.time, this.#marks.at(-1)?.time ?? mark.time) })
    if (this.#marks.length > this.#limit) this.#marks = this.#marks.filter((_, i) => i % 2 === 1 || i === this.#marks.length - 1)
  }

  /** When the byte at `offset` was written; between two known sizes far apart in time it is the later one, past the last `otherwise`. */
  timeAt(offset: number, otherwise: number): number {
    let low = 0
    let high = this.#marks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#marks[middle]!.end > offset) high = middle
      else low = middle + 1
    }
    return this.#marks[low]?.time ?? otherwise
  }

  /** The first byte that may have been written at or after `time`. */
  offsetAt(time: number): number {
    const first = this.#marks.findIndex((m) => m.time >= time)
    return first < 0 ? this.end : first === 0 ? 0 : this.#marks[first - 1]!.end
  }
}
