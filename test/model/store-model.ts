/**
 * The store as a page of arithmetic, to judge a recorded history by. It knows the contract (control-plane/store/store.ts) and nothing of how a
 * backend keeps it. Pure: the same history gives the same verdict.
 */
import type { Durability } from '../../control-plane/store/store.ts'

export interface StoredEntry { readonly key: string; readonly value: string; readonly created: number; readonly modified: number }
export interface SeenChange { readonly type: 'put' | 'delete'; readonly key: string; readonly value: string; readonly created: number; readonly modified: number; readonly previous: number }

/** What one run of a process tells, in the order it happened there: one thread, so the order is total. */
export type HistoryEvent =
  | { readonly at: 'open'; readonly incarnation: string; readonly revision: number; readonly compacted: number; readonly entries: readonly StoredEntry[] }
  | { readonly at: 'call'; readonly id: number; readonly type: 'put' | 'delete'; readonly key: string; readonly expect: number; readonly durability: Durability; readonly value: string }
  /** `seen`: the mod revision that a read right after the acknowledgement found, 0 for none. */
  | { readonly at: 'ok'; readonly id: number; readonly revision: number; readonly seen: number }
  | { readonly at: 'conflict'; readonly id: number; readonly current: number }
  | { readonly at: 'watch'; readonly watcher: number; readonly prefix: string; readonly from: number }
  | { readonly at: 'changes'; readonly watcher: number; readonly changes: readonly SeenChange[]; readonly progress: number }
  | { readonly at: 'unwatch'; readonly watcher: number }
  | { readonly at: 'flushing' }
  | { readonly at: 'flushed' }
  /** Every watcher still open has been given everything, and the store was closed in order. */
  | { readonly at: 'closed' }

interface Call { readonly index: number; readonly revision: number; readonly conflictsWith: number; readonly durability: Durability; readonly key: string }
interface ModelChange extends SeenChange { readonly durability: Durability; readonly memoryOnly: boolean }
interface Watch { readonly prefix: string; next: number }

/** A promise of the contract that the history breaks; the message says which and where. */
export class Violation extends Error { override readonly name = 'Violation' }

const broken = (promise: string, details: unknown): never => {
  throw new Violation(`${promise}: ${JSON.stringify(details)}`)
}
function must(holds: boolean, promise: string, details: unknown): asserts holds {
  if (!holds) broken(promise, details)
}

/** Judges run after run of one database, a crash or an orderly close between them. */
export class StoreJudge {
  #previous: Run | undefined
  readonly #acknowledged: Record<Durability, number> = { durable: 0, lazy: 0, volatile: 0 }
  #lostLazy = 0

  /** What the runs contained, to show that the verdict is not about nothing. */
  get tally(): { readonly acknowledged: Readonly<Record<Durability, number>>; readonly lostLazy: number } {
    return { acknowledged: this.#acknowledged, lostLazy: this.#lostLazy }
  }

  /** Throws {@link Violation}. A run that was killed before it had opened is empty. */
  judge(events: readonly HistoryEvent[]): void {
    const [open, ...rest] = events
    if (!open) return
    if (open.at !== 'open') return broken('a run begins with open', open)
    if (this.#previous) this.#lostLazy += recovered(this.#previous, open)
    const run = new Run(open)
    for (const event of rest) run.replay(event)
    for (const durability of ['durable', 'lazy', 'volatile'] as const) this.#acknowledged[durability] += run.acknowledged[durability]
    this.#previous = run
  }
}

type Open = Extract<HistoryEvent, { at: 'open' }>

/** Checks the state found after a crash against the run before it. Returns how many acknowledged lazy changes the crash took. */
function recovered(before: Run, open: Open): number {
  must(open.incarnation === before.open.incarnation, 'the incarnation stays', { before: before.open.incarnation, after: open.incarnation })
  must(open.revision > before.exposed, 'revisions never go back and are never reused', { exposed: before.exposed, after: open.revision })
  must(open.revision >= before.open.revision, 'revisions never go back', { before: before.open.revision, after: open.revision })
  must(open.compacted === open.revision, 'a reopened store has no history', { compacted: open.compacted, revision: open.revision })
  const cut = before.cutOf(open.entries)
  if (cut === undefined) return broken('a crash leaves a prefix of history with every durable write that was shown', before.explain(open.entries))
  return before.lazyAfter(cut)
}

/** One run, replayed: a call's outcome follows from the calls before it. */
class Run {
  readonly open: Open
  readonly acknowledged: Record<Durability, number> = { durable: 0, lazy: 0, volatile: 0 }
  /** The newest revision of a change that anybody was shown. */
  exposed = 0
  /** Everything up to here must outlive a crash. */
  #durableUpTo = 0
  readonly #changes: ModelChange[] = []
  readonly #byRevision = new Map<number, ModelChange>()
  readonly #state = new Map<string, StoredEntry & { readonly memoryOnly: boolean }>()
  readonly #calls = new Map<number, Call>()
  readonly #answered = new Set<number>()
  readonly #watches = new Map<number, Watch>()
  readonly #lazyShown = new Set<number>()
  #flushing = 0
  #lastGiven: number

  constructor(open: Open) {
    this.open = open
    this.#lastGiven = open.revision
    this.#durableUpTo = open.revision
    for (const entry of open.entries) {
      must(entry.created <= entry.modified && entry.modified <= open.revision, 'entries are not newer than the store', entry)
      must(!this.#state.has(entry.key), 'keys are unique', entry)
      this.#state.set(entry.key, { ...entry, memoryOnly: false })
    }
  }

  replay(event: HistoryEvent): void {
    switch (event.at) {
      case 'open': return broken('a run opens once', event)
      case 'call': return this.#call(event)
      case 'ok': return this.#ok(event)
      case 'conflict': return this.#conflict(event)
      case 'watch': return this.#watch(event)
      case 'changes': return this.#handedOut(event)
      case 'unwatch':
        this.#watches.delete(event.watcher)
        return
      case 'flushing':
        this.#flushing = this.#lastGiven
        return
      case 'flushed':
        this.#durableUpTo = Math.max(this.#durableUpTo, this.#flushing)
        return
      case 'closed': return this.#closed()
    }
  }

  #call(event: Extract<HistoryEvent, { at: 'call' }>): void {
    const { id, type, key, expect, durability, value } = event
    const current = this.#state.get(key)
    const succeeds = (current?.modified ?? 0) === expect && (type === 'put' || current !== undefined)
    this.#calls.set(id, { index: this.#changes.length, revision: succeeds ? this.#lastGiven + 1 : 0, conflictsWith: current?.modified ?? 0, durability, key })
    if (!succeeds) return
    const modified = ++this.#lastGiven
    const memoryOnly = durability === 'volatile' && (current?.memoryOnly ?? true)
    const change: ModelChange = {
      type, key, value: type === 'put' ? value : current!.value, created: current?.created ?? modified, modified, previous: current?.modified ?? 0, durability, memoryOnly,
    }
    this.#changes.push(change)
    this.#byRevision.set(modified, change)
    if (type === 'put') this.#state.set(key, { key, value, created: change.created, modified, memoryOnly })
    else this.#state.delete(key)
  }

  #answer(id: number): Call {
    const call = this.#calls.get(id)
    if (!call || this.#answered.has(id)) return broken('every call is answered once', { id })
    this.#answered.add(id)
    return call
  }

  /** A reader was shown the state at `revision`. */
  #show(revision: number): void {
    const change = this.#byRevision.get(revision)
    if (!change) return
    this.exposed = Math.max(this.exposed, revision)
    if (change.durability === 'durable') this.#durableUpTo = Math.max(this.#durableUpTo, revision)
    else if (!change.memoryOnly) this.#lazyShown.add(revision)
  }

  #ok(event: Extract<HistoryEvent, { at: 'ok' }>): void {
    const call = this.#answer(event.id)
    must(call.revision === event.revision, 'a write succeeds exactly if nothing came between, and takes the next revision', { event, call })
    must(event.seen >= event.revision || (event.seen === 0 && this.#deletedAfter(call)), 'a read after an acknowledged write sees it', { event, call })
    this.acknowledged[call.durability]++
    this.#show(event.revision)
    this.#show(event.seen)
  }

  #deletedAfter(call: Call): boolean {
    for (let i = call.index; i < this.#changes.length; i++) if (this.#changes[i]!.key === call.key && this.#changes[i]!.type === 'delete') return true
    return false
  }

  #conflict(event: Extract<HistoryEvent, { at: 'conflict' }>): void {
    const call = this.#answer(event.id)
    must(call.revision === 0, 'a write succeeds exactly if nothing came between', { event, call })
    must(call.conflictsWith === event.current, 'a conflict names what it conflicts with', { event, call })
    this.#show(event.current)
  }

  #watch({ watcher, prefix, from }: Extract<HistoryEvent, { at: 'watch' }>): void {
    const next = this.#changes.findIndex((change) => change.modified > from)
    this.#watches.set(watcher, { prefix, next: next < 0 ? this.#changes.length : next })
  }

  #handedOut(event: Extract<HistoryEvent, { at: 'changes' }>): void {
    const watch = this.#watches.get(event.watcher)
    if (!watch) return broken('changes go to open watches', event)
    for (const seen of event.changes) {
      const expected = this.#nextFor(watch)
      must(expected !== undefined && same(expected, seen), 'a watch gives every change once, in order, without a gap', { watcher: event.watcher, prefix: watch.prefix, seen, expected })
      watch.next++
      this.#show(seen.modified)
    }
    const missed = this.#nextFor(watch)
    must(missed === undefined || missed.modified > event.progress, 'progress does not pass a change that was not handed out', { progress: event.progress, missed })
  }

  /** Moves the watch to its next matching change and returns it. */
  #nextFor(watch: Watch): ModelChange | undefined {
    while (watch.next < this.#changes.length && !this.#changes[watch.next]!.key.startsWith(watch.prefix)) watch.next++
    return this.#changes[watch.next]
  }

  #closed(): void {
    must(this.#answered.size === this.#calls.size, 'every call is answered before the store closes', { calls: this.#calls.size, answered: this.#answered.size })
    for (const watch of this.#watches.values()) must(this.#nextFor(watch) === undefined, 'a watch gives every change', { prefix: watch.prefix, missed: this.#nextFor(watch) })
    this.#durableUpTo = this.#lastGiven
  }

  /** The revision at which what had to be on disk is exactly `found`; undefined where there is none that keeps every durable write shown. */
  cutOf(found: readonly StoredEntry[]): number | undefined {
    const disk = new Map(this.open.entries.map((entry) => [entry.key, entry]))
    const wanted = new Map(found.map((entry) => [entry.key, entry]))
    const differing = new Set<string>()
    const compare = (key: string): void => {
      if (sameEntry(disk.get(key), wanted.get(key))) differing.delete(key)
      else differing.add(key)
    }
    for (const key of [...disk.keys(), ...wanted.keys()]) compare(key)
    let cut = differing.size === 0 && this.open.revision >= this.#durableUpTo ? this.open.revision : undefined
    for (const change of this.#changes) {
      if (change.type === 'delete') disk.delete(change.key)
      else if (!change.memoryOnly) disk.set(change.key, change)
      compare(change.key)
      // The latest cut that fits: what a crash took is then never overstated.
      if (differing.size === 0 && change.modified >= this.#durableUpTo) cut = change.modified
    }
    return cut
  }

  /** How many lazy changes that were shown came after `cut`. */
  lazyAfter(cut: number): number {
    let lost = 0
    for (const revision of this.#lazyShown) if (revision > cut) lost++
    return lost
  }

  /** For the message of a violation: the keys in which the state that had to survive differs from what was found. */
  explain(found: readonly StoredEntry[]): unknown {
    const disk = new Map(this.open.entries.map((entry) => [entry.key, entry]))
    for (const change of this.#changes) {
      if (change.modified > this.#durableUpTo) break
      if (change.type === 'delete') disk.delete(change.key)
      else if (!change.memoryOnly) disk.set(change.key, change)
    }
    const wanted = new Map(found.map((entry) => [entry.key, entry]))
    const keys = new Set([...disk.keys(), ...wanted.keys()])
    const differences = [...keys].filter((key) => !sameEntry(disk.get(key), wanted.get(key))).map((key) => ({ key, atLeast: disk.get(key)?.modified ?? 0, found: wanted.get(key)?.modified ?? 0 }))
    return { durableUpTo: this.#durableUpTo, lastGiven: this.#lastGiven, opened: this.open.revision, differences: differences.slice(0, 10) }
  }
}

const sameEntry = (a: StoredEntry | undefined, b: StoredEntry | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.value === b.value && a.created === b.created && a.modified === b.modified)

const same = (a: SeenChange, b: SeenChange): boolean =>
  a.type === b.type && a.key === b.key && a.value === b.value && a.created === b.created && a.modified === b.modified && a.previous === b.previous
