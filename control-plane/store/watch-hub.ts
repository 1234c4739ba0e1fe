import type { Revision } from '../../shared/base/brands.ts'
import { PrefixIndex } from './prefix-index.ts'
import { CompactedError, FutureRevisionError } from './store.ts'
import type { Change, Watcher, WatchState } from './store.ts'
import type { Window } from './window.ts'

/**
 * Hands the changes in a window to watchers. A watcher that waits is found by prefix and woken with what matched; one that does not wait costs
 * nothing and reads on from the window when it comes back. Only waiting watchers are ever touched by a writer.
 */
export class WatchHub {
  readonly #window: Window
  readonly #waiting = new PrefixIndex<PullWatcher>()
  /** Open watchers per prefix: the index keeps a prefix while there is one. */
  readonly #open = new Map<string, Set<PullWatcher>>()

  constructor(window: Window) { this.#window = window }

  /** Number of open watchers. */
  get size(): number {
    let size = 0
    for (const watchers of this.#open.values()) size += watchers.size
    return size
  }

  watch(prefix: string, from: Revision): Watcher {
    if (from > this.#window.latest) throw new FutureRevisionError(this.#window.latest)
    if (from < this.#window.compacted) throw new CompactedError(this.#window.compacted)
    let watchers = this.#open.get(prefix)
    if (!watchers) this.#open.set(prefix, (watchers = new Set()))
    const watcher = new PullWatcher({
      window: this.#window, waiting: this.#waiting.open(prefix), prefix, from,
      closed: () => {
        watchers.delete(watcher)
        if (watchers.size > 0 || this.#open.get(prefix) !== watchers) return
        this.#open.delete(prefix)
        this.#waiting.drop(prefix)
      },
    })
    watchers.add(watcher)
    return watcher
  }

  /** Wakes the watchers that wait for these changes; the window has them already. */
  publish(changes: readonly Change[]): void {
    const woken = new Map<PullWatcher, Change[]>()
    for (const change of changes) {
      this.#waiting.visit(change.entry.key, (watchers) => {
        for (const watcher of watchers) {
          const batch = woken.get(watcher)
          if (batch) batch.push(change)
          else woken.set(watcher, [change])
        }
      })
    }
    for (const [watcher, batch] of woken) watcher.wake(batch)
  }

  /** Closes every watcher. */
  close(): void {
    for (const watchers of [...this.#open.values()]) for (const watcher of [...watchers]) watcher.close()
  }
}

interface Wait { resolve(changes: readonly Change[]): void; reject(error: unknown): void; settled(): void }

class PullWatcher implements Watcher {
  readonly #window: Window
  readonly #waiting: Set<PullWatcher>
  readonly #prefix: string
  readonly #onClosed: () => void
  /** Everything matching up to here was handed out. While waiting it lags: then nothing up to the window's latest matched. */
  #position: Revision
  #wait: Wait | undefined
  #closed = false

  constructor(options: { window: Window; waiting: Set<PullWatcher>; prefix: string; from: Revision; closed: () => void }) {
    this.#window = options.window
    this.#waiting = options.waiting
    this.#prefix = options.prefix
    this.#position = options.from
    this.#onClosed = options.closed
  }

  get progress(): Revision { return this.#wait ? this.#window.latest : this.#position }

  get state(): WatchState {
    if (this.progress >= this.#window.latest) return 'synced'
    return this.#position < this.#window.compacted ? 'blocked' : 'catching-up'
  }

  next(signal?: AbortSignal): Promise<readonly Change[]> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#wait) return Promise.reject(new Error(`watch of ${JSON.stringify(this.#prefix)}: next called while another is pending`))
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#position < this.#window.compacted) return Promise.reject(new CompactedError(this.#window.compacted))
    const changes: Change[] = []
    if (this.#position < this.#window.latest) {
      for (const change of this.#window.after(this.#position)) if (change.entry.key.startsWith(this.#prefix)) changes.push(change)
      this.#position = this.#window.latest
    }
    return changes.length > 0 ? Promise.resolve(changes) : this.#park(signal)
  }

  #park(signal: AbortSignal | undefined): Promise<readonly Change[]> {
    return new Promise((resolve, reject) => {
      const abort = (): void => this.#unpark()?.reject(signal?.reason)
      signal?.addEventListener('abort', abort, { once: true })
      this.#wait = { resolve, reject, settled: () => signal?.removeEventListener('abort', abort) }
      this.#waiting.add(this)
    })
  }

  /** Ends the wait; what came before now did not match. */
  #unpark(): Wait | undefined {
    const wait = this.#wait
    if (!wait) return undefined
    this.#position = this.#window.latest
    this.#wait = undefined
    this.#waiting.delete(this)
    wait.settled()
    return wait
  }

  wake(changes: readonly Change[]): void { this.#unpark()?.resolve(changes) }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unpark()?.reject(closedError())
    this.#onClosed()
  }
}

const closedError = (): DOMException => new DOMException('watch is closed', 'AbortError')
