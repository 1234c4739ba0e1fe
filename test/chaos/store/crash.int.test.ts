/**
 * Kills a store with SIGKILL while writers and watchers are at work, two hundred times on one database, and lets the model judge every history.
 * CHAOS_SEED repeats the choices of an earlier run (the instants of the kills are the kernel's), CHAOS_KILLS changes their number.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { StoreJudge } from '../../model/store-model.ts'
import type { HistoryEvent } from '../../model/store-model.ts'
import { seeded } from './seeded.ts'

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000)
const kills = Number(process.env.CHAOS_KILLS ?? 200)
const folder = mkdtempSync(join(tmpdir(), 'bramble-crash-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** One run of the traffic, killed after `ms` or left to close. */
async function run(options: { round: number; killAfter: number | undefined }): Promise<HistoryEvent[]> {
  const told = join(folder, 'history')
  const out = openSync(told, 'w')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'traffic.ts'), join(folder, 'store.db'), String(seed + options.round), options.killAfter === undefined ? 'close' : 'until-killed'],
    { stdio: ['ignore', out, 'pipe'] })
  closeSync(out)
  let complaint = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => { complaint += text })
  const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  if (options.killAfter !== undefined) {
    await sleep(options.killAfter)
    child.kill('SIGKILL')
  }
  const [code, signal] = await exited
  if (options.killAfter === undefined ? code !== 0 : signal !== 'SIGKILL') throw new Error(`round ${options.round}: the store ended by itself (${code ?? signal}): ${complaint}`)
  // The kill may cut the last line short.
  return readFileSync(told, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as HistoryEvent)
}

it(`survives ${kills} kills (seed ${seed})`, { timeout: 300_000 }, async () => {
  console.log(`store crash test: CHAOS_SEED=${seed} CHAOS_KILLS=${kills}`)
  const random = seeded(seed)
  const judge = new StoreJudge()
  let busy = 0
  for (let round = 0; round < kills; round++) {
    // From within the start, recovery included, to well into the traffic.
    const history = await run({ round, killAfter: 60 + Math.floor(random() * 260) })
    if (history.some((event) => event.at === 'ok')) busy++
    try {
      judge.judge(history)
    } catch (error) {
      throw new Error(`round ${round} of seed ${seed}`, { cause: error })
    }
    if (round % 50 === 49) judge.judge(await run({ round: 1_000_000 + round, killAfter: undefined }))
  }
  judge.judge(await run({ round: 2_000_000, killAfter: undefined }))
  judge.judge(await run({ round: 2_000_001, killAfter: undefined }))
  console.log(`store crash test: ${busy} of ${kills} kills hit running traffic`, judge.tally)
  expect(busy).toBeGreaterThan(kills / 3)
  expect(judge.tally.acknowledged.durable).toBeGreaterThan(kills * 20)
  // The kills bite: some acknowledged lazy writes are lost, as the contract allows.
  if (kills >= 50) expect(judge.tally.lostLazy).toBeGreaterThan(0)
})
