import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HistoryEvent } from '../../model/store-model.ts'

export interface Kill {
  /** Counted from the start of the process, recovery included, or from its first acknowledged write: how long a start takes is the machine's affair. */
  readonly from: 'start' | 'traffic'
  readonly after: number
}

/** Resolves when the first write is acknowledged, or the process has ended. */
async function firstAnswer(told: string, ended: AbortSignal): Promise<void> {
  const answered = (): boolean => readFileSync(told, 'utf8').includes('"at":"ok"')
  const abort = new AbortController()
  const changes = watch(told, { signal: AbortSignal.any([abort.signal, ended]) })
  const grown = new Promise<void>((resolve) => { changes.on('change', () => { if (answered()) resolve() }); ended.addEventListener('abort', () => resolve(), { once: true }) })
  changes.on('error', (e: Error) => { if (e.name !== 'AbortError') throw e })
  if (!answered() && !ended.aborted) await grown
  abort.abort()
}

/**
 * One run of `traffic.ts` on the database at `database`, killed with SIGKILL as `kill` says or, without it, left to close. Resolves with
 * what it told, which passes through the file `told`. Rejects where the run ended by itself, with what it complained of.
 */
export async function runTraffic(options: { database: string; told: string; seed: number; kill?: Kill }): Promise<HistoryEvent[]> {
  const { database, told, seed, kill } = options
  const out = openSync(told, 'w')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'traffic.ts'), database, String(seed), kill === undefined ? 'close' : 'until-killed'], { stdio: ['ignore', out, 'pipe'] })
  closeSync(out)
  let complaint = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => { complaint += text })
  const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  if (kill !== undefined) {
    const ended = new AbortController()
    child.once('exit', () => ended.abort())
    if (kill.from === 'traffic') await firstAnswer(told, ended.signal)
    await sleep(kill.after)
    child.kill('SIGKILL')
  }
  const [code, signal] = await exited
  if (kill === undefined ? code !== 0 : signal !== 'SIGKILL') throw new Error(`traffic of seed ${seed} ended by itself (${code ?? signal}): ${complaint}`)
  // The kill may cut the last line short.
  return readFileSync(told, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as HistoryEvent)
}
