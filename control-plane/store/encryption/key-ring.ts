/** Keys that wrap the keys of values, in a file of their own: the first encrypts, all decrypt. */
import { randomBytes } from 'node:crypto'
import { readIfThere, writeFileAtomic } from '../../../shared/host/files.ts'
import { StoreFailedError } from '../store.ts'

export interface WrappingKey {
  /** Eight hex digits, stored with every value. */
  readonly id: string
  /** 32 bytes: AES-256. */
  readonly key: Buffer
  /** RFC 3339. */
  readonly created: string
}

export const KEY_BYTES = 32

interface KeyFile { keys?: { id?: unknown; created?: unknown; key?: unknown }[] }

export class KeyRing {
  readonly path: string
  #keys: readonly WrappingKey[]

  private constructor(path: string, keys: readonly WrappingKey[]) {
    this.path = path
    this.#keys = keys
  }

  /** No file is an empty ring: whether a first key may be made is known once the database was read. Throws {@link StoreFailedError} for a file that is not one of ours. */
  static async load(path: string): Promise<KeyRing> {
    const text = await readIfThere(path)
    return new KeyRing(path, text === undefined ? [] : parse(path, text))
  }

  get keys(): readonly WrappingKey[] { return this.#keys }
  /** Undefined in an empty ring. */
  get primary(): WrappingKey | undefined { return this.#keys[0] }
  find(id: string): WrappingKey | undefined { return this.#keys.find((k) => k.id === id) }

  /** Puts a new key first. It is on disk before it is used; earlier keys stay, for values and backups that need them. */
  async add(now: number): Promise<WrappingKey> {
    const added: WrappingKey = { id: this.#freshId(), key: randomBytes(KEY_BYTES), created: `${new Date(now).toISOString().slice(0, 19)}Z` }
    const keys = [added, ...this.#keys]
    await writeFileAtomic(this.path, `${JSON.stringify({ keys: keys.map(({ id, created, key }) => ({ id, created, key: key.toString('base64') })) }, null, 2)}\n`, { mode: 0o600 })
    this.#keys = keys
    return added
  }

  #freshId(): string {
    for (;;) {
      const id = randomBytes(4).toString('hex')
      if (!this.find(id)) return id
    }
  }
}

/** Says what is wrong with the file, never what is in it. */
function parse(path: string, text: string): WrappingKey[] {
  let file: KeyFile
  try {
    file = JSON.parse(text) as KeyFile
  } catch {
    throw new StoreFailedError(`${path} is no key file: it is not JSON`)
  }
  const keys = (Array.isArray(file?.keys) ? file.keys : []).map(({ id, created, key }, i) => {
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.alloc(0)
    if (typeof id !== 'string' || !/^[0-9a-f]{8}$/.test(id) || bytes.length !== KEY_BYTES) throw new StoreFailedError(`${path} is no key file: key ${i + 1} needs an id of eight hex digits and ${KEY_BYTES} bytes of base64`)
    return { id, key: bytes, created: typeof created === 'string' ? created : '' }
  })
  if (!keys.length) throw new StoreFailedError(`${path} is no key file: it has no keys`)
  return keys
}
