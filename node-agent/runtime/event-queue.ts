/**
 * Events from a producer that never waits to one consumer that may be slow. Bounded: past `limit` everything queued is replaced by the
 * `overflow` event, which tells the consumer to look at everything.
 */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #overflow: T
  readonly #limit: number
  readonly #signal: AbortSignal
  #items: T[] = []
  #wake: (() => void) | undefined
  #closed = false

  /** The iteration ends when `signal` aborts. */
  constructor(signal: AbortSignal, overflow: T, limit = 4096) {
    this.#signal = signal
    this.#overflow = overflow
    this.#limit = limit
    signal.addEventListener('abort', () => this.close(), { once: true })
  }

  push(item: T): void {
    if (this.#closed) return
    if (this.#items.length >= this.#limit) this.#items = [this.#overflow]
    else this.#items.push(item)
    this.#wake?.()
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    while (!this.#closed && !this.#signal.aborted) {
      const item = this.#items.shift()
      if (item !== undefined) { yield item; continue }
      await new Promise<void>((resolve) => { this.#wake = resolve })
      this.#wake = undefined
    }
  }
}
