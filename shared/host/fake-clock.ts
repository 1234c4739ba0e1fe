import type { Clock } from '../base/host.ts'

/** A clock that stands still until `advance` moves it; timers fire in order of their time. For tests. */
export class FakeClock implements Clock {
  #wall: number
  #mono = 0
  #timers: { at: number; fn: () => void }[] = []

  constructor(wall = Date.UTC(2026, 0, 1)) { this.#wall = wall }

  now(): number { return this.#wall }
  monotonic(): number { return this.#mono }

  /** Moves the wall clock alone, as NTP would. */
  jump(ms: number): void { this.#wall += ms }

  after(ms: number, fn: () => void): Disposable {
    const timer = { at: this.#mono + ms, fn }
    this.#timers.push(timer)
    return { [Symbol.dispose]: () => { this.#timers = this.#timers.filter((t) => t !== timer) } }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const timer = this.after(ms, resolve)
      signal?.addEventListener('abort', () => { timer[Symbol.dispose](); reject(signal.reason as Error) }, { once: true })
    })
  }

  /** Moves both clocks and runs what falls due, letting promises settle after each timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#mono + ms
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#timers = this.#timers.filter((t) => t !== due)
      this.#wall += due.at - this.#mono
      this.#mono = due.at
      due.fn()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#wall += end - this.#mono
    this.#mono = end
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** How many timers wait. */
  get pending(): number { return this.#timers.length }
}
