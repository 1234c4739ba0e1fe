/** A log that a process holds open and appends to, kept within its room while it is followed. */
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../shared/host/clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { nextStart } from './log-room.ts'
import { LogWatch, readLog } from './logs.ts'

let dir: string
beforeEach(async () => { dir = await mkdtemp(join(tmpdir(), 'log-room-')) })
afterEach(() => rm(dir, { recursive: true, force: true }))

const limits = { maxBytes: 128 << 10, maxFiles: 3 }
const line = (n: number): string => `${String(n).padStart(8, '0')} ${'x'.repeat(90)}\n`
const numberOf = (l: Buffer): number => Number(l.subarray(0, 8).toString())

describe('a log with no room left', () => {
  it('begins in whole blocks, a size at a time, and never earlier than before', () => {
    const of = { maxBytes: 10_000, maxFiles: 3 }
    expect(nextStart(30_000, 0, of)).toBe(0)
    expect(nextStart(30_001, 0, of)).toBe(8192)
    expect(nextStart(38_192, 8192, of)).toBe(8192)
    expect(nextStart(38_193, 8192, of)).toBe(16_384)
  })

  it('loses its oldest lines and no other, for readers and for one that follows', async () => {
    const path = join(dir, 'log')
    const writer = await open(path, 'a')
    const watch = await LogWatch.open({ path, indexPath: join(dir, 'index'), startPath: join(dir, 'start'), limits, clock: systemClock, log: silentLog })
    const abort = new AbortController()
    const read = (options: { follow: boolean; tailLines?: number }) => readLog({
      path, options: { follow: options.follow, tailLines: options.tailLines, since: undefined }, signal: abort.signal, now: () => systemClock.now(), index: () => watch.index, start: () => watch.start, ended: () => false,
      look: () => watch.look(), onEnd: () => undefined,
    })
    const followed: number[] = []
    const following = (async () => { for await (const l of read({ follow: true })) followed.push(numberOf(l.line)) })()
    const count = 20_000
    for (let n = 0; n < count; n += 100) {
      await writer.write(Array.from({ length: 100 }, (_, i) => line(n + i)).join(''))
      await watch.look()
    }
    await expect.poll(() => followed.at(-1), { timeout: 10_000 }).toBe(count - 1)
    expect(followed.length).toBe(count)
    const all: number[] = []
    for await (const l of read({ follow: false })) all.push(numberOf(l.line))
    // The newest, without a gap, and not more than there is room for.
    expect(all).toEqual(Array.from({ length: all.length }, (_, i) => count - all.length + i))
    expect(all.length * line(0).length).toBeLessThanOrEqual(limits.maxBytes * limits.maxFiles)
    expect(all.length * line(0).length).toBeGreaterThan(limits.maxBytes * (limits.maxFiles - 1) - line(0).length)
    const facts = await stat(path)
    expect([facts.size, facts.blocks * 512 <= limits.maxBytes * limits.maxFiles + 8192]).toEqual([count * line(0).length, true])
    const tail: number[] = []
    for await (const l of read({ follow: false, tailLines: 3 })) tail.push(numberOf(l.line))
    expect(tail).toEqual([count - 3, count - 2, count - 1])
    // The next agent finds the same beginning.
    const again = await LogWatch.open({ path, indexPath: join(dir, 'index'), startPath: join(dir, 'start'), limits, clock: systemClock, log: silentLog })
    expect(again.start).toBe(watch.start)
    abort.abort()
    await following
    for (const w of [watch, again]) w[Symbol.dispose]()
    await writer.close()
  })
})
