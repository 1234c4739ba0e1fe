import type { Revision } from '../../../shared/base/brands.ts'
import type { Change, Entry } from '../store.ts'

/** The newest state of a key, not yet visible. */
export interface Unpublished {
  readonly entry: Entry | undefined
  readonly memoryOnly: boolean
  readonly revision: Revision
}

/** Something that takes effect in its turn: a change, or (without one) an answer that must not overtake the changes it depends on. */
export interface Pending {
  readonly change?: Change
  /** The change never goes to disk. */
  readonly memoryOnly: boolean
  readonly ttlSeconds?: number
  /** Waits for the commit that carries it, and so does everything behind it. */
  readonly needsDisk: boolean
  resolve(): void
  reject(error: Error): void
}

/**
 * Writes between their comparison and their visibility, in revision order. Behind one that needs the disk all wait, so that readers see
 * revisions in order and nothing that a crash could take back.
 */
export class PendingWrites {
  readonly #newest = new Map<string, Unpublished>()
  #queue: Pending[] = []
  #head = 0
  /** Of everything ever queued, how many were taken out of the queue, and how many the disk has. */
  #published = 0
  #synced = 0
  /** How many of those queued need the disk and are not synced yet. */
  #unsynced = 0

  get size(): number { return this.#queue.length - this.#head }
  get needsCommit(): boolean { return this.#unsynced > 0 }
  /** How many were ever queued: a position to pass to {@link synced}. */
  get end(): number { return this.#published + this.size }

  newest(key: string): Unpublished | undefined { return this.#newest.get(key) }

  push(pending: Pending): void {
    this.#queue.push(pending)
    if (pending.needsDisk) this.#unsynced++
    const { change } = pending
    if (!change) return
    const { key, modRevision } = change.entry
    this.#newest.set(key, { entry: change.type === 'put' ? change.entry : undefined, memoryOnly: pending.memoryOnly, revision: modRevision })
  }

  /** The disk has everything queued before `end`. */
  synced(end: number): void {
    for (let i = Math.max(this.#synced, this.#published); i < end; i++) if (this.#queue[this.#head + i - this.#published]!.needsDisk) this.#unsynced--
    this.#synced = end
  }

  /** Takes out what may become visible, in order. */
  takeReady(): Pending[] {
    const ready: Pending[] = []
    while (this.#head < this.#queue.length) {
      const pending = this.#queue[this.#head]!
      if (pending.needsDisk && this.#published >= this.#synced) break
      this.#head++
      this.#published++
      ready.push(pending)
      const { change } = pending
      if (change && this.#newest.get(change.entry.key)?.revision === change.entry.modRevision) this.#newest.delete(change.entry.key)
    }
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    }
    return ready
  }

  /** Takes out everything: the disk failed and nothing of it becomes visible. */
  takeAll(): Pending[] {
    const all = this.#queue.slice(this.#head)
    this.#published += all.length
    this.#synced = this.#published
    this.#unsynced = 0
    this.#queue = []
    this.#head = 0
    this.#newest.clear()
    return all
  }
}
