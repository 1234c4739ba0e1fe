/**
 * The revisioned store: keys and bytes, no Kubernetes. etcd's model (etcd `server/storage/mvcc/kv.go`) on an embedded database.
 *
 * - One revision counter for the whole store. Each successful write takes the next revision; each key has a create and a mod revision.
 * - A write is a compare-and-swap: it says which mod revision it replaces, or that the key must not exist.
 * - Reads never wait for writes and are linearizable: a read after an acknowledged write sees it.
 * - Watches give every change after a revision, in revision order, no gap, no duplicate, or end with an explicit error.
 * - Revisions never go back and are never given out twice, whatever crashes; some are skipped (a crash, a failed commit).
 * - A store opened again has no history: `compacted` is its revision, above any that the run before showed.
 */
import type { Revision } from '../../shared/base/brands.ts'

/**
 * When a write is acknowledged and what a crash may lose.
 * - `durable`: acknowledged after it is on disk. The commit carries every lazy write before it, so a crash leaves a prefix of history.
 * - `lazy`: acknowledged from memory, on disk with the next commit or within the flush interval; a crash loses at most that interval.
 * - `volatile`: memory only, gone after a restart; takes revisions like any write. To a key that a durable or lazy write stored, it counts as
 *   `lazy`: an older state never comes back.
 */
export type Durability = 'durable' | 'lazy' | 'volatile'

export interface Entry {
  readonly key: string
  /** Never changed after it was stored; shared by all readers. May be a copy of what was written. */
  readonly value: Buffer
  /** Unique among keys: the revision of the write that made this key. */
  readonly createRevision: Revision
  readonly modRevision: Revision
}

export type Write =
  /**
   * Stores `value`, or what it returns for the revision the write gets (called at once, at most once; must not call the store). `expect`: the
   * key's mod revision, or 0 for "must not exist". `ttlSeconds`, for volatile writes only: the key is deleted then, at most max(1 s, TTL / 64)
   * late, unless written again.
   */
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer | ((revision: Revision) => Buffer); readonly expect: Revision | 0; readonly durability: Durability; readonly ttlSeconds?: number }
  | { readonly type: 'delete'; readonly key: string; readonly expect: Revision; readonly durability: Durability }

/** Outcomes of a write are data: a conflict is not an exception. `current` is undefined where the key does not exist. */
export type WriteResult =
  | { readonly ok: true; readonly revision: Revision; readonly entry: Entry }
  | { readonly ok: false; readonly current: Entry | undefined }

export interface ListRequest {
  /** Keys that start with this; `''` is all. */
  readonly prefix: string
  /** Start at this key (inclusive) instead of the first: continuation. */
  readonly from?: string
  /** At most this many entries. */
  readonly limit?: number
  /** State as of this revision; the current one if left out. Throws {@link CompactedError} or {@link FutureRevisionError}. */
  readonly at?: Revision
}

export interface ListResult {
  /** Sorted by key (UTF-16 code unit order). */
  readonly entries: readonly Entry[]
  /** The revision of the state listed: a watch from here continues without gap. */
  readonly revision: Revision
  /** First key not returned because of `limit`. */
  readonly next: string | undefined
  /** How many entries the limit left out (exact). */
  readonly remaining: number
}

export interface Change {
  readonly type: 'put' | 'delete'
  /** The new state; for `delete` the last state, with `modRevision` the revision of the deletion. */
  readonly entry: Entry
  /** The state before, undefined for a creation. */
  readonly previous: Entry | undefined
}

/**
 * `synced`: nothing is unread. `catching-up`: behind, and the window has what is missing. `blocked`: its reader did not pull until the window
 * passed it by; the next pull ends with {@link CompactedError}.
 */
export type WatchState = 'synced' | 'catching-up' | 'blocked'

/**
 * A watch is pulled: `next` resolves with all changes waiting, oldest first, never an empty array. A reader that does not pull costs the
 * writers nothing: changes stay in the shared window; a reader that falls out of the window gets {@link CompactedError} from `next`.
 */
export interface Watcher {
  /** One call at a time; a second one rejects. Aborted, it rejects with the signal's reason and nothing is lost. */
  next(signal?: AbortSignal): Promise<readonly Change[]>
  /** The revision up to which everything matching was handed out; what a bookmark may say. Advances without matching changes too. */
  readonly progress: Revision
  readonly state: WatchState
  /** Idempotent. A pending `next` rejects with an AbortError. */
  close(): void
}

export interface Store {
  /** Identifies this history: a new one after a restore or a fresh database. Revisions of different incarnations do not compare. */
  readonly incarnation: string
  /** Revision of the last visible write, or of the opening. */
  readonly revision: Revision
  /** Oldest revision that list-at and watch still reach. */
  readonly compacted: Revision
  /** The current entry, synchronously from memory. */
  get(key: string): Entry | undefined
  list(request: ListRequest): ListResult
  /** Number of keys with the prefix. */
  count(prefix: string): number
  /**
   * Applies one write; resolves when it is acknowledged by its class. Writes to one key are applied in call order. The comparison is made
   * at call time against the newest state, acknowledged or not; readers and watchers see a durable write only once it is on disk, in revision order.
   * A conflict with a write that is not acknowledged yet is answered after that write.
   * Rejects where the disk fails or the store is closed ({@link StoreFailedError}): then nothing was applied, nor any write that waited behind
   * it; after a failure other than a full disk no more writes are taken, and what is on disk is known when the store is opened again. Rejects
   * with RangeError for an empty key or a misplaced `ttlSeconds`.
   */
  write(write: Write): Promise<WriteResult>
  /** Changes after `from` (exclusive) to keys with the prefix. Throws {@link CompactedError} or {@link FutureRevisionError}. */
  watch(prefix: string, from: Revision): Watcher
  /** Drops history at and before `revision`; stores also do so by themselves. Current state is untouched. Throws {@link FutureRevisionError}. */
  compact(revision: Revision): Promise<void>
  /** Writes all lazy entries to disk. */
  flush(): Promise<void>
  /** A consistent copy of the database as one file, lazy writes included, read back in full before it gets its name. Replaces a file there. */
  backup(path: string): Promise<void>
  /** Flushes, ends watches, closes the database. Idempotent. Rejects where the flush fails; the database is closed all the same. */
  close(): Promise<void>
}

export class CompactedError extends Error {
  override readonly name = 'CompactedError'
  readonly compacted: Revision
  constructor(compacted: Revision) { super(`history at and before revision ${compacted} is compacted`); this.compacted = compacted }
}
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError'
  readonly current: Revision
  constructor(current: Revision) { super(`revision is later than the current one, ${current}`); this.current = current }
}
export class StoreFailedError extends Error { override readonly name = 'StoreFailedError' }
