import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HistoryEvent } from '../../model/store-model.ts'

/**
 * One run of `traffic.ts` on the database at `database`, killed with SIGKILL after `killAfter` ms or, without it, left to close. Resolves with
 * what it told, which passes through the file `told`. Rejects where the run ended by itself, with what it complained of.
 */
export async function runTraffic(options: { database: string; told: string; seed: number; killAfter?: number }): Promise<HistoryEvent[]> {
  const { database, told, seed, killAfter } = options
  const out = openSync(told, 'w')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'traffic.ts'), database, String(seed), killAfter === undefined ? 'close' : 'until-killed'], { stdio: ['ignore', out, 'pipe'] })
  closeSync(out)
  let complaint = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => { complaint += text })
  const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  if (killAfter !== undefined) {
    await sleep(killAfter)
    child.kill('SIGKILL')
  }
  const [code, signal] = await exited
  if (killAfter === undefined ? code !== 0 : signal !== 'SIGKILL') throw new Error(`traffic of seed ${seed} ended by itself (${code ?? signal}): ${complaint}`)
  // The kill may cut the last line short.
  return readFileSync(told, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as HistoryEvent)
}
