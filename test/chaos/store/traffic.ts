/**
 * A process to be killed: opens the store at argv[2] and lets writers and watchers loose on it, telling what happens on stdout, a JSON line an
 * event. A line is handed to the kernel before anything else happens, so that what was told is what happened, up to the instant of the kill.
 * argv[3]: seed. argv[4]: `close` to stop by itself after a while, in order.
 */
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSqliteStore } from '../../../control-plane/store/sqlite/open.ts'
import { CompactedError } from '../../../control-plane/store/store.ts'
import type { Durability, Store, Watcher } from '../../../control-plane/store/store.ts'
import { revision } from '../../../shared/base/brands.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import type { HistoryEvent } from '../../model/store-model.ts'
import { seeded } from './seeded.ts'

const [, , path = '', seed = '1', mode = 'until-killed'] = process.argv
const random = seeded(Number(seed))
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
const tell = (event: HistoryEvent): void => { writeSync(1, `${JSON.stringify(event)}\n`) }

const prefixes = ['/a/', '/a/1', '/b/', '/b/7', '/c/', '']
const groups = ['/a/', '/b/', '/c/']
const classes: readonly Durability[] = ['durable', 'durable', 'lazy', 'lazy', 'volatile']
const callsBeforeClose = 400
let calls = 0
let stopping = false

/** Values carry their length, so that a torn one shows. */
const valueOf = (name: string): string => `${name}:${Math.floor(random() ** 4 * 6_000)}:`
const bytesOf = (value: string): Buffer => Buffer.from(value.padEnd(Number(value.split(':')[1]), '.'))
const named = (bytes: Buffer): string => {
  const value = bytes.toString().replace(/\.*$/, '')
  return bytes.equals(bytesOf(value)) ? value : `TORN ${value}`
}

async function write(store: Store, writer: number): Promise<void> {
  const id = ++calls
  const key = `${pick(groups)}${Math.floor(random() * 40)}`
  const durability = pick(classes)
  const current = store.get(key)
  // Now and then a stale or wrong expectation. Others come by themselves: a write that is not visible yet.
  const expect = revision(random() < 0.1 ? Math.max(0, (current?.modRevision ?? 0) - Math.floor(random() * 2)) : current?.modRevision ?? 0)
  const type = current && random() < 0.2 ? 'delete' : 'put'
  const value = valueOf(`${seed}.${writer}.${id}`)
  tell({ at: 'call', id, type, key, expect, durability, value })
  const result = await store.write(type === 'put' ? { type, key, value: bytesOf(value), expect, durability } : { type, key, expect, durability })
  if (result.ok) tell({ at: 'ok', id, revision: result.revision, seen: store.get(key)?.modRevision ?? 0 })
  else tell({ at: 'conflict', id, current: result.current?.modRevision ?? 0 })
}

async function writeOn(store: Store, writer: number): Promise<void> {
  while (!stopping) {
    await write(store, writer)
    if (random() < 0.02) {
      tell({ at: 'flushing' })
      await store.flush()
      tell({ at: 'flushed' })
    }
    if (mode === 'close' && calls > callsBeforeClose) stopping = true
    if (random() < 0.05) await sleep(Math.floor(random() * 5))
  }
}

let watchers = 0
/** Reads a watch, now and then slowly, now and then ending it and going on from where it was. */
async function watchOn(store: Store, prefix: string): Promise<void> {
  let from = store.revision
  for (;;) {
    const id = ++watchers
    tell({ at: 'watch', watcher: id, prefix, from })
    const watcher = store.watch(prefix, from)
    const ended = await pull(store, watcher, id)
    watcher.close()
    if (ended === 'stopped') return
    tell({ at: 'unwatch', watcher: id })
    from = ended === 'compacted' ? store.revision : watcher.progress
  }
}

async function pull(store: Store, watcher: Watcher, id: number): Promise<'stopped' | 'compacted' | 'resume'> {
  while (!stopping || watcher.progress < store.revision || pendingWriters > 0) {
    try {
      const changes = await watcher.next(drained.signal)
      tell({
        at: 'changes', watcher: id, progress: watcher.progress,
        changes: changes.map(({ type, entry, previous }) => ({
          type, key: entry.key, value: named(entry.value), created: entry.createRevision, modified: entry.modRevision, previous: previous?.modRevision ?? 0,
        })),
      })
    } catch (error) {
      if (drained.signal.aborted) return 'stopped'
      if (error instanceof CompactedError) return 'compacted'
      throw error
    }
    if (random() < 0.05) await sleep(Math.floor(random() * 10))
    if (random() < 0.05 && !stopping) return 'resume'
  }
  return 'stopped'
}

let pendingWriters = 24
/** Ends the watches that wait for nothing more. */
const drained = new AbortController()

const store = await openSqliteStore({
  path, host: { clock: systemClock, random: systemRandom, log: silentLog }, lazyFlushMs: 40, revisionBlock: 1_000, window: { maxChanges: 3_000 },
})
tell({
  at: 'open', incarnation: store.incarnation, revision: store.revision, compacted: store.compacted,
  entries: store.list({ prefix: '' }).entries.map((entry) => ({ key: entry.key, value: named(entry.value), created: entry.createRevision, modified: entry.modRevision })),
})
const watching = prefixes.map((prefix) => watchOn(store, prefix))
await Promise.all(Array.from({ length: pendingWriters }, async (_, writer) => {
  await writeOn(store, writer)
  pendingWriters--
}))
// Whoever still waits now has been given everything: a watch is woken before the write is acknowledged.
await sleep(20)
drained.abort()
await Promise.all(watching)
await store.close()
tell({ at: 'closed' })
