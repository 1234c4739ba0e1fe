/** What a disk does to a store: loses what was not synced, and fills up. On a small file system of its own; needs root. CHAOS_SEED, CHAOS_CUTS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSqliteStore } from '../../../control-plane/store/sqlite/open.ts'
import { StoreFailedError } from '../../../control-plane/store/store.ts'
import type { Store, WriteResult } from '../../../control-plane/store/store.ts'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import { StoreJudge } from '../../model/store-model.ts'
import { LoopDisk } from './loop-disk.ts'
import { runTraffic } from './run-traffic.ts'
import { seeded } from './seeded.ts'

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000)
const cuts = Number(process.env.CHAOS_CUTS ?? 20)

let folder: string
let disk: LoopDisk | undefined
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bramble-disk-')) })
afterEach(() => {
  disk?.unmount()
  disk = undefined
  rmSync(folder, { recursive: true, force: true })
})

it(`survives ${cuts} power cuts (seed ${seed})`, { timeout: 300_000 }, async () => {
  console.log(`store power-cut test: CHAOS_SEED=${seed} CHAOS_CUTS=${cuts}`)
  disk = new LoopDisk(folder, 64)
  const random = seeded(seed)
  const judge = new StoreJudge()
  for (let round = 0; round < cuts; round++) {
    const history = await runTraffic({ database: join(disk.mount, 'store.db'), told: join(folder, 'history'), seed: seed + round, kill: { from: 'traffic', after: Math.floor(random() * 250) } })
    disk.cutPower()
    judge.judge(history)
  }
  console.log('store power-cut test:', judge.tally)
  expect(judge.tally.acknowledged.durable).toBeGreaterThan(cuts)
})

it('refuses writes while the disk is full, and goes on when there is room', { timeout: 60_000 }, async () => {
  disk = new LoopDisk(folder, 16)
  const path = join(disk.mount, 'store.db')
  const host = { clock: new FakeClock(), random: systemRandom, log: silentLog }
  const put = (store: Store, i: number): Promise<WriteResult> => store.write({ type: 'put', key: `/k/${i}`, value: Buffer.alloc(50_000, `${i % 10}`), expect: 0, durability: 'durable' })
  let store = await openSqliteStore({ path, host })
  const filler = join(disk.mount, 'filler')
  writeFileSync(filler, Buffer.alloc(5 << 20))
  let acknowledged = 0
  const fill = async (): Promise<void> => { for (; acknowledged < 10_000; acknowledged++) await put(store, acknowledged) }
  await expect(fill()).rejects.toThrow(StoreFailedError)
  expect(acknowledged).toBeGreaterThan(10)
  await expect(put(store, acknowledged)).rejects.toThrow(/full/)
  expect(store.count('/k/')).toBe(acknowledged)
  rmSync(filler)
  expect(await put(store, acknowledged)).toMatchObject({ ok: true })
  const entries = store.list({ prefix: '' }).entries
  await store.close()
  store = await openSqliteStore({ path, host })
  expect(store.list({ prefix: '' }).entries).toEqual(entries)
  await store.close()
})
