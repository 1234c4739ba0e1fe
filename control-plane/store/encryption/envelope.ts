/**
 * Envelope encryption of stored values: AES-256-GCM under a data key made anew each time the store is opened, which stands before each value,
 * wrapped by a key of the {@link KeyRing}. A rotation therefore needs no more than the key file, and no key sees more values than GCM allows.
 *
 * Layout: magic (5) · id of the wrapping key (4) · nonce (12), data key (32) and tag (16) of the wrapping · nonce (12) · value · tag (16).
 * The value's authenticated data are its store key and both revisions: a value moved to another key, or an older one put back, is refused.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { ValueCodec } from '../sqlite/value-codec.ts'
import type { Entry } from '../store.ts'
import { StoreFailedError } from '../store.ts'
import type { KeyRing, WrappingKey } from './key-ring.ts'
import { KEY_BYTES } from './key-ring.ts'

/** No JSON begins like this; a plain value that does is encrypted whatever its key, so that it is never mistaken. */
const MAGIC = Buffer.from([0x00, 0x62, 0x72, 0x65, 0x01])
const ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
const HEAD_BYTES = MAGIC.length + ID_BYTES + WRAPPED_BYTES
/** Random nonces of 96 bits: NIST SP 800-38D §8.3 allows 2^32 values a key; far below it a new one is made. */
const MAX_VALUES = 2 ** 30
const ALGORITHM = 'aes-256-gcm'

interface DataKey { readonly key: Buffer; /** Magic, key id and wrapped key, as they stand before each value. */ readonly head: Buffer; used: number }

export interface EncryptionOptions {
  readonly ring: KeyRing
  /** Which values are encrypted when written, by store key. Whatever is encrypted is read. */
  covers(key: string): boolean
  readonly clock: Clock
  readonly log: Log
}

export class Encryption implements ValueCodec {
  readonly #options: EncryptionOptions
  #data: DataKey | undefined
  /** Data keys met in what was read: one a run of the server, so few. */
  readonly #known = new Map<string, Buffer>()

  constructor(options: EncryptionOptions) { this.#options = options }

  /** Makes the first key. Everything that is there was read, so nothing needs another. */
  async prepare(): Promise<void> {
    const { ring, clock, log } = this.#options
    if (ring.primary) return
    const { id } = await ring.add(clock.now())
    log.info('made the key that encrypts stored secrets: back it up apart from the database, without it they are lost', { file: ring.path, key: id })
  }

  /** New values are encrypted under a new key from now on; who calls it has the old ones written anew. Resolves with the key's id. */
  async rotate(): Promise<string> {
    const { ring, clock, log } = this.#options
    const { id } = await ring.add(clock.now())
    this.#data = undefined
    log.info('stored values are encrypted with a new key', { file: ring.path, key: id })
    return id
  }

  covers(key: string): boolean { return this.#options.covers(key) }

  encode(entry: Entry): Buffer {
    if (!this.covers(entry.key) && !isSealed(entry.value)) return entry.value
    const data = this.#dataKey()
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, data.key, nonce).setAAD(boundTo(entry))
    return Buffer.concat([data.head, nonce, cipher.update(entry.value), cipher.final(), cipher.getAuthTag()])
  }

  decode(entry: Entry): { value: Buffer; current: boolean } {
    const { value, key } = entry
    if (!isSealed(value)) return { value, current: !this.covers(key) }
    const id = value.toString('hex', MAGIC.length, MAGIC.length + ID_BYTES)
    const wrapping = this.#options.ring.find(id)
    if (!wrapping) throw new StoreFailedError(`${key} is encrypted with key ${id}, which is not in ${this.#options.ring.path}: put the key file back that was made with this database`)
    try {
      const opened = open(this.#unwrap(value, wrapping), value.subarray(HEAD_BYTES), boundTo(entry))
      return { value: opened, current: wrapping === this.#options.ring.primary && (this.covers(key) || isSealed(opened)) }
    } catch (cause) {
      throw new StoreFailedError(`${key} does not decrypt with key ${id}: the value was altered, or it is another object's, or the key is not the one of this id`, { cause })
    }
  }

  #dataKey(): DataKey {
    if (this.#data && this.#data.used < MAX_VALUES) {
      this.#data.used++
      return this.#data
    }
    const { primary } = this.#options.ring
    if (!primary) throw new StoreFailedError('there is no key to encrypt with')
    const key = randomBytes(KEY_BYTES)
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, primary.key, nonce).setAAD(MAGIC)
    const head = Buffer.concat([MAGIC, Buffer.from(primary.id, 'hex'), nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()])
    return (this.#data = { key, head, used: 1 })
  }

  #unwrap(value: Buffer, wrapping: WrappingKey): Buffer {
    const wrapped = value.subarray(MAGIC.length + ID_BYTES, HEAD_BYTES)
    const name = wrapped.toString('base64')
    let key = this.#known.get(name)
    if (!key) this.#known.set(name, (key = open(wrapping.key, wrapped, MAGIC)))
    return key
  }
}

const isSealed = (value: Buffer): boolean => value.length >= MAGIC.length && value.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) === 0

/** `nonce · text · tag`. Throws where any of it was altered. */
function open(key: Buffer, sealed: Buffer, about: Buffer): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new RangeError('too short')
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES)).setAAD(about)
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES)), decipher.final()])
}

const boundTo = ({ key, createRevision, modRevision }: Entry): Buffer => Buffer.from(`${createRevision} ${modRevision} ${key}`)
