/** Encryption at rest on real files: what is on the disk, what comes back, and what is refused. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { revision } from '../../../shared/base/brands.ts'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import { openDatabase } from '../../../shared/host/sqlite.ts'
import { storeConformance } from '../conformance.ts'
import { openSqliteStore } from '../sqlite/open.ts'
import type { SqliteStore } from '../sqlite/sqlite-store.ts'
import { StoreFailedError } from '../store.ts'
import { Encryption } from './envelope.ts'
import { KeyRing } from './key-ring.ts'

const clock = new FakeClock()
const host = { clock, random: systemRandom, log: silentLog }
const covers = (key: string): boolean => key.startsWith('/registry/core/secrets/')
const secretKey = '/registry/core/secrets/default/password'
const mapKey = '/registry/core/configmaps/default/settings'
const secret = '{"kind":"Secret","data":{"password":"correct-horse-battery-staple"}}'
const map = '{"kind":"ConfigMap","data":{"colour":"aubergine"}}'

let folder: string
const opened = new Set<SqliteStore>()
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bramble-encryption-')) })
afterEach(async () => {
  for (const store of opened) await store.close()
  opened.clear()
  rmSync(folder, { recursive: true })
})

const encryption = async (covered = covers): Promise<Encryption> => new Encryption({ ring: await KeyRing.load(join(folder, 'keys.json')), covers: covered, clock, log: silentLog })
async function open(values?: Encryption): Promise<SqliteStore> {
  const store = await openSqliteStore({ path: join(folder, 'store.db'), host, lazyFlushMs: 1e9, ...(values ? { values } : {}) })
  opened.add(store)
  return store
}
async function close(store: SqliteStore): Promise<void> {
  opened.delete(store)
  await store.close()
}
const put = async (store: SqliteStore, key: string, value: string): Promise<void> => {
  expect((await store.write({ type: 'put', key, value: Buffer.from(value), expect: store.get(key)?.modRevision ?? revision(0), durability: 'durable' })).ok).toBe(true)
}
const valueOf = (store: SqliteStore, key: string): string | undefined => store.get(key)?.value.toString()
/** Is the text in any file of the database: tables, write-ahead log, whatever lies beside them? */
const onDisk = (text: string): boolean => readdirSync(folder).some((file) => file.startsWith('store.db') && readFileSync(join(folder, file)).includes(text))
const keyIds = (): string[] => (JSON.parse(readFileSync(join(folder, 'keys.json'), 'utf8')) as { keys: { id: string }[] }).keys.map((k) => k.id)
/** Ids of the keys that the rows on disk are under; `plain` for those that are under none. */
async function idsOnDisk(): Promise<Record<string, string>> {
  const db = await openDatabase(join(folder, 'store.db'), { mode: 'readonly' })
  try {
    return Object.fromEntries(await db.all('SELECT key, value FROM entry', [], (row) => {
      const value = row.value as Buffer
      return [String(row.key), value[0] === 0 ? value.toString('hex', 5, 9) : 'plain']
    }))
  } finally {
    await db.close()
  }
}

storeConformance('sqlite with everything encrypted', async ({ window }) => {
  const at = mkdtempSync(join(tmpdir(), 'bramble-encryption-'))
  const own = new FakeClock()
  const values = new Encryption({ ring: await KeyRing.load(join(at, 'keys.json')), covers: () => true, clock: own, log: silentLog })
  const store = await openSqliteStore({ path: join(at, 'store.db'), host: { ...host, clock: own }, lazyFlushMs: 1e9, values, ...(window ? { window } : {}) })
  return { store, clock: own, dispose: async () => { await store.close(); rmSync(at, { recursive: true }) } }
})

describe('encryption at rest', () => {
  it('keeps what it covers from the disk and gives it back, and leaves the rest readable', async () => {
    const store = await open(await encryption())
    await put(store, secretKey, secret)
    await put(store, mapKey, map)
    expect(onDisk('correct-horse')).toBe(false)
    expect(onDisk('aubergine')).toBe(true)
    await close(store)
    expect([onDisk('correct-horse'), onDisk('aubergine')]).toEqual([false, true])
    const again = await open(await encryption())
    expect([valueOf(again, secretKey), valueOf(again, mapKey)]).toEqual([secret, map])
  })

  it('makes its first key readable by the owner alone, and none where nothing was ever opened', async () => {
    expect(readdirSync(folder)).toEqual([])
    await open(await encryption())
    expect(statSync(join(folder, 'keys.json')).mode & 0o777).toBe(0o600)
    expect(keyIds()).toHaveLength(1)
  })

  it('encrypts what it finds plain, and leaves no page of it behind', async () => {
    const before = await open()
    await put(before, secretKey, secret)
    await put(before, secretKey, secret.replace('correct', 'earlier'))
    const at = before.get(secretKey)?.modRevision
    await close(before)
    expect(onDisk('earlier-horse')).toBe(true)
    const store = await open(await encryption())
    expect(store.get(secretKey)?.modRevision).toBe(at)
    expect([onDisk('correct-horse'), onDisk('earlier-horse')]).toEqual([false, false])
    expect(valueOf(store, secretKey)).toContain('earlier-horse')
  })

  it('writes all anew under a new key while it runs, and reads what is under the old one', async () => {
    const values = await encryption()
    const store = await open(values)
    await put(store, secretKey, secret)
    const [first] = keyIds()
    const id = await values.rotate()
    await put(store, `${secretKey}-2`, secret)
    const at = store.get(secretKey)?.modRevision
    expect(await store.rewrite(covers)).toBe(2)
    expect(store.get(secretKey)?.modRevision).toBe(at)
    expect(keyIds()).toEqual([id, first])
    await close(store)
    expect(await idsOnDisk()).toEqual({ [secretKey]: id, [`${secretKey}-2`]: id })
    const again = await open(await encryption())
    expect(valueOf(again, secretKey)).toBe(secret)
  })

  it('finishes a rotation that was cut off', async () => {
    const values = await encryption()
    const store = await open(values)
    await put(store, secretKey, secret)
    const id = await values.rotate()
    await close(store)
    expect((await idsOnDisk())[secretKey]).not.toBe(id)
    await close(await open(await encryption()))
    expect((await idsOnDisk())[secretKey]).toBe(id)
  })

  it('decrypts what it no longer covers', async () => {
    const store = await open(await encryption())
    await put(store, secretKey, secret)
    await close(store)
    await close(await open(await encryption(() => false)))
    expect(await idsOnDisk()).toEqual({ [secretKey]: 'plain' })
  })

  it('refuses a value put in the place of another, and an older one put back', async () => {
    const store = await open(await encryption())
    await put(store, secretKey, secret)
    await put(store, `${secretKey}-2`, secret.replace('correct', 'another'))
    await close(store)
    const db = await openDatabase(join(folder, 'store.db'), { mode: 'existing' })
    const [one, two] = await db.all('SELECT value FROM entry ORDER BY key', [], (row) => row.value as Buffer)
    await db.close()
    const values = await encryption()
    const entry = { key: secretKey, value: one as Buffer, createRevision: revision(1), modRevision: revision(1) }
    const at = await open(await encryption())
    const { createRevision, modRevision } = at.get(secretKey) ?? entry
    expect(values.decode({ ...entry, createRevision, modRevision }).value.toString()).toBe(secret)
    const flipped = Buffer.from(one as Buffer)
    flipped[flipped.length - 20] = (flipped[flipped.length - 20] as number) ^ 1
    for (const bad of [
      { ...entry, createRevision, modRevision, value: two as Buffer }, { ...entry, createRevision, modRevision: revision(modRevision + 1) }, { ...entry, createRevision, modRevision, value: flipped },
      { ...entry, createRevision, modRevision, value: (one as Buffer).subarray(0, 60) },
    ]) expect(() => values.decode(bad)).toThrow(StoreFailedError)
  })

  it('does not start without the key, sets nothing aside for it, and makes no new one', async () => {
    const store = await open(await encryption())
    await put(store, secretKey, secret)
    await close(store)
    const kept = readFileSync(join(folder, 'keys.json'))
    rmSync(join(folder, 'keys.json'))
    await expect(encryption().then(open)).rejects.toThrow(new RegExp(`${secretKey} is encrypted with key [0-9a-f]{8}, which is not in .*keys\\.json`))
    expect(readdirSync(folder).filter((f) => f.includes('damaged') || f === 'keys.json')).toEqual([])
    writeFileSync(join(folder, 'keys.json'), kept)
    expect(valueOf(await open(await encryption()), secretKey)).toBe(secret)
  })

  it('says what is wrong with a key file and nothing of what is in it', async () => {
    writeFileSync(join(folder, 'keys.json'), '{"keys":[{"id":"0123abcd","key":"c2hvcnQ="}]}')
    await expect(encryption()).rejects.toThrow(/no key file: key 1 needs an id of eight hex digits and 32 bytes/)
  })
})
