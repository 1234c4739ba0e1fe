import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createLog } from '../shared/host/log.ts'
import { systemClock } from '../shared/host/clock.ts'
import { warnOfHosts } from './registry-hosts.ts'

it('names each registry whose settings Docker does not take from the agent, and none where there are none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'registry-hosts-'))
  const lines: string[] = []
  const log = createLog({ level: 'info', clock: systemClock, write: (line) => { lines.push(line) } })
  await warnOfHosts(join(folder, 'none'), log)
  expect(lines).toEqual([])
  for (const registry of ['r.example:5000', 'docker.io']) await mkdir(join(folder, registry))
  await warnOfHosts(folder, log)
  expect(lines.map((l) => /registry=(\S+)/.exec(l)?.[1])).toEqual(['docker.io', 'r.example:5000'])
  await rm(folder, { recursive: true })
})
