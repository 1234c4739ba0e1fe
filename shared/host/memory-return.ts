/**
 * Memory that a burst of work leaves behind, given back to the system once the burst is over. V8 frees its buffers into malloc, and malloc keeps every page that lies below
 * one in use: after two hundred streams a process held a hundred megabytes of nothing. `malloc_trim(3)` gives all free pages back within milliseconds.
 * It is called over `node:ffi`, which is experimental: where that, or glibc, is not there, nothing is given back and everything else is as before.
 */
import type { Millis } from '../base/brands.ts'
import { messageOf } from '../base/errors.ts'
import type { Clock, Log } from '../base/host.ts'

export interface Burst {
  /** One more piece of work is under way, until it is disposed of. */
  begin(): Disposable
}

export interface MemoryReturnOptions {
  readonly clock: Clock
  readonly log: Log
  /** For tests to replace: bytes that the process has in memory, and how they are given back. */
  readonly resident?: () => number
  readonly give?: () => Promise<void>
}

/** So much more than after the last time is worth the pause, bytes. */
const worthIt = 16 << 20
/** Work is over when nothing has been under way for this long. */
const quietFor: Millis = 2000
/** V8 frees the memory of collected buffers on a thread of its own. */
const sweepTime: Millis = 250

export function createMemoryReturn({ clock, log, resident = () => process.memoryUsage.rss(), give = () => giveBack(clock) }: MemoryReturnOptions): Burst {
  let underWay = 0
  let pending: Disposable | undefined
  let least: number | undefined
  const over = async (): Promise<void> => {
    pending = undefined
    if (resident() < (least ?? 0) + worthIt) return
    await give()
    least = resident()
  }
  return {
    begin() {
      if (underWay++ === 0) least = Math.min(least ?? Infinity, resident())
      pending?.[Symbol.dispose]()
      pending = undefined
      let isOver = false
      return {
        [Symbol.dispose]() {
          if (isOver) return
          isOver = true
          if (--underWay === 0) pending = clock.after(quietFor, () => { over().catch((e: unknown) => log.debug('memory cannot be given back', { error: messageOf(e) })) })
        },
      }
    },
  }
}

/** Collects garbage, where the program was started with `--expose-gc`, and returns free pages. Rejects where that cannot be done here. */
export async function giveBack(clock: Clock): Promise<void> {
  const { dlopen } = await import('node:ffi')
  const { functions } = dlopen('libc.so.6', { malloc_trim: { arguments: ['uint64'], return: 'int32' } })
  // What was finalized by the first collection goes with the second.
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.()
    await clock.sleep(sweepTime)
  }
  functions.malloc_trim(0n)
}
