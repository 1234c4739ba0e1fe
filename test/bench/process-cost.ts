/** What a process and its children cost, read from /proc. */
import { readFile, readdir } from 'node:fs/promises'
import { ignore } from '../../shared/base/ignore.ts'

export interface Cost {
  /** Bytes: memory that cannot be reclaimed, and the proportional share of all of it. */
  readonly anonymous: number
  readonly pss: number
  /** Seconds of CPU so far, children that ended included. */
  readonly cpu: number
  /** Bytes sent to the block layer so far, ended children included where they were waited for. */
  readonly written: number
}

/** Clock ticks a second; fixed for user space on Linux. */
const hertz = 100

async function children(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`)
  const lists = await Promise.all(tasks.map((t) => readFile(`/proc/${pid}/task/${t}/children`, 'utf8').catch(() => '')))
  const direct = lists.flatMap((l) => l.trim().split(' ').filter(Boolean).map(Number))
  return [...direct, ...(await Promise.all(direct.map((c) => children(c).catch(() => [])))).flat()]
}

const field = (text: string, name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)

async function one(pid: number): Promise<Cost> {
  const [rollup, io, stat] = await Promise.all([`smaps_rollup`, 'io', 'stat'].map((f) => readFile(`/proc/${pid}/${f}`, 'utf8')))
  const ticks = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ').slice(11, 15).map(Number).reduce((a, b) => a + b, 0)
  return { anonymous: field(rollup ?? '', 'Anonymous') * 1024, pss: field(rollup ?? '', 'Pss') * 1024, cpu: ticks / hertz, written: field(io ?? '', 'write_bytes') }
}

/** Cost of one process, whatever it has started. */
export const costAlone = (pid: number): Promise<Cost> => one(pid)

/** Cost of a process and everything it started that still runs. */
export async function costOf(pid: number): Promise<Cost> {
  const all = [await one(pid), ...(await Promise.all((await children(pid)).map((c) => ignore(one(c), 'it ended while we looked')))).filter((c) => c !== undefined)]
  return all.reduce((a, b) => ({ anonymous: a.anonymous + b.anonymous, pss: a.pss + b.pss, cpu: a.cpu + b.cpu, written: a.written + b.written }))
}
