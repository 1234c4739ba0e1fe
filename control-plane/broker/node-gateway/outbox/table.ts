/**
 * A set of objects and the recent history of its changes, so that "what changed since revision r" costs what changed. Used twice for each
 * node: once for what all nodes get (Services and their endpoints), once for what is the node's own.
 */
import type { KubeObject } from '../../../../shared/api/object.ts'
import type { ObjectId } from '../../../../shared/mqtt/messages.ts'
import { keyOf } from '../scope.ts'

export interface Entry { readonly id: ObjectId; readonly revision: number; readonly digest: string; readonly object: KubeObject }
export interface Removal { readonly id: ObjectId; readonly revision: number; readonly object: undefined }
export type Item = Entry | Removal

/** Changes kept beyond the number of objects: a node that missed more is asked for its inventory, which then is the shorter way. */
const spare = 500

export class ChangeTable {
  readonly #entries = new Map<string, Entry>()
  readonly #removed = new Map<string, Removal>()
  /** Every change, oldest first; superseded ones are skipped when read and dropped when trimmed. */
  #log: { revision: number; key: string }[] = []
  #revision = 0
  #compacted = 0

  /** Revision of the last change. */
  get revision(): number { return this.#revision }
  /** Changes after this revision are known. */
  get compacted(): number { return this.#compacted }
  get size(): number { return this.#entries.size }

  get(id: ObjectId): Entry | undefined { return this.#entries.get(keyOf(id)) }

  /** False where nothing changed that matters: the newer object then takes the old one's place without a new revision. */
  put(id: ObjectId, object: KubeObject, digest: string, revision: number): boolean {
    const key = keyOf(id)
    const before = this.#entries.get(key)
    const same = before?.digest === digest
    this.#entries.set(key, { id, object, digest, revision: same ? before.revision : revision })
    if (same) return false
    this.#removed.delete(key)
    this.#record(key, revision)
    return true
  }

  /** False where there was no such object. */
  remove(id: ObjectId, revision: number): boolean {
    const key = keyOf(id)
    if (!this.#entries.delete(key)) return false
    this.#removed.set(key, { id, revision, object: undefined })
    this.#record(key, revision)
    return true
  }

  /** The newest state of everything changed after `revision`, oldest change first; undefined where that is compacted. */
  since(revision: number): Item[] | undefined {
    if (revision < this.#compacted) return undefined
    const items: Item[] = []
    for (let i = this.#log.length - 1; i >= 0; i--) {
      const { revision: at, key } = this.#log[i] as { revision: number; key: string }
      if (at <= revision) break
      const item = this.#current(key)
      if (item?.revision === at) items.push(item)
    }
    return items.reverse()
  }

  all(): IterableIterator<Entry> { return this.#entries.values() }

  #current(key: string): Item | undefined { return this.#entries.get(key) ?? this.#removed.get(key) }

  #record(key: string, revision: number): void {
    this.#revision = revision
    this.#log.push({ revision, key })
    if (this.#log.length > 2 * (this.#entries.size + spare)) this.#trim()
  }

  /** Keeps the newer half of the spare; drops removals that only the dropped history would tell. */
  #trim(): void {
    const keep = this.#entries.size + spare
    const dropped = this.#log[this.#log.length - keep - 1]
    if (!dropped) return
    this.#compacted = dropped.revision
    this.#log = this.#log.slice(-keep)
    for (const [key, removal] of this.#removed) if (removal.revision <= this.#compacted) this.#removed.delete(key)
  }
}
