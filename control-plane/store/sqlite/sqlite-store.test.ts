/** Order and failure of commits, on a disk that does what the test says. */
import { beforeEach, describe, expect, it } from 'vitest'
import { revision } from '../../../shared/base/brands.ts'
import type { Connection, Database } from '../../../shared/host/sqlite.ts'
import { SqliteError } from '../../../shared/host/sqlite.ts'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { nextTurn } from '../../../shared/host/turn.ts'
import { StoreFailedError } from '../store.ts'
import type { Durability, WriteResult } from '../store.ts'
import { defaultWindow } from '../window.ts'
import { SqliteStore } from './sqlite-store.ts'
import { plainValues } from './value-codec.ts'

/** Holds each commit until the test lets it end; remembers how many rows each statement carried. */
class HeldDisk {
  readonly commits: string[] = []
  #waiting: { resolve(): void; reject(error: Error): void }[] = []
  readonly #connection: Connection = {
    exec: async () => {}, all: async () => [], get: async () => undefined,
    run: async (sql, params = []) => {
      const text = typeof sql === 'string' ? sql : sql.sql
      this.commits.push(`${text.split(' ')[0]} ${params.filter((param) => typeof param === 'string').join(',')}`.trim())
      return 1
    },
  }
  readonly #held = async <T>(work: () => Promise<T>): Promise<T> => {
    await new Promise<void>((resolve, reject) => { this.#waiting.push({ resolve, reject }) })
    return await work()
  }
  readonly database: Database = {
    ...this.#connection, prepare: async (sql) => ({ sql }), copyTo: async () => {}, close: async () => {},
    run: (sql, params) => this.#held(() => this.#connection.run(sql, params)),
    transaction: (work) => this.#held(() => work(this.#connection)),
  }

  get waiting(): number { return this.#waiting.length }
  /** Ends the commit under way, waiting for one to begin. */
  async end(error?: Error): Promise<void> {
    for (let turns = 0; this.#waiting.length === 0; turns++) {
      if (turns > 100) throw new Error('no commit began')
      await nextTurn()
    }
    const commit = this.#waiting.shift()!
    if (error) commit.reject(error)
    else commit.resolve()
    await nextTurn()
  }
}

let disk: HeldDisk
let clock: FakeClock
let store: SqliteStore
beforeEach(() => {
  disk = new HeldDisk()
  clock = new FakeClock()
  const contents = { meta: { format: 1, incarnation: 'one', revisionLimit: revision(1_000) }, entries: [] }
  store = new SqliteStore(disk.database, contents, { clock, log: silentLog, lazyFlushMs: 30_000, revisionBlock: 1_000, window: defaultWindow, values: plainValues })
})

const put = (key: string, durability: Durability, expected = 0): Promise<WriteResult> =>
  store.write({ type: 'put', key, value: Buffer.from(key), expect: revision(expected), durability })
/** The first write raises the limit; after it, lazy and volatile writes need no disk. */
const warm = async (): Promise<void> => {
  const first = put('/warm', 'durable')
  await disk.end()
  await first
  disk.commits.length = 0
}
const order: string[] = []
const noting = (name: string, write: Promise<WriteResult>): Promise<void> =>
  write.then((result) => void order.push(`${name} ${result.ok ? 'ok' : 'conflict'}`), (error: unknown) => void order.push(`${name} ${(error as Error).name}`))
beforeEach(() => { order.length = 0 })
const full = (): Error => new SqliteError('SQLITE_FULL', 'database or disk is full')

describe('order', () => {
  it('shows nothing of a durable write, nor of what follows it, before the commit', async () => {
    await warm()
    const start = store.revision
    const watched = store.watch('', start).next()
    const all = [noting('lazy before', put('/0', 'lazy')), noting('durable', put('/1', 'durable')), noting('lazy', put('/2', 'lazy')), noting('volatile', put('/3', 'volatile'))]
    await nextTurn()
    expect(order).toEqual(['lazy before ok'])
    expect(store.revision).toBe(start + 1)
    expect((await watched).map((change) => change.entry.key)).toEqual(['/0'])
    expect([store.get('/1'), store.get('/2'), store.get('/3')]).toEqual([undefined, undefined, undefined])
    await disk.end()
    await Promise.all(all)
    expect(order).toEqual(['lazy before ok', 'durable ok', 'lazy ok', 'volatile ok'])
    expect(disk.commits).toEqual(['INSERT /0,/1,/2'])
  })

  it('gathers what arrives during a commit into the next', async () => {
    await warm()
    const first = put('/first', 'durable')
    await nextTurn()
    expect(disk.waiting).toBe(1)
    const rest = Array.from({ length: 50 }, (_, i) => put(`/${i}`, 'durable'))
    await disk.end()
    await first
    expect(store.count('/')).toBe(2)
    await disk.end()
    await Promise.all(rest)
    expect(disk.commits).toHaveLength(2)
    expect(store.count('/')).toBe(52)
  })

  it('lets the first volatile write wait until its revision is reserved, and then none for half a block', async () => {
    const first = put('/v', 'volatile')
    await disk.end()
    expect(await first).toMatchObject({ ok: true })
    expect(disk.commits).toEqual(['UPDATE'])
    for (let i = 0; i < 900; i++) expect((await put(`/${i}`, 'volatile')).ok).toBe(true)
    expect(disk.waiting).toBe(0)
  })

  it('takes revisions from above the limit of the run before', async () => {
    expect(store.revision).toBe(1_001)
    expect(store.compacted).toBe(1_001)
    const first = put('/a', 'durable')
    await disk.end()
    expect(await first).toMatchObject({ ok: true, revision: 1_002 })
  })
})

describe('failure', () => {
  it('refuses what waited where the disk is full, keeps what was acknowledged for the next commit, and goes on', async () => {
    await warm()
    await put('/lazy', 'lazy')
    const shown = store.revision
    const all = [noting('a', put('/a', 'durable')), noting('b', put('/b', 'lazy'))]
    const chained = noting('a again', put('/a', 'durable'))
    await disk.end(full())
    await Promise.all([...all, chained])
    expect(order).toEqual(['a StoreFailedError', 'b StoreFailedError', 'a again StoreFailedError'])
    expect(store.revision).toBe(shown)
    expect(store.get('/a')).toBeUndefined()
    const retry = put('/a', 'durable')
    await disk.end()
    const result = await retry
    expect(result.ok && result.revision).toBe(shown + 3)
    expect(disk.commits).toContain('INSERT /lazy,/a')
    expect(disk.commits.join()).not.toContain('/b')
  })

  it('tries a failed flush of lazy writes again after the interval', async () => {
    await warm()
    await put('/lazy', 'lazy')
    await clock.advance(30_000)
    await disk.end(full())
    expect(disk.commits).toEqual([])
    expect(store.get('/lazy')).toBeDefined()
    await clock.advance(30_000)
    await disk.end()
    expect(disk.commits).toEqual(['INSERT /lazy'])
    expect(clock.pending).toBe(0)
  })

  it('takes no more writes after a failed fsync, and still reads', async () => {
    await warm()
    const write = expect(put('/a', 'durable')).rejects.toThrow(StoreFailedError)
    await disk.end(new SqliteError('SQLITE_IOERR', 'disk I/O error'))
    await write
    await expect(put('/b', 'volatile')).rejects.toThrow(/disk I\/O error/)
    await expect(store.flush()).rejects.toThrow(StoreFailedError)
    expect(store.list({ prefix: '' }).entries.map((entry) => entry.key)).toEqual(['/warm'])
    await store.close()
  })

  it('removes from disk what a failed commit may have been asked to add, and only that', async () => {
    await warm()
    const made = await put('/lazy', 'lazy')
    const at = made.ok ? made.revision : revision(0)
    const gone = expect(store.write({ type: 'delete', key: '/lazy', expect: at, durability: 'durable' })).rejects.toThrow(StoreFailedError)
    const other = expect(put('/other', 'durable')).rejects.toThrow(StoreFailedError)
    await disk.end(full())
    await Promise.all([gone, other])
    expect(store.get('/lazy')).toBeDefined()
    const flushed = store.flush()
    await disk.end()
    await flushed
    expect(disk.commits).toContain('INSERT /lazy')
  })

  it('answers everything that waits before it closes', async () => {
    await warm()
    const write = noting('a', put('/a', 'durable'))
    const closing = store.close()
    await expect(put('/late', 'durable')).rejects.toThrow('closed')
    for (let commits = 0; commits < 2 && order.length === 0; commits++) await disk.end()
    await write
    expect(order).toEqual(['a ok'])
    while (disk.waiting > 0) await disk.end()
    await closing
  })
})
