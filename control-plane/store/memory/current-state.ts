import type { Millis, Revision } from '../../../shared/base/brands.ts'
import { CompactedError, FutureRevisionError } from '../store.ts'
import type { Change, Entry, ListRequest, ListResult, Watcher } from '../store.ts'
import { WatchHub } from '../watch-hub.ts'
import { Window } from '../window.ts'
import type { WindowLimits } from '../window.ts'
import { prefixEnd, SortedEntries } from './sorted-entries.ts'

/**
 * What readers and watchers see: the current entries, the window of recent changes, and an older state as the current one with the window's
 * changes undone. Every backend that keeps its state in memory is this plus a way to decide which changes are applied when.
 */
export class CurrentState {
  readonly #entries: SortedEntries
  readonly #window: Window
  readonly #hub: WatchHub

  /** `sorted`: the entries at revision `start`, by key. */
  constructor(options: { limits: WindowLimits; start: Revision; sorted: readonly Entry[] }) {
    this.#entries = SortedEntries.from(options.sorted)
    this.#window = new Window(options.limits, options.start)
    this.#hub = new WatchHub(this.#window)
  }

  get revision(): Revision { return this.#window.latest }
  get compacted(): Revision { return this.#window.compacted }

  /** Makes changes visible, in revision order, to readers and then to watchers. `now` is monotonic. */
  apply(changes: readonly Change[], now: Millis): void {
    if (changes.length === 0) return
    for (const change of changes) {
      if (change.type === 'put') this.#entries.set(change.entry)
      else this.#entries.delete(change.entry.key)
    }
    this.#window.add(changes, now)
    this.#hub.publish(changes)
  }

  get(key: string): Entry | undefined { return this.#entries.get(key) }

  count(prefix: string): number { return this.#entries.countRange(prefix, prefixEnd(prefix)) }

  list(request: ListRequest): ListResult {
    const { prefix } = request
    const at = request.at ?? this.revision
    if (at > this.revision) throw new FutureRevisionError(this.revision)
    if (at < this.compacted) throw new CompactedError(this.compacted)
    const from = request.from !== undefined && request.from > prefix ? request.from : prefix
    const to = prefixEnd(prefix)
    if (to !== undefined && from >= to) return { entries: [], revision: at, next: undefined, remaining: 0 }
    const undone = this.#undone({ prefix, from, at })
    const limit = request.limit ?? Infinity
    const entries: Entry[] = []
    let next: string | undefined
    for (const entry of undone.size === 0 ? this.#entries.range(from, to) : merge(this.#entries.range(from, to), undone)) {
      if (entries.length >= limit) {
        next = entry.key
        break
      }
      entries.push(entry)
    }
    if (next === undefined) return { entries, revision: at, next, remaining: 0 }
    let remaining = this.#entries.countRange(next, to)
    for (const [key, entry] of undone) if (key >= next) remaining += (entry ? 1 : 0) - (this.#entries.get(key) ? 1 : 0)
    return { entries, revision: at, next, remaining }
  }

  /** The keys in range that changed after `at`, each with its state then. */
  #undone(range: { prefix: string; from: string; at: Revision }): Map<string, Entry | undefined> {
    const undone = new Map<string, Entry | undefined>()
    if (range.at === this.revision) return undone
    // Newest first, so that what stays is the state before the oldest change after `at`.
    for (const { entry: { key }, previous } of this.#window.backTo(range.at)) if (key >= range.from && key.startsWith(range.prefix)) undone.set(key, previous)
    return undone
  }

  watch(prefix: string, from: Revision): Watcher { return this.#hub.watch(prefix, from) }

  compact(revision: Revision): void {
    if (revision > this.revision) throw new FutureRevisionError(this.revision)
    this.#window.compact(revision)
  }

  closeWatchers(): void { this.#hub.close() }
}

/** Current entries with some keys replaced by an older state, in key order. */
function* merge(current: Iterable<Entry>, replaced: ReadonlyMap<string, Entry | undefined>): Generator<Entry, void, void> {
  const keys = [...replaced.keys()].sort(byCodeUnit)
  let k = 0
  for (const entry of current) {
    for (; k < keys.length && keys[k]! < entry.key; k++) {
      const older = replaced.get(keys[k]!)
      if (older) yield older
    }
    if (keys[k] !== entry.key) {
      yield entry
      continue
    }
    const older = replaced.get(keys[k++]!)
    if (older) yield older
  }
  for (; k < keys.length; k++) {
    const older = replaced.get(keys[k]!)
    if (older) yield older
  }
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
