import { ignore } from './ignore.ts'
/** Runs work one at a time for each key, in the order asked; different keys do not wait for each other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  /** Settles as `work` does. Not reentrant: work that asks for its own key waits for ever. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    const tail = ignore(mine, 'the caller of that turn was told')
    this.#tails.set(key, tail)
    void tail.then(() => { if (this.#tails.get(key) === tail) this.#tails.delete(key) })
    return mine
  }
}
