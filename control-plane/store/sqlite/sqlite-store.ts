import { messageOf } from '../../../shared/base/errors.ts'
import type { Millis, Revision } from '../../../shared/base/brands.ts'
import { revision } from '../../../shared/base/brands.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { SqliteError } from '../../../shared/host/sqlite.ts'
import type { Database } from '../../../shared/host/sqlite.ts'
import { nextTurn } from '../../../shared/host/turn.ts'
import { Expiry } from '../expiry.ts'
import { CurrentState } from '../memory/current-state.ts'
import { checkWrite, outcome } from '../outcome.ts'
import { StoreFailedError } from '../store.ts'
import type { Change, Entry, ListRequest, ListResult, Store, Watcher, Write, WriteResult } from '../store.ts'
import type { WindowLimits } from '../window.ts'
import { backUp } from './backup.ts'
import { CommitWriter } from './commit-writer.ts'
import { DirtyRows } from './dirty-rows.ts'
import { PendingWrites } from './pending-writes.ts'
import type { Pending } from './pending-writes.ts'
import type { Contents } from './read-database.ts'
import type { ValueCodec } from './value-codec.ts'

export interface SqliteStoreSettings {
  readonly clock: Clock
  readonly log: Log
  readonly lazyFlushMs: Millis
  readonly revisionBlock: number
  readonly window: WindowLimits
  readonly values: ValueCodec
}

/**
 * A {@link CurrentState} in memory, whose changes pass through {@link PendingWrites} until a commit has them. One loop commits: it takes all
 * that is dirty, and what arrives meanwhile forms the next commit.
 *
 * Revisions: the disk holds a limit that no revision given out ever exceeds. A write above it waits for the commit that raises the limit, so
 * after any crash the next revision is the limit plus one, whatever was lost. Nothing is written to reserve until the first write needs it.
 */
export class SqliteStore implements Store {
  readonly incarnation: string
  readonly #db: Database
  readonly #writer: CommitWriter
  readonly #settings: SqliteStoreSettings
  readonly #state: CurrentState
  readonly #expiry: Expiry
  readonly #pending = new PendingWrites()
  readonly #dirty = new DirtyRows()
  /** Create revisions of visible entries that never go to disk. */
  readonly #memoryOnly = new Set<Revision>()
  #lastGiven: Revision
  #limit: Revision
  #committing: Promise<void> | undefined
  #lazyTimer: Disposable | undefined
  #backups: Promise<unknown> = Promise.resolve()
  /** Why writes are refused; set by a failed disk or by `close`. */
  #refusal: StoreFailedError | undefined
  #closing: Promise<void> | undefined

  constructor(db: Database, contents: Contents, settings: SqliteStoreSettings) {
    this.#db = db
    this.#writer = new CommitWriter(db, settings.values)
    this.#settings = settings
    this.incarnation = contents.meta.incarnation
    this.#limit = contents.meta.revisionLimit
    // One above everything the run before may have shown: a watch from any of its revisions is answered with "compacted", since lazy and
    // volatile writes after the last commit are gone. Unused until the first write, so a run that writes nothing leaves nothing behind.
    this.#lastGiven = revision(this.#limit + 1)
    this.#state = new CurrentState({ limits: settings.window, start: this.#lastGiven, sorted: contents.entries })
    this.#expiry = new Expiry(settings.clock, (key, expect) => this.#expire(key, expect))
  }

  get revision(): Revision { return this.#state.revision }
  get compacted(): Revision { return this.#state.compacted }
  get(key: string): Entry | undefined { return this.#state.get(key) }
  list(request: ListRequest): ListResult { return this.#state.list(request) }
  count(prefix: string): number { return this.#state.count(prefix) }

  watch(prefix: string, from: Revision): Watcher {
    if (this.#closing) throw new StoreFailedError('store is closed')
    return this.#state.watch(prefix, from)
  }

  async compact(at: Revision): Promise<void> { this.#state.compact(at) }

  write(write: Write): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      if (this.#refusal) throw this.#refusal
      checkWrite(write)
      const unpublished = this.#pending.newest(write.key)
      const current = unpublished ? unpublished.entry : this.#state.get(write.key)
      const next = revision(this.#lastGiven + 1)
      const { result, change } = outcome({ write, current, next })
      if (change) {
        this.#lastGiven = next
        this.#accept(write, change, { needsDisk: write.durability === 'durable' || next > this.#limit, resolve: () => resolve(result), reject })
      } else if (unpublished) {
        // The state it conflicts with is not durable yet: to tell of it now would let a reader see what a crash may take back.
        this.#pending.push({ memoryOnly: true, needsDisk: false, resolve: () => resolve(result), reject })
      } else {
        resolve(result)
      }
    })
  }

  #accept(write: Write, change: Change, turn: Pick<Pending, 'needsDisk' | 'resolve' | 'reject'>): void {
    const wasMemoryOnly = change.previous === undefined || this.#isMemoryOnly(change.previous)
    const memoryOnly = wasMemoryOnly && write.durability === 'volatile'
    const onDisk = change.type === 'put' ? !memoryOnly : change.previous !== undefined && !wasMemoryOnly
    if (onDisk) this.#dirty.record(change)
    const ttl = write.type === 'put' && write.ttlSeconds !== undefined ? { ttlSeconds: write.ttlSeconds } : {}
    this.#pending.push({ change, memoryOnly, ...ttl, ...turn })
    if (turn.needsDisk) {
      this.#startCommit()
      return
    }
    this.#publish()
    if (onDisk) this.#armLazyTimer()
  }

  #isMemoryOnly(entry: Entry): boolean {
    return this.#pending.newest(entry.key)?.memoryOnly ?? this.#memoryOnly.has(entry.createRevision)
  }

  /** Makes visible and acknowledges whatever no longer waits for the disk. */
  #publish(): void {
    const ready = this.#pending.takeReady()
    const changes: Change[] = []
    for (const { change, memoryOnly, ttlSeconds } of ready) {
      if (!change) continue
      const { key, createRevision, modRevision } = change.entry
      changes.push(change)
      if (memoryOnly && change.type === 'put') this.#memoryOnly.add(createRevision)
      else this.#memoryOnly.delete(createRevision)
      if (ttlSeconds !== undefined) this.#expiry.set(key, modRevision, ttlSeconds)
      else this.#expiry.clear(key)
    }
    this.#state.apply(changes, this.#settings.clock.monotonic())
    for (const { resolve } of ready) resolve()
  }

  #armLazyTimer(): void {
    this.#lazyTimer ??= this.#settings.clock.after(this.#settings.lazyFlushMs, () => {
      this.#lazyTimer = undefined
      this.#inBackground('flush of lazy writes', this.flush())
    })
  }

  #expire(key: string, expect: Revision): void {
    this.#inBackground(`expiry of ${key}`, this.write({ type: 'delete', key, expect, durability: 'volatile' }))
  }

  /** Nobody waits for this: its failure is logged here, once. A failed disk has been logged already. */
  #inBackground(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof StoreFailedError)) this.#settings.log.error(`${what} failed`, { error: messageOf(error) })
    })
  }

  flush(): Promise<void> {
    return this.#refusal ? Promise.reject(this.#refusal) : this.#barrier()
  }

  /** Writes every entry that goes to disk and whose key is chosen again, in the form its codec gives it now; its revision stays. Resolves with their number, on disk. */
  async rewrite(chosen: (key: string) => boolean): Promise<number> {
    if (this.#refusal) throw this.#refusal
    // What is on its way was encoded before this call, and may not be visible yet.
    await this.#barrier()
    let count = 0
    for (const visible of this.#state.list({ prefix: '' }).entries) {
      if (!chosen(visible.key) || this.#isMemoryOnly(visible)) continue
      // The newest state, acknowledged or not: an older one must not follow it onto the disk.
      const unpublished = this.#pending.newest(visible.key)
      const entry = unpublished ? unpublished.entry : visible
      if (!entry) continue
      this.#dirty.rewrite(entry)
      count++
    }
    await this.#barrier()
    return count
  }

  /** Waits until everything written before is on disk. */
  #barrier(): Promise<void> {
    if (this.#dirty.empty && !this.#committing) {
      // Nothing waits, so nothing can fail any more that would have to be given back.
      this.#dirty.take()
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ memoryOnly: true, needsDisk: true, resolve, reject })
      this.#startCommit()
    })
  }

  #startCommit(): void { this.#committing ??= this.#commitAll() }

  /** Never rejects: a failure goes to the writes that wait. Each round first lets what is arriving join in. */
  async #commitAll(): Promise<void> {
    try {
      await nextTurn()
      while (this.#pending.needsCommit) {
        await this.#commitOnce()
        await nextTurn()
      }
    } catch (error) {
      this.#commitFailed(error)
    }
    // In the same turn as the last look at the queue: a write that comes now starts the loop anew.
    this.#committing = undefined
  }

  async #commitOnce(): Promise<void> {
    const end = this.#pending.end
    const limit = this.#wantedLimit()
    const batch = this.#dirty.take()
    this.#lazyTimer?.[Symbol.dispose]()
    this.#lazyTimer = undefined
    try {
      await this.#writer.commit(batch, limit)
    } catch (error) {
      this.#dirty.restore(batch, (key, id) => this.#persisted(key, id))
      this.#commitFailed(error)
      return
    }
    if (limit !== undefined) this.#limit = limit
    this.#pending.synced(end)
    this.#publish()
    // Lazy writes accepted during the commit had no timer to wait for.
    if (!this.#dirty.empty) this.#armLazyTimer()
  }

  /** Raised with whatever commit comes along once half a block is used, so that a volatile write hardly ever waits for it. */
  #wantedLimit(): Revision | undefined {
    const { revisionBlock } = this.#settings
    return this.#lastGiven + revisionBlock / 2 > this.#limit ? revision(this.#lastGiven + revisionBlock) : undefined
  }

  /** The row that belongs on disk as far as readers know. */
  #persisted(key: string, id: Revision): Entry | undefined {
    const entry = this.#state.get(key)
    return entry?.createRevision === id && !this.#memoryOnly.has(id) ? entry : undefined
  }

  /**
   * A full disk rolls back cleanly: the waiting writes are refused, and later ones try again. After anything else, a failed fsync above all,
   * nobody knows what is on the disk: the store takes no more writes until it is opened again and has read what is there.
   */
  #commitFailed(cause: unknown): void {
    const failure = new StoreFailedError(`commit failed: ${messageOf(cause)}`, { cause })
    const passing = cause instanceof SqliteError && cause.code === 'SQLITE_FULL'
    if (!passing) this.#refusal ??= failure
    this.#settings.log.error(passing ? 'disk is full, writes are refused' : 'disk failed, no more writes are taken', { error: messageOf(cause) })
    for (const { reject } of this.#pending.takeAll()) reject(failure)
    if (passing && !this.#dirty.empty) this.#armLazyTimer()
  }

  backup(path: string): Promise<void> {
    if (this.#refusal) return Promise.reject(this.#refusal)
    const work = async (): Promise<void> => {
      await this.#barrier()
      await backUp(this.#db, path)
    }
    const turn = this.#backups.then(work, work)
    this.#backups = Promise.allSettled([turn])
    return turn
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const failed = this.#refusal
    this.#refusal ??= new StoreFailedError('store is closed')
    this.#expiry.dispose()
    await this.#backups
    try {
      if (failed === undefined) await this.#barrier()
    } finally {
      await this.#committing
      this.#expiry.dispose()
      this.#lazyTimer?.[Symbol.dispose]()
      this.#state.closeWatchers()
      await this.#db.close()
    }
  }
}
