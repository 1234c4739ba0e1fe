import type { Entry } from '../store.ts'

/** What an entry's value is on disk, if it is not the value itself. In memory all values are plain. */
export interface ValueCodec {
  /** Bytes for the disk. The same buffer where the entry is stored as it is. Called for each commit that carries the entry. */
  encode(entry: Entry): Buffer
  /**
   * `entry.value` is what the disk has. `current` is false where `encode` would store it in another way now: under another key, or in another
   * form. Throws {@link StoreFailedError} where it cannot be read: nothing is set aside for that, since the database is not what is wrong.
   */
  decode(entry: Entry): { readonly value: Buffer; readonly current: boolean }
  /** Called once everything was decoded and before anything is encoded. */
  prepare(): Promise<void>
}

/** Values are on disk as they are in memory. */
export const plainValues: ValueCodec = {
  encode: (entry) => entry.value,
  decode: (entry) => ({ value: entry.value, current: true }),
  prepare: async () => undefined,
}
