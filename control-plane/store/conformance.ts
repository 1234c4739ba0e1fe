/** The suite every backend of {@link Store} passes. Test support: imported by tests only. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { revision } from '../../shared/base/brands.ts'
import type { Revision } from '../../shared/base/brands.ts'
import type { FakeClock } from '../../shared/host/fake-clock.ts'
import { CompactedError, FutureRevisionError, StoreFailedError } from './store.ts'
import type { Change, Durability, Entry, Store } from './store.ts'
import type { WindowLimits } from './window.ts'

export interface StoreUnderTest {
  readonly store: Store
  /** The clock the store was given. */
  readonly clock: FakeClock
  /** Frees what the test used, the store closed or not. */
  dispose(): Promise<void>
}
/** Opens an empty store. */
export type StoreFactory = (options: { window?: Partial<WindowLimits> }) => Promise<StoreUnderTest>

const classes: readonly Durability[] = ['durable', 'lazy', 'volatile']
const text = (entry: Entry | undefined): string | undefined => entry?.value.toString()
const told = (changes: readonly Change[]): string[] =>
  changes.map(({ type, entry, previous }) => `${type} ${entry.key}=${entry.value.toString()} was ${previous ? previous.value.toString() : 'absent'}`)

/** Writes of a test, each required to succeed. */
class Writer {
  readonly #store: Store
  constructor(store: Store) { this.#store = store }

  async put(key: string, value: string, durability: Durability = 'durable'): Promise<Revision> {
    const result = await this.#store.write({ type: 'put', key, value: Buffer.from(value), expect: this.#store.get(key)?.modRevision ?? 0, durability })
    if (!result.ok) throw new Error(`put ${key}: conflict with ${String(result.current?.modRevision)}`)
    return result.revision
  }

  async delete(key: string, durability: Durability = 'durable'): Promise<Revision> {
    const result = await this.#store.write({ type: 'delete', key, expect: this.#store.get(key)?.modRevision ?? revision(0), durability })
    if (!result.ok) throw new Error(`delete ${key}: conflict with ${String(result.current?.modRevision)}`)
    return result.revision
  }
}

export function storeConformance(name: string, factory: StoreFactory): void {
  describe(`${name}: store`, () => {
    let under: StoreUnderTest
    let store: Store
    let writer: Writer
    const use = async (window?: Partial<WindowLimits>): Promise<void> => {
      under = await factory(window ? { window } : {})
      store = under.store
      writer = new Writer(store)
    }
    beforeEach(() => use())
    afterEach(() => under.dispose())
    const reopenWith = async (window: Partial<WindowLimits>): Promise<void> => {
      await under.dispose()
      await use(window)
    }
    const context: Context = { store: () => store, writer: () => writer, clock: () => under.clock, reopenWith }
    writes(context)
    conflicts(context)
    lists(context)
    watches(context)
    windows(context)
    lifetimes(context)
  })
}

interface Context {
  store(): Store
  writer(): Writer
  clock(): FakeClock
  /** Replaces the store by an empty one with another window. */
  reopenWith(window: Partial<WindowLimits>): Promise<void>
}

function writes({ store, writer }: Context): void {
  describe('write', () => {
    it('starts empty, above revision 0, with nothing older to reach', () => {
      expect(store().revision).toBeGreaterThan(0)
      expect(store().compacted).toBe(store().revision)
      expect(store().incarnation).not.toBe('')
      expect(store().list({ prefix: '' })).toEqual({ entries: [], revision: store().revision, next: undefined, remaining: 0 })
    })

    it.each(classes)('%s: gives ascending revisions and is read back once acknowledged', async (durability) => {
      const first = await writer().put('/a', '1', durability)
      const second = await writer().put('/b', '2', durability)
      const third = await writer().put('/a', '3', durability)
      expect(second).toBeGreaterThan(first)
      expect(third).toBeGreaterThan(second)
      expect(store().get('/a')).toEqual({ key: '/a', value: Buffer.from('3'), createRevision: first, modRevision: third })
      expect(store().revision).toBe(third)
      const gone = await writer().delete('/a', durability)
      expect(gone).toBeGreaterThan(third)
      expect(store().get('/a')).toBeUndefined()
      expect(store().count('')).toBe(1)
      const again = await writer().put('/a', '4', durability)
      expect(store().get('/a')).toMatchObject({ createRevision: again, modRevision: again })
    })

    it('passes the revision to a value that wants to contain it', async () => {
      const result = await store().write({ type: 'put', key: '/a', value: (at) => Buffer.from(`at ${at}`), expect: 0, durability: 'durable' })
      expect(result.ok).toBe(true)
      expect(text(store().get('/a'))).toBe(`at ${store().get('/a')!.modRevision}`)
    })

    it('lets a value that throws reject the write and change nothing', async () => {
      const before = store().revision
      await expect(store().write({ type: 'put', key: '/a', value: () => { throw new Error('no value') }, expect: 0, durability: 'durable' })).rejects.toThrow('no value')
      expect(store().get('/a')).toBeUndefined()
      expect(store().revision).toBe(before)
    })

    it('applies writes to one key in call order and shows revisions in order, whatever their classes', async () => {
      const seen: Revision[] = []
      const all = Array.from({ length: 30 }, (_, i) =>
        store().write({ type: 'put', key: `/k${i}`, value: Buffer.from(`${i}`), expect: 0, durability: classes[i % 3]! }).then((result) => {
          if (result.ok) seen.push(result.revision)
          // Read your write: acknowledged means visible.
          expect(text(store().get(`/k${i}`))).toBe(`${i}`)
        }))
      await Promise.all(all)
      expect(seen).toHaveLength(30)
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
    })

    it('refuses an empty key and a time to live that is misplaced', async () => {
      const value = Buffer.from('x')
      await expect(store().write({ type: 'put', key: '', value, expect: 0, durability: 'durable' })).rejects.toThrow(RangeError)
      await expect(store().write({ type: 'put', key: '/a', value, expect: 0, durability: 'durable', ttlSeconds: 5 })).rejects.toThrow(RangeError)
      await expect(store().write({ type: 'put', key: '/a', value, expect: 0, durability: 'volatile', ttlSeconds: 0 })).rejects.toThrow(RangeError)
      expect(store().count('')).toBe(0)
    })

    it('stores values of any size and bytes', async () => {
      const value = Buffer.alloc(3_000_000, Uint8Array.from({ length: 256 }, (_, i) => i))
      const result = await store().write({ type: 'put', key: '/größe/\u{1f353}', value, expect: 0, durability: 'durable' })
      expect(result.ok && result.entry.value.equals(value)).toBe(true)
      await writer().put('/empty', '')
      expect(store().get('/empty')!.value).toHaveLength(0)
    })
  })
}

function conflicts({ store, writer }: Context): void {
  describe('compare and swap', () => {
    it('answers with the current entry where the expectation is wrong, and changes nothing', async () => {
      const first = await writer().put('/a', '1')
      const second = await writer().put('/a', '2')
      const value = Buffer.from('3')
      const current = store().get('/a')
      expect(await store().write({ type: 'put', key: '/a', value, expect: 0, durability: 'durable' })).toEqual({ ok: false, current })
      expect(await store().write({ type: 'put', key: '/a', value, expect: first, durability: 'durable' })).toEqual({ ok: false, current })
      expect(await store().write({ type: 'delete', key: '/a', expect: first, durability: 'durable' })).toEqual({ ok: false, current })
      expect(await store().write({ type: 'put', key: '/b', value, expect: second, durability: 'durable' })).toEqual({ ok: false, current: undefined })
      expect(await store().write({ type: 'delete', key: '/b', expect: second, durability: 'durable' })).toEqual({ ok: false, current: undefined })
      expect(await store().write({ type: 'delete', key: '/b', expect: revision(0), durability: 'durable' })).toEqual({ ok: false, current: undefined })
      expect(store().revision).toBe(second)
    })

    it.each(classes)('%s: lets exactly one of many writers win', async (durability) => {
      const start = await writer().put('/a', 'start', durability)
      const results = await Promise.all(Array.from({ length: 20 }, (_, i) => store().write({ type: 'put', key: '/a', value: Buffer.from(`${i}`), expect: start, durability })))
      const won = results.filter((result) => result.ok)
      expect(won).toHaveLength(1)
      for (const result of results) if (!result.ok) expect(text(result.current)).toBe(text(store().get('/a')))
    })

    it('compares with the newest state, acknowledged or not', async () => {
      const made = store().write({ type: 'put', key: '/a', value: Buffer.from('1'), expect: 0, durability: 'durable' })
      const clash = store().write({ type: 'put', key: '/a', value: Buffer.from('2'), expect: 0, durability: 'lazy' })
      expect(await made).toMatchObject({ ok: true })
      expect(await clash).toMatchObject({ ok: false, current: { key: '/a', value: Buffer.from('1') } })
    })

    it('never tells of a conflict before the write it conflicts with is visible', async () => {
      const made = store().write({ type: 'put', key: '/a', value: Buffer.from('1'), expect: 0, durability: 'durable' })
      const clash = await store().write({ type: 'put', key: '/a', value: Buffer.from('2'), expect: 0, durability: 'lazy' })
      expect(clash.ok).toBe(false)
      expect(store().get('/a')).toBe(clash.ok ? undefined : clash.current)
      await made
    })
  })
}

function lists({ store, writer }: Context): void {
  const keys = (prefix: string, more: { from?: string; limit?: number; at?: Revision } = {}): string[] => store().list({ prefix, ...more }).entries.map((entry) => entry.key)

  describe('list', () => {
    it('returns what starts with the prefix, sorted by code unit', async () => {
      for (const key of ['/b/2', '/a/1', '/b/10', '/b', '/b/1', '/b0', '/b/\u{10000}', '/b/\uffff', '/c']) await writer().put(key, key, 'volatile')
      expect(keys('/b/')).toEqual(['/b/1', '/b/10', '/b/2', '/b/\u{10000}', '/b/\uffff'])
      expect(keys('/b')).toHaveLength(7)
      expect(store().count('/b/')).toBe(5)
      expect(store().count('/b/\uffff')).toBe(1)
      expect(store().count('/x')).toBe(0)
      expect(keys('')).toHaveLength(9)
    })

    it('continues where a limit cut it off, at the same revision, with an exact remainder', async () => {
      for (let i = 0; i < 25; i++) await writer().put(`/p/${String(i).padStart(2, '0')}`, 'old', 'volatile')
      const first = store().list({ prefix: '/p/', limit: 10 })
      expect(first).toMatchObject({ next: '/p/10', remaining: 15 })
      await writer().delete('/p/03', 'volatile')
      await writer().delete('/p/12', 'volatile')
      await writer().put('/p/115', 'new', 'volatile')
      await writer().put('/p/20', 'new', 'volatile')
      await writer().put('/p/99', 'new', 'volatile')
      const second = store().list({ prefix: '/p/', from: first.next!, limit: 10, at: first.revision })
      expect(second.entries.map((entry) => entry.key)).toEqual(Array.from({ length: 10 }, (_, i) => `/p/${10 + i}`))
      expect(second).toMatchObject({ revision: first.revision, next: '/p/20', remaining: 5 })
      const third = store().list({ prefix: '/p/', from: second.next!, limit: 10, at: first.revision })
      expect(third.entries.map(text)).toEqual(['old', 'old', 'old', 'old', 'old'])
      expect(third).toMatchObject({ next: undefined, remaining: 0 })
    })

    it('shows the state of every revision in the window', async () => {
      const states = new Map<Revision, Map<string, string>>()
      const state = new Map<string, string>()
      states.set(store().revision, new Map())
      for (let i = 0; i < 60; i++) {
        const key = `/k${(i * 7) % 11}`
        const at = state.has(key) && i % 3 === 0 ? await writer().delete(key, 'volatile') : await writer().put(key, `v${i}`, 'volatile')
        if (store().get(key)) state.set(key, `v${i}`)
        else state.delete(key)
        states.set(at, new Map(state))
      }
      for (const [at, expected] of states) {
        const { entries } = store().list({ prefix: '/k', at })
        expect(entries.map((entry) => [entry.key, text(entry)])).toEqual([...expected].sort(([a], [b]) => (a < b ? -1 : 1)))
      }
    })

    it('ignores a start before the prefix and finds nothing from one after it', async () => {
      for (const key of ['/a', '/b/1', '/c']) await writer().put(key, key, 'volatile')
      expect(keys('/b/', { from: '/a' })).toEqual(['/b/1'])
      expect(keys('/b/', { from: '/c' })).toEqual([])
      expect(store().list({ prefix: '/b/', limit: 1 })).toMatchObject({ next: undefined, remaining: 0 })
    })

    it('refuses revisions that are compacted or still to come', async () => {
      const first = await writer().put('/a', '1')
      const second = await writer().put('/a', '2')
      expect(() => store().list({ prefix: '', at: revision(second + 1) })).toThrow(FutureRevisionError)
      await store().compact(second)
      expect(store().compacted).toBe(second)
      expect(() => store().list({ prefix: '', at: first })).toThrow(CompactedError)
      expect(store().list({ prefix: '', at: second }).entries.map(text)).toEqual(['2'])
      await store().compact(first)
      expect(store().compacted).toBe(second)
      await expect(store().compact(revision(second + 1))).rejects.toThrow(FutureRevisionError)
    })
  })
}

function watches({ store, writer }: Context): void {
  describe('watch', () => {
    it('gives every change after a revision, in order, with the state before', async () => {
      const start = await writer().put('/a/1', 'one')
      await writer().put('/a/1', 'two')
      await writer().put('/b/1', 'other')
      const watcher = store().watch('/a/', start)
      expect(watcher.state).toBe('catching-up')
      expect(told(await watcher.next())).toEqual(['put /a/1=two was one'])
      const pending = watcher.next()
      const gone = await writer().delete('/a/1')
      const changes = await pending
      expect(told(changes)).toEqual(['delete /a/1=two was two'])
      expect(changes[0]!.entry.modRevision).toBe(gone)
      expect(watcher.progress).toBe(gone)
      await writer().put('/a/2', 'new', 'volatile')
      expect(told(await watcher.next())).toEqual(['put /a/2=new was absent'])
      watcher.close()
    })

    it('hands out all that waits at once, without gap or duplicate, to watchers of any prefix', async () => {
      const prefixes = ['', '/', '/a', '/a/', '/a/1', '/a/12', '/b/', '/b/3', '/none/']
      const watchers = prefixes.map((prefix) => ({ prefix, watcher: store().watch(prefix, store().revision), got: [] as Change[] }))
      const done = watchers.map(async ({ watcher, got, prefix }) => {
        if (prefix === '/none/') return
        do got.push(...await watcher.next())
        while (watcher.progress < store().revision || got.length === 0)
      })
      const revisions: { key: string; at: Revision }[] = []
      await Promise.all(Array.from({ length: 90 }, async (_, i) => {
        const key = `/${i % 2 ? 'a' : 'b'}/${i % 15}${i}`
        revisions.push({ key, at: await writer().put(key, `${i}`, classes[i % 3]!) })
      }))
      await Promise.all(done)
      for (const { prefix, watcher, got } of watchers) {
        const matching = revisions.filter(({ key }) => key.startsWith(prefix)).map(({ at }) => at).sort((a, b) => a - b)
        while (got.length < matching.length) got.push(...await watcher.next())
        expect(got.map((change) => change.entry.modRevision)).toEqual(matching)
        watcher.close()
      }
    })

    it('never shows a change before it can be read', async () => {
      const watcher = store().watch('', store().revision)
      const seen = watcher.next().then(([change]) => expect(store().get('/a')).toBe(change!.entry))
      await writer().put('/a', '1')
      await seen
    })

    it('reports progress past changes that do not match, while it waits', async () => {
      const watcher = store().watch('/quiet/', store().revision)
      const pending = watcher.next()
      const other = await writer().put('/other', '1')
      expect(watcher.progress).toBe(other)
      expect(watcher.state).toBe('synced')
      const mine = await writer().put('/quiet/1', '1')
      expect((await pending).map((change) => change.entry.modRevision)).toEqual([mine])
    })

    it('loses nothing to an aborted wait', async () => {
      const watcher = store().watch('/a', store().revision)
      const abort = new AbortController()
      const pending = watcher.next(abort.signal)
      abort.abort(new Error('enough'))
      await expect(pending).rejects.toThrow('enough')
      await expect(watcher.next(abort.signal)).rejects.toThrow('enough')
      await writer().put('/a', '1')
      expect(told(await watcher.next(new AbortController().signal))).toEqual(['put /a=1 was absent'])
    })

    it('refuses a second wait, and any after close', async () => {
      const watcher = store().watch('', store().revision)
      const pending = watcher.next()
      await expect(watcher.next()).rejects.toThrow('pending')
      watcher.close()
      watcher.close()
      await expect(pending).rejects.toMatchObject({ name: 'AbortError' })
      await expect(watcher.next()).rejects.toMatchObject({ name: 'AbortError' })
      await writer().put('/a', '1')
    })

    it('refuses revisions that are compacted or still to come', async () => {
      const first = await writer().put('/a', '1')
      const second = await writer().put('/a', '2')
      expect(() => store().watch('', revision(second + 1))).toThrow(FutureRevisionError)
      await store().compact(second)
      expect(() => store().watch('', first)).toThrow(CompactedError)
      expect(store().watch('', second).state).toBe('synced')
    })
  })
}

function windows({ store, writer, clock, reopenWith }: Context): void {
  describe('window', () => {
    it('ends a watch explicitly whose reader fell out of it, and no other', async () => {
      await reopenWith({ maxChanges: 10 })
      const slow = store().watch('/a', store().revision)
      const waiting = store().watch('/zzz', store().revision)
      const pending = waiting.next()
      for (let i = 0; i < 11; i++) await writer().put('/a', `${i}`, 'volatile')
      expect(slow.state).toBe('blocked')
      await expect(slow.next()).rejects.toThrow(CompactedError)
      await writer().put('/zzz', 'here', 'volatile')
      expect(told(await pending)).toEqual(['put /zzz=here was absent'])
    })

    it('keeps exactly as many changes as it may', async () => {
      await reopenWith({ maxChanges: 10 })
      const start = store().revision
      const revisions: Revision[] = []
      for (let i = 0; i < 10; i++) revisions.push(await writer().put('/a', `${i}`, 'volatile'))
      expect(store().compacted).toBe(start)
      revisions.push(await writer().put('/a', 'more', 'volatile'))
      expect(store().compacted).toBe(revisions[0])
      expect((await store().watch('', revisions[0]!).next()).map((change) => change.entry.modRevision)).toEqual(revisions.slice(1))
    })

    it('is bounded by the bytes that history keeps alive', async () => {
      await reopenWith({ maxBytes: 100_000 })
      for (let i = 0; i < 50; i++) await writer().put('/a', 'x'.repeat(10_000), 'volatile')
      expect(store().revision - store().compacted).toBeGreaterThan(5)
      expect(store().revision - store().compacted).toBeLessThanOrEqual(10)
    })

    it('drops what is old beyond the newest few', async () => {
      await reopenWith({ maxAgeMs: 300_000, keepChanges: 5 })
      for (let i = 0; i < 20; i++) await writer().put('/a', `${i}`, 'volatile')
      await clock().advance(299_000)
      await writer().put('/a', 'later', 'volatile')
      expect(store().revision - store().compacted).toBe(21)
      await clock().advance(2_000)
      await writer().put('/a', 'last', 'volatile')
      expect(store().revision - store().compacted).toBe(5)
    })
  })
}

function lifetimes({ store, writer, clock }: Context): void {
  const brief = (key: string, ttlSeconds: number, expected: Revision | 0 = 0): Promise<unknown> =>
    store().write({ type: 'put', key, value: Buffer.from('brief'), expect: expected, durability: 'volatile', ttlSeconds })

  describe('time to live', () => {
    it('deletes the key when its time is over, not before, and tells watchers', async () => {
      await brief('/e/1', 60)
      const watcher = store().watch('/e/', store().revision)
      const pending = watcher.next()
      await clock().advance(59_900)
      expect(text(store().get('/e/1'))).toBe('brief')
      await clock().advance(1_200)
      expect(told(await pending)).toEqual(['delete /e/1=brief was brief'])
      expect(store().get('/e/1')).toBeUndefined()
      expect(clock().pending).toBe(0)
    })

    it('starts anew with each write, and ends with one that has none', async () => {
      await brief('/e/1', 10)
      await brief('/e/2', 10)
      await clock().advance(9_000)
      await brief('/e/1', 10, store().get('/e/1')!.modRevision)
      await writer().put('/e/2', 'for good', 'volatile')
      await clock().advance(9_000)
      expect(store().count('/e/')).toBe(2)
      await clock().advance(100_000)
      expect(store().list({ prefix: '/e/' }).entries.map(text)).toEqual(['for good'])
    })

    it('expires many keys of different lives, each in its time', async () => {
      for (let i = 1; i <= 20; i++) await brief(`/e/${i}`, i * 5)
      for (let i = 1; i <= 20; i++) {
        await clock().advance(5_000)
        expect(store().count('/e/')).toBeGreaterThanOrEqual(20 - i)
        expect(store().count('/e/')).toBeLessThanOrEqual(21 - i)
      }
      await clock().advance(3_000)
      expect(store().count('/e/')).toBe(0)
    })
  })

  describe('close', () => {
    it('ends watches and refuses writes', async () => {
      const last = store().watch('', store().revision).next()
      const lastEnded = expect(last).rejects.toMatchObject({ name: 'AbortError' })
      await store().flush()
      await store().close()
      await store().close()
      await lastEnded
      await expect(store().write({ type: 'put', key: '/a', value: Buffer.from('1'), expect: 0, durability: 'durable' })).rejects.toThrow(StoreFailedError)
    })
  })
}
