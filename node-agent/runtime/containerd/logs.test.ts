import { appendFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LogIndex } from './log-index.ts'
import { readLog } from './logs.ts'

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'bramble-logs-')) })
afterAll(async () => { await rm(folder, { recursive: true, force: true }) })

it('a line is told with the time that the index keeps, also where it was written between the look and the reading', async () => {
  const path = join(folder, 'log')
  await writeFile(path, 'one\n')
  const index = new LogIndex()
  let looks = 0
  const look = async (): Promise<void> => {
    index.add({ end: (await stat(path)).size, time: 1000 * ++looks })
    if (looks === 1) await appendFile(path, 'two\n')
  }
  const told: string[] = []
  const request = { path, options: { follow: false, tailLines: undefined, since: undefined }, signal: new AbortController().signal, index: () => index, start: () => 0, now: () => 9000, look, ended: () => true, onEnd: () => undefined }
  for await (const { time, line } of readLog(request)) told.push(`${Date.parse(time)} ${line.toString().trim()}`)
  expect(told).toEqual(['1000 one', '2000 two'])
  expect(index.offsetAt(2000)).toBe(4)
})
