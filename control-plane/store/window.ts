import type { Millis, Revision } from '../../shared/base/brands.ts'
import type { Change } from './store.ts'

export interface WindowLimits {
  /** Never more changes than this. */
  readonly maxChanges: number
  /** Never more bytes than this kept alive by history alone: superseded values, and {@link changeOverhead} for each change. */
  readonly maxBytes: number
  /** Changes beyond the newest `keepChanges` are dropped at this age. */
  readonly maxAgeMs: Millis
  readonly keepChanges: number
}

/** Five minutes is upstream's compaction interval (kube-apiserver `--etcd-compaction-interval`); 16 MiB is what a 1 GB Pi can spare. */
export const defaultWindow: WindowLimits = { maxChanges: 20_000, maxBytes: 16 << 20, maxAgeMs: 300_000, keepChanges: 1_000 }

/** Objects, array slots and a superseded value's header: measured at about 250 bytes. */
const changeOverhead = 256

/** Dropped slots to collect before the arrays are moved together: keeps dropping O(1) a change. */
const slack = 1024

/**
 * The recent past: every change after {@link compacted} up to {@link latest}, oldest first, bounded by count, bytes and age. Age is looked
 * at when something is added, so an idle store has no timer; what is left then is bounded all the same.
 */
export class Window {
  readonly #limits: WindowLimits
  #changes: (Change | undefined)[] = []
  #times: Millis[] = []
  #head = 0
  #bytes = 0
  #compacted: Revision
  #latest: Revision

  constructor(limits: WindowLimits, start: Revision) {
    this.#limits = limits
    this.#compacted = start
    this.#latest = start
  }

  /** Changes at and before this revision are gone. */
  get compacted(): Revision { return this.#compacted }
  /** Revision of the newest change ever added. */
  get latest(): Revision { return this.#latest }
  get size(): number { return this.#changes.length - this.#head }
  get bytes(): number { return this.#bytes }

  /** Adds changes of ascending revisions above `latest`, then drops what is over the limits. `now` is monotonic. */
  add(changes: readonly Change[], now: Millis): void {
    for (const change of changes) {
      this.#changes.push(change)
      this.#times.push(now)
      this.#bytes += bytesOf(change)
      this.#latest = change.entry.modRevision
    }
    while (this.#isOver(now)) this.#dropOldest()
    this.#tidy()
  }

  /** Drops changes at and before `revision`. */
  compact(revision: Revision): void {
    while (this.size > 0 && this.#changes[this.#head]!.entry.modRevision <= revision) this.#dropOldest()
    if (revision > this.#compacted) this.#compacted = revision
    this.#tidy()
  }

  /** Changes after `revision`, oldest first. Only right for `revision` >= `compacted`. Not to be used across an `add`. */
  * after(revision: Revision): Generator<Change, void, void> {
    for (let i = this.#indexAfter(revision); i < this.#changes.length; i++) yield this.#changes[i]!
  }

  /** Changes after `revision`, newest first. */
  * backTo(revision: Revision): Generator<Change, void, void> {
    const end = this.#indexAfter(revision)
    for (let i = this.#changes.length - 1; i >= end; i--) yield this.#changes[i]!
  }

  #indexAfter(revision: Revision): number {
    let low = this.#head
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#changes[middle]!.entry.modRevision <= revision) low = middle + 1
      else high = middle
    }
    return low
  }

  #isOver(now: Millis): boolean {
    const { maxChanges, maxBytes, maxAgeMs, keepChanges } = this.#limits
    if (this.size === 0) return false
    return this.size > maxChanges || this.#bytes > maxBytes || (this.size > keepChanges && now - this.#times[this.#head]! > maxAgeMs)
  }

  #dropOldest(): void {
    const change = this.#changes[this.#head]!
    this.#changes[this.#head++] = undefined
    this.#bytes -= bytesOf(change)
    this.#compacted = change.entry.modRevision
  }

  #tidy(): void {
    if (this.#head < slack || this.#head * 2 < this.#changes.length) return
    this.#changes = this.#changes.slice(this.#head)
    this.#times = this.#times.slice(this.#head)
    this.#head = 0
  }
}

/** What this change alone keeps alive: the value it superseded (a deleted entry shares the bytes of the one before). */
const bytesOf = (change: Change): number => changeOverhead + (change.previous?.value.length ?? 0)
