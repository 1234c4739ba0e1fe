import type { Entry } from '../store.ts'

/** Entries per chunk at most: an insertion moves 256 references on average, and 100,000 keys make about 300 chunks to count over. */
const chunkSize = 512

/** The smallest string greater than every string that starts with `prefix`; undefined where there is none (`''`, or only U+FFFF). */
export function prefixEnd(prefix: string): string | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const unit = prefix.charCodeAt(i)
    if (unit < 0xffff) return prefix.slice(0, i) + String.fromCharCode(unit + 1)
  }
  return undefined
}

/**
 * Entries in key order (UTF-16 code units), in chunks: a lookup is two binary searches, an insertion moves one chunk, a range costs what it
 * returns. Holds references to the entries and nothing per key besides.
 */
export class SortedEntries {
  #chunks: Entry[][] = []
  #size = 0

  /** Takes entries already sorted by key, without duplicates. */
  static from(sorted: readonly Entry[]): SortedEntries {
    const result = new SortedEntries()
    const fill = (chunkSize * 3) / 4
    for (let i = 0; i < sorted.length; i += fill) result.#chunks.push(sorted.slice(i, i + fill))
    result.#size = sorted.length
    return result
  }

  get size(): number { return this.#size }

  get(key: string): Entry | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)]
    if (!chunk) return undefined
    const entry = chunk[lowerBound(chunk, key)]
    return entry?.key === key ? entry : undefined
  }

  set(entry: Entry): void {
    const at = this.#chunkOf(entry.key)
    const chunk = this.#chunks[at]
    if (!chunk) {
      this.#chunks.push([entry])
      this.#size = 1
      return
    }
    const index = lowerBound(chunk, entry.key)
    if (chunk[index]?.key === entry.key) {
      chunk[index] = entry
      return
    }
    chunk.splice(index, 0, entry)
    this.#size++
    // Keys often come in ascending order: then the new half is the one that grows on.
    if (chunk.length > chunkSize) this.#chunks.splice(at + 1, 0, chunk.splice(chunkSize / 2))
  }

  delete(key: string): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (!chunk) return
    const index = lowerBound(chunk, key)
    if (chunk[index]?.key !== key) return
    chunk.splice(index, 1)
    this.#size--
    if (chunk.length === 0) this.#chunks.splice(at, 1)
  }

  /** Entries with `from` <= key < `to`, in order; `to` undefined is no bound. Not to be changed while it is walked. */
  * range(from: string, to: string | undefined): Generator<Entry, void, void> {
    for (let at = this.#chunkOf(from), start = true; at < this.#chunks.length; at++, start = false) {
      const chunk = this.#chunks[at]!
      for (let i = start ? lowerBound(chunk, from) : 0; i < chunk.length; i++) {
        const entry = chunk[i]!
        if (to !== undefined && entry.key >= to) return
        yield entry
      }
    }
  }

  /** Number of entries with `from` <= key < `to`. */
  countRange(from: string, to: string | undefined): number {
    return Math.max(0, (to === undefined ? this.#size : this.#rank(to)) - this.#rank(from))
  }

  /** Number of entries before `key`. */
  #rank(key: string): number {
    const at = this.#chunkOf(key)
    let rank = 0
    for (let i = 0; i < at; i++) rank += this.#chunks[i]!.length
    const chunk = this.#chunks[at]
    return chunk ? rank + lowerBound(chunk, key) : rank
  }

  /** The chunk that holds `key` or would: the last one whose first key is not greater; 0 where there is none. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle]![0]!.key <= key) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

/** Index of the first entry whose key is not less than `key`. */
function lowerBound(chunk: readonly Entry[], key: string): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chunk[middle]!.key < key) low = middle + 1
    else high = middle
  }
  return low
}
