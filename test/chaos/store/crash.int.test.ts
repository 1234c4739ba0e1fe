/**
 * Kills a store with SIGKILL while writers and watchers are at work, two hundred times on one database, and lets the model judge every history.
 * CHAOS_SEED repeats the choices of an earlier run (the instants of the kills are the kernel's), CHAOS_KILLS changes their number.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { StoreJudge } from '../../model/store-model.ts'
import type { HistoryEvent } from '../../model/store-model.ts'
import { runTraffic, type Kill } from './run-traffic.ts'
import { seeded } from './seeded.ts'

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000)
const kills = Number(process.env.CHAOS_KILLS ?? 200)
const folder = mkdtempSync(join(tmpdir(), 'bramble-crash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const run = (round: number, kill?: Kill): Promise<HistoryEvent[]> =>
  runTraffic({ database: join(folder, 'store.db'), told: join(folder, 'history'), seed: seed + round, ...(kill ? { kill } : {}) })

it(`survives ${kills} kills (seed ${seed})`, { timeout: 900_000 }, async () => {
  console.log(`store crash test: CHAOS_SEED=${seed} CHAOS_KILLS=${kills}`)
  const random = seeded(seed)
  const judge = new StoreJudge()
  let busy = 0
  for (let round = 0; round < kills; round++) {
    // Every fourth from within the start, recovery included; the others well into the traffic.
    const history = await run(round, round % 4 === 0 ? { from: 'start', after: 60 + Math.floor(random() * 120) } : { from: 'traffic', after: Math.floor(random() * 120) })
    if (history.some((event) => event.at === 'ok')) busy++
    try {
      judge.judge(history)
    } catch (error) {
      throw new Error(`round ${round} of seed ${seed}`, { cause: error })
    }
    if (round % 50 === 49) judge.judge(await run(1_000_000 + round))
  }
  judge.judge(await run(2_000_000))
  judge.judge(await run(2_000_001))
  console.log(`store crash test: ${busy} of ${kills} kills hit running traffic`, judge.tally)
  expect(busy).toBeGreaterThan(kills / 3)
  expect(judge.tally.acknowledged.durable).toBeGreaterThan(kills)
  // The kills bite: some acknowledged lazy writes are lost, as the contract allows.
  if (kills >= 50) expect(judge.tally.lostLazy).toBeGreaterThan(0)
})
