import type { Clock } from '../../shared/base/host.ts'
import type { Millis, Revision } from '../../shared/base/brands.ts'

/** Deadlines are rounded up to a 64th of the time to live, a second at least: what expires together wakes us once. */
const steps = 64

/** The longest time a timer takes (2^31 - 1 ms); a deadline further away is approached in several. */
const longestTimer: Millis = 2_147_483_647

/** Events, which are what lives for a time, are an hour's worth upstream; here they are in memory, and a busy hour has more than a Pi has room for. */
export const defaultMaxKeys = 8192

/**
 * Keys with a time to live. One timer, for the earliest deadline; measured by the monotonic clock. A key expires at most
 * max(1 s, TTL / 64) late, and early only where there are more than `maxKeys`: then the one that is next goes.
 */
export class Expiry {
  readonly #clock: Clock
  readonly #expired: (key: string, revision: Revision) => void
  /** Deadline in seconds to keys with the revision that set it. */
  readonly #deadlines = new Map<number, Map<string, Revision>>()
  readonly #deadlineOf = new Map<string, number>()
  readonly #maxKeys: number
  #timer: Disposable | undefined
  #timerAt = Infinity

  /** `expired` is called once a key, with the revision given to `set`. */
  constructor(clock: Clock, expired: (key: string, revision: Revision) => void, maxKeys = defaultMaxKeys) {
    this.#maxKeys = maxKeys
    this.#clock = clock
    this.#expired = expired
  }

  /** Starts the key's time anew. */
  set(key: string, revision: Revision, ttlSeconds: number): void {
    this.clear(key)
    const step = Math.max(1, Math.floor(ttlSeconds / steps))
    const deadline = Math.ceil((this.#clock.monotonic() / 1000 + ttlSeconds) / step) * step
    let keys = this.#deadlines.get(deadline)
    if (!keys) this.#deadlines.set(deadline, (keys = new Map()))
    keys.set(key, revision)
    this.#deadlineOf.set(key, deadline)
    if (deadline < this.#timerAt) this.#arm(deadline)
    while (this.#deadlineOf.size > this.#maxKeys) this.#dropNext()
  }

  #dropNext(): void {
    const keys = this.#deadlines.get(Math.min(...this.#deadlines.keys()))
    const first = keys?.entries().next().value
    if (!first) return
    this.clear(first[0])
    this.#expired(...first)
  }

  /** The key lives on without end. */
  clear(key: string): void {
    const deadline = this.#deadlineOf.get(key)
    if (deadline === undefined) return
    this.#deadlineOf.delete(key)
    const keys = this.#deadlines.get(deadline)!
    keys.delete(key)
    // The timer may stay: it then finds nothing and arms itself for the next deadline.
    if (keys.size === 0) this.#deadlines.delete(deadline)
  }

  dispose(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    this.#timerAt = Infinity
    this.#deadlines.clear()
    this.#deadlineOf.clear()
  }

  #arm(deadline: number): void {
    this.#timer?.[Symbol.dispose]()
    this.#timerAt = deadline
    const wait: Millis = Math.min(longestTimer, Math.max(0, Math.ceil(deadline * 1000 - this.#clock.monotonic())))
    this.#timer = this.#clock.after(wait, () => this.#fire())
  }

  #fire(): void {
    this.#timer = undefined
    this.#timerAt = Infinity
    const now = this.#clock.monotonic() / 1000
    const due = [...this.#deadlines.keys()].filter((deadline) => deadline <= now).sort((a, b) => a - b)
    for (const deadline of due) {
      const keys = this.#deadlines.get(deadline)
      if (!keys) continue
      this.#deadlines.delete(deadline)
      for (const key of keys.keys()) this.#deadlineOf.delete(key)
      for (const [key, revision] of keys) this.#expired(key, revision)
    }
    const next = Math.min(...this.#deadlines.keys())
    if (next < this.#timerAt) this.#arm(next)
  }
}
