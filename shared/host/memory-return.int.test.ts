import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runOk } from './exec.ts'

/** Buffers of many sizes, of which a few live on between the others. */
const program = `
import { systemClock } from ${JSON.stringify(join(import.meta.dirname, 'clock.ts'))}
import { giveBack } from ${JSON.stringify(join(import.meta.dirname, 'memory-return.ts'))}
const alive = setInterval(() => {}, 1000)
const kept = []
let burst = []
for (let i = 0; i < 20_000; i++) { burst.push(Buffer.alloc(3000 + i % 5000)); if (i % 100 === 0) kept.push(Buffer.alloc(500)) }
burst = []
globalThis.gc()
await systemClock.sleep(500)
const before = process.memoryUsage().rss
await giveBack(systemClock)
process.stdout.write(JSON.stringify({ before, after: process.memoryUsage().rss, kept: kept.length }))
clearInterval(alive)
`

it('pages that malloc kept between blocks in use go back to the system', async () => {
  const out = await runOk([process.execPath, '--expose-gc', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program], { env: { ...process.env, MALLOC_ARENA_MAX: '1' } })
  const { before, after } = JSON.parse(out.toString()) as { before: number; after: number }
  expect(before - after).toBeGreaterThan(50e6)
})
