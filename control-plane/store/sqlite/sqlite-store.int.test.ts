import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { revision } from '../../../shared/base/brands.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import { openDatabase } from '../../../shared/host/sqlite.ts'
import { storeConformance } from '../conformance.ts'
import { CompactedError, StoreFailedError } from '../store.ts'
import type { Durability, Store } from '../store.ts'
import { newestGoodBackup, restoreJump, restoreSqliteStore } from './backup.ts'
import { DamagedDatabaseError, openSqliteStore } from './open.ts'

storeConformance('sqlite', async ({ window }) => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-store-'))
  const clock = new FakeClock()
  const store = await openSqliteStore({ path: join(folder, 'store.db'), host: { clock, random: systemRandom, log: silentLog }, lazyFlushMs: 1e9, ...(window ? { window } : {}) })
  return {
    store, clock,
    async dispose() {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
})

let folder: string
let path: string
let clock: FakeClock
const opened: Store[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-store-'))
  path = join(folder, 'store.db')
  clock = new FakeClock()
})
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
  rmSync(folder, { recursive: true })
})

const host = () => ({ clock, random: systemRandom, log: silentLog })
const open = async (at = path, lazyFlushMs = 30_000): Promise<Store> => {
  const store = await openSqliteStore({ path: at, host: host(), lazyFlushMs, revisionBlock: 1_000 })
  opened.push(store)
  return store
}
const put = async (store: Store, key: string, value: string | Buffer, durability: Durability = 'durable'): Promise<Revision> => {
  const result = await store.write({ type: 'put', key, value: Buffer.from(value), expect: store.get(key)?.modRevision ?? 0, durability })
  if (!result.ok) throw new Error(`conflict on ${key}`)
  return result.revision
}
const state = (store: Store): Record<string, string> => Object.fromEntries(store.list({ prefix: '' }).entries.map((entry) => [entry.key, entry.value.toString()]))

let images = 0
/** What a kill at this instant would leave: the files as they are, opened elsewhere. */
const afterKill = async (): Promise<Store> => {
  const image = join(folder, `image-${++images}.db`)
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) copyFileSync(path + suffix, image + suffix)
  return await open(image)
}
/** Names and contents of all files that have any. */
const bytes = (): string[] => readdirSync(folder).map((name) => ({ name, content: readFileSync(join(folder, name)) }))
  .filter(({ content }) => content.length > 0).map(({ name, content }) => `${name} ${content.length} ${createHash('sha256').update(content).digest('hex')}`)

describe('restart', () => {
  it('keeps durable and flushed lazy entries with their revisions, not volatile ones, and starts above every revision shown', async () => {
    const store = await open()
    const first = await put(store, '/durable', '1')
    await put(store, '/durable', '2')
    await put(store, '/lazy', '3', 'lazy')
    const last = await put(store, '/volatile', '4', 'volatile')
    const entries = store.list({ prefix: '' }).entries.filter((entry) => entry.key !== '/volatile')
    await store.close()
    const again = await open()
    expect(again.list({ prefix: '' }).entries).toEqual(entries)
    expect(again.get('/durable')!.createRevision).toBe(first)
    expect(again.incarnation).toBe(store.incarnation)
    expect(again.revision).toBeGreaterThan(last)
    expect(again.compacted).toBe(again.revision)
    expect(() => again.watch('', last)).toThrow(CompactedError)
    expect(await put(again, '/durable', '5')).toBeGreaterThan(again.compacted)
  })

  it('writes nothing to be opened, read, watched and closed', async () => {
    await (await open()).close()
    const before = bytes()
    for (let i = 0; i < 2; i++) {
      const store = await open()
      const ended = expect(store.watch('', store.revision).next()).rejects.toMatchObject({ name: 'AbortError' })
      store.list({ prefix: '' })
      await clock.advance(3_600_000)
      await store.flush()
      expect(bytes()).toEqual(before)
      await store.close()
      await ended
    }
    expect(bytes()).toEqual(before)
  })

  it('skips revisions where a run ended without a close, even if it only made volatile writes', async () => {
    const store = await open()
    let last = await put(store, '/lease', '0', 'volatile')
    for (let i = 1; i < 2_500; i++) last = await put(store, '/lease', `${i}`, 'volatile')
    const killed = await afterKill()
    expect(killed.revision).toBeGreaterThan(last)
    expect(killed.revision).toBeLessThanOrEqual(last + 1_001)
    expect(state(killed)).toEqual({})
  })

  it('refuses a database that is open elsewhere', async () => {
    await open()
    await expect(openSqliteStore({ path, host: host() })).rejects.toThrow(/in use by another process/)
  })

  it('reads ten thousand keys back in order', async () => {
    const store = await open()
    await Promise.all(Array.from({ length: 10_000 }, (_, i) => put(store, `/k/${(i * 7919) % 10_000}`, `${i}`, i % 2 ? 'durable' : 'lazy')))
    const entries = store.list({ prefix: '/k/' }).entries
    await store.close()
    const again = await open()
    expect(again.list({ prefix: '/k/' }).entries).toEqual(entries)
    expect(again.count('/k/12')).toBe(111)
  })
})

describe('durability', () => {
  it('has a durable write on disk when it is acknowledged, and every lazy write before it', async () => {
    const store = await open()
    await put(store, '/first', '0')
    await put(store, '/lazy', '1', 'lazy')
    expect(state(await afterKill())).toEqual({ '/first': '0' })
    await put(store, '/durable', '2')
    await put(store, '/later', '3', 'lazy')
    expect(state(await afterKill())).toEqual({ '/first': '0', '/lazy': '1', '/durable': '2' })
  })

  it('writes lazy entries once, after the interval, with the state they have then', async () => {
    const store = await open()
    await put(store, '/base', '0')
    for (let i = 0; i < 100; i++) await put(store, '/status', `${i}`, 'lazy')
    const size = statSync(`${path}-wal`).size
    await clock.advance(29_000)
    expect(statSync(`${path}-wal`).size).toBe(size)
    await clock.advance(1_000)
    await store.flush()
    expect(state(await afterKill())).toEqual({ '/base': '0', '/status': '99' })
    // A leaf page and its frame header, the header of the log at most beside it.
    expect(statSync(`${path}-wal`).size - size).toBeLessThanOrEqual(2 * (4096 + 24) + 32)
    const flushed = statSync(`${path}-wal`).size
    expect(clock.pending).toBe(0)
    await clock.advance(600_000)
    expect(statSync(`${path}-wal`).size).toBe(flushed)
  })

  it('never writes volatile entries, nor lazy ones that are gone before the flush', async () => {
    const store = await open()
    await put(store, '/base', '0')
    const before = bytes()
    for (let i = 0; i < 50; i++) await put(store, `/event/${i}`, 'x', 'volatile')
    const at = await put(store, '/brief', 'x', 'lazy')
    await store.write({ type: 'delete', key: '/brief', expect: at, durability: 'lazy' })
    await clock.advance(60_000)
    await store.flush()
    expect(bytes()).toEqual(before)
  })

  it('counts a volatile write to a key on disk as lazy, so that no older state returns', async () => {
    const store = await open()
    const at = await put(store, '/a', 'old')
    await put(store, '/b', 'old')
    await put(store, '/b', 'new', 'volatile')
    await store.write({ type: 'delete', key: '/a', expect: at, durability: 'volatile' })
    await put(store, '/c', 'durable')
    expect(state(await afterKill())).toEqual({ '/b': 'new', '/c': 'durable' })
  })

  it('keeps a key made by a volatile write once a durable one changes it', async () => {
    const store = await open()
    const made = await put(store, '/a', 'volatile', 'volatile')
    await put(store, '/a', 'durable')
    await put(store, '/a', 'again', 'volatile')
    await store.flush()
    const killed = await afterKill()
    expect(killed.get('/a')).toMatchObject({ createRevision: made, value: Buffer.from('again') })
  })

  it('carries a delete and a new key of the same name in one commit', async () => {
    const store = await open()
    const at = await put(store, '/a', 'first')
    await put(store, '/b', 'b')
    await Promise.all([
      store.write({ type: 'delete', key: '/a', expect: at, durability: 'durable' }),
      store.write({ type: 'put', key: '/a', value: Buffer.from('second'), expect: 0, durability: 'durable' }),
    ])
    expect(state(await afterKill())).toEqual({ '/a': 'second', '/b': 'b' })
  })
})

describe('damage', () => {
  const fill = async (): Promise<void> => {
    const store = await open()
    for (let i = 0; i < 50; i++) await put(store, `/k/${i}`, `value ${i} `.repeat(40))
    mkdirSync(join(folder, 'backups'), { recursive: true })
    await store.backup(join(folder, 'backups', 'good.db'))
    await store.close()
  }
  const flip = (at: number): void => {
    const content = readFileSync(path)
    content[at] = content[at]! ^ 0x01
    writeFileSync(path, content)
  }
  const asFound = (): Promise<unknown> => openSqliteStore({ path, host: host() }).then(() => undefined, (error: unknown) => error)

  it.each<[string, () => void]>([
    ['a flipped bit in a value', () => flip(readFileSync(path).indexOf('value 33 value'))],
    ['a flipped bit in a key', () => flip(readFileSync(path).indexOf('/k/17') + 3)],
    ['a destroyed page', () => writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, 8192), Buffer.alloc(4096, 0xa5), readFileSync(path).subarray(12_288)]))],
    ['a destroyed header', () => writeFileSync(path, Buffer.concat([Buffer.alloc(100, 7), readFileSync(path).subarray(100)]))],
    ['a file cut short', () => truncateSync(path, 12_288)],
    ['an empty file', () => truncateSync(path, 0)],
  ])('finds %s, sets the database aside and names the backup, at every start', async (_, damage) => {
    await fill()
    damage()
    const damaged = readFileSync(path)
    const found = await asFound() as DamagedDatabaseError
    expect(found).toBeInstanceOf(DamagedDatabaseError)
    expect(found.newestGoodBackup).toBe(join(folder, 'backups', 'good.db'))
    expect(found.message).toContain(found.setAside)
    expect(readFileSync(found.setAside).equals(damaged)).toBe(true)
    expect(existsSync(path)).toBe(false)
    const again = await asFound() as DamagedDatabaseError
    expect(again).toBeInstanceOf(DamagedDatabaseError)
    expect(again.setAside).toBe(found.setAside)
    await restoreSqliteStore({ backup: found.newestGoodBackup!, path, host: host() })
    expect((await open()).count('/k/')).toBe(50)
  })

  it('passes over backups that are damaged themselves', async () => {
    await fill()
    const good = join(folder, 'backups', 'good.db')
    const bad = join(folder, 'backups', 'later.db')
    writeFileSync(bad, readFileSync(good).subarray(0, 9_000))
    writeFileSync(join(folder, 'backups', 'empty.db'), '')
    writeFileSync(join(folder, 'backups', 'note.txt'), 'not a database, and long enough to be read as one '.repeat(100))
    expect(await newestGoodBackup(join(folder, 'backups'))).toBe(good)
    rmSync(good)
    flip(readFileSync(path).indexOf('value 33 value'))
    const found = await asFound() as DamagedDatabaseError
    expect(found.newestGoodBackup).toBeUndefined()
    expect(found.message).toContain('no good backup')
  })
})

describe('backup and restore', () => {
  it('copies a store that is being written to, lazy writes included', async () => {
    const store = await open()
    for (let i = 0; i < 300; i++) await put(store, `/k/${i}`, Buffer.alloc(8_000, `${i % 10}`), 'lazy')
    let stop = false
    const writing = (async () => { for (let i = 0; !stop; i++) await put(store, '/counter', `${i}`) })()
    const target = join(folder, 'copy.db')
    await store.backup(target)
    stop = true
    await writing
    expect(readdirSync(folder).filter((name) => name.startsWith('copy'))).toEqual(['copy.db'])
    const copy = await open(target)
    expect(copy.count('/k/')).toBe(300)
    expect(copy.get('/k/299')!.value.equals(store.get('/k/299')!.value)).toBe(true)
  })

  it('leaves nothing behind where the target cannot be written', async () => {
    const store = await open()
    await put(store, '/a', '1')
    await expect(store.backup(join(folder, 'nowhere', 'copy.db'))).rejects.toThrow(StoreFailedError)
    expect(await put(store, '/a', '2')).toBeGreaterThan(0)
  })

  it('restores into a new history, above the old one, keeping what it replaces', async () => {
    const target = join(folder, 'copy.db')
    let store = await open()
    await put(store, '/a', 'backed up')
    await store.backup(target)
    // Three times: revisions pass 2^31, where SQLite's driver changes how it binds numbers.
    for (let i = 0; i < 3; i++) {
      const later = await put(store, '/a', 'later')
      await put(store, '/b', 'later')
      await store.close()
      const restored = await restoreSqliteStore({ backup: target, path, host: host() })
      expect(restored).toMatchObject({ entries: 1 })
      await clock.advance(1)
      const before = store.incarnation
      store = await open()
      expect(store.incarnation).toBe(restored.incarnation)
      expect(store.incarnation).not.toBe(before)
      expect(store.revision).toBeGreaterThan(later + restoreJump / 2)
      expect(state(store)).toEqual({ '/a': 'backed up' })
      expect(() => store.watch('', later)).toThrow(CompactedError)
      const old = await openDatabase(restored.setAside!, { mode: 'readonly' })
      expect(await old.all('SELECT key FROM entry ORDER BY key', [], (row) => row.key)).toEqual(['/a', '/b'])
      await old.close()
    }
    expect(store.revision).toBeGreaterThan(2 ** 31)
    const gone = await put(store, '/c', 'c')
    await put(store, '/d', 'd')
    await store.write({ type: 'delete', key: '/c', expect: gone, durability: 'durable' })
    await store.close()
    expect(state(await open())).toEqual({ '/a': 'backed up', '/d': 'd' })
  })

  it('refuses to restore under a running store, or from what is no good backup', async () => {
    const target = join(folder, 'copy.db')
    const store = await open()
    await put(store, '/a', '1')
    await store.backup(target)
    await expect(restoreSqliteStore({ backup: target, path, host: host() })).rejects.toThrow(/in use/)
    expect(await put(store, '/a', '2')).toBeGreaterThan(revision(0))
    await store.close()
    truncateSync(target, 5_000)
    await expect(restoreSqliteStore({ backup: target, path, host: host() })).rejects.toThrow()
    expect(state(await open())).toEqual({ '/a': '2' })
  })
})
