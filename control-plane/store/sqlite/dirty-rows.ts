import type { Revision } from '../../../shared/base/brands.ts'
import type { Change, Entry } from '../store.ts'

/** What one commit writes. Rows are named by create revision. */
export interface Batch {
  readonly puts: ReadonlyMap<Revision, Entry>
  /** With the key each had. */
  readonly deletes: ReadonlyMap<Revision, string>
  /** Not written: rows that came and went since the commit before, which matter only if this one fails. */
  readonly passed: ReadonlyMap<Revision, string>
}

/** Rows that differ from the disk: the newest state of each, however often it changed since the last commit. */
export class DirtyRows {
  #puts = new Map<Revision, Entry>()
  #deletes = new Map<Revision, string>()
  /** Rows that no commit has carried yet: deleting one of these needs no disk. */
  #unborn = new Set<Revision>()
  #passed = new Map<Revision, string>()

  get empty(): boolean { return this.#puts.size === 0 && this.#deletes.size === 0 }

  record(change: Change): void {
    const { entry } = change
    const id = entry.createRevision
    if (change.type === 'put') {
      this.#puts.set(id, entry)
      if (entry.modRevision === id) this.#unborn.add(id)
      return
    }
    this.#puts.delete(id)
    if (this.#unborn.delete(id)) this.#passed.set(id, entry.key)
    else this.#deletes.set(id, entry.key)
  }

  /** A row that is on disk in another form is to be written again. One that is dirty anyway stays as it is. */
  rewrite(entry: Entry): void {
    if (!this.#puts.has(entry.createRevision)) this.#puts.set(entry.createRevision, entry)
  }

  /** Empties the set into a batch to commit. */
  take(): Batch {
    const batch: Batch = { puts: this.#puts, deletes: this.#deletes, passed: this.#passed }
    this.#puts = new Map()
    this.#deletes = new Map()
    this.#unborn = new Set()
    this.#passed = new Map()
    return batch
  }

  /** After a failed commit: all its rows and those recorded since are dirty again, with the state `wanted` says; undefined is "no row". */
  restore(batch: Batch, wanted: (key: string, id: Revision) => Entry | undefined): void {
    const rows = new Map<Revision, string>([...batch.deletes, ...batch.passed, ...this.#deletes, ...this.#passed])
    for (const puts of [batch.puts, this.#puts]) for (const [id, entry] of puts) rows.set(id, entry.key)
    this.take()
    for (const [id, key] of rows) {
      const entry = wanted(key, id)
      if (entry) this.#puts.set(id, entry)
      else this.#deletes.set(id, key)
    }
  }
}
