import { revision } from '../../../shared/base/brands.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import type { Clock, Random } from '../../../shared/base/host.ts'
import { Expiry } from '../expiry.ts'
import { checkWrite, outcome } from '../outcome.ts'
import { StoreFailedError } from '../store.ts'
import type { Entry, ListRequest, ListResult, Store, Watcher, Write, WriteResult } from '../store.ts'
import { defaultWindow } from '../window.ts'
import type { WindowLimits } from '../window.ts'
import { CurrentState } from './current-state.ts'

export interface MemoryStoreOptions {
  readonly host: { readonly clock: Clock; readonly random: Random }
  readonly window?: Partial<WindowLimits>
}

/** A store without a disk: every class of durability is volatile, `backup` is refused. For tests, and the plainest statement of the contract. */
export function openMemoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options)
}

class MemoryStore implements Store {
  readonly incarnation: string
  readonly #state: CurrentState
  readonly #expiry: Expiry
  readonly #clock: Clock
  #closed = false

  constructor({ host, window }: MemoryStoreOptions) {
    this.incarnation = host.random.uuid()
    this.#clock = host.clock
    // An empty store is at revision 1, so that 0 is never a state (etcd does the same).
    this.#state = new CurrentState({ limits: { ...defaultWindow, ...window }, start: revision(1), sorted: [] })
    this.#expiry = new Expiry(host.clock, (key, expect) => void this.write({ type: 'delete', key, expect, durability: 'volatile' }))
  }

  get revision(): Revision { return this.#state.revision }
  get compacted(): Revision { return this.#state.compacted }
  get(key: string): Entry | undefined { return this.#state.get(key) }
  list(request: ListRequest): ListResult { return this.#state.list(request) }
  count(prefix: string): number { return this.#state.count(prefix) }

  async write(write: Write): Promise<WriteResult> {
    if (this.#closed) throw new StoreFailedError('store is closed')
    checkWrite(write)
    const { result, change } = outcome({ write, current: this.#state.get(write.key), next: revision(this.revision + 1) })
    if (!change) return result
    this.#state.apply([change], this.#clock.monotonic())
    if (write.type === 'put' && write.ttlSeconds !== undefined) this.#expiry.set(write.key, change.entry.modRevision, write.ttlSeconds)
    else this.#expiry.clear(write.key)
    return result
  }

  watch(prefix: string, from: Revision): Watcher {
    if (this.#closed) throw new StoreFailedError('store is closed')
    return this.#state.watch(prefix, from)
  }

  async compact(at: Revision): Promise<void> { this.#state.compact(at) }
  async flush(): Promise<void> {}
  async backup(path: string): Promise<void> { throw new StoreFailedError(`backup to ${path}: a store in memory has no backup`) }

  async close(): Promise<void> {
    this.#closed = true
    this.#expiry.dispose()
    this.#state.closeWatchers()
  }
}
