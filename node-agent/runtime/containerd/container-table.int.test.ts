/** The table beside an engine whose answers are older than their arrival: the races of many containers that start at once. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KeyedLock } from '../../../shared/base/keyed-lock.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { makeFolder } from '../../../shared/host/tree.ts'
import { ContainerTable, type EngineView } from './container-table.ts'
import { Holders } from './holder.ts'
import { Records, type ContainerRecord } from './records.ts'

let dir: string
let answer: PromiseWithResolvers<EngineView>
let asked: number
let records: Records
let table: ContainerTable
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'table-'))
  answer = Promise.withResolvers()
  asked = 0
  records = new Records(dir)
  await records.prepare()
  table = new ContainerTable({
    ids: { spoil: () => Promise.resolve() },
    view: () => { asked++; return answer.promise }, engine: { address: join(dir, 'no-engine.sock'), namespace: 'n', runcRoot: dir }, records, clock: systemClock, log: silentLog, locks: new KeyedLock(),
    holders: new Holders({ folder: dir, clock: systemClock }), logLimits: { maxBytes: 65_536, maxFiles: 2 }, emit: () => undefined,
  })
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const record = (id: string): ContainerRecord => ({ id, sandboxId: `s-${id}`, podUid: id, name: 'm', attempt: 0, imageId: 'i', image: 'i', createdAt: 1, logPath: join(dir, `${id}.log`), cgroupPath: `/none/${id}`, stopSignal: 'SIGTERM', tty: false })

it('does not take a container for lost that was started while the engine answered', async () => {
  table.starting('new', true)
  const entry = table.add(record('new'))
  const reconciled = table.reconcile()
  entry.pid = 4711
  table.starting('new', false)
  // Its container was seen, its task not yet.
  answer.resolve({ containers: ['new'], tasks: new Map() })
  await reconciled
  expect(entry.exit).toBeUndefined()
})

it('leaves alone what came while the engine answered, though the engine has seen it', async () => {
  const reconciled = table.reconcile()
  const entry = table.add(record('newer'))
  entry.pid = 4712
  answer.resolve({ containers: ['newer'], tasks: new Map([['newer', { pid: 4712, status: 'CREATED' }]]) })
  await reconciled
  expect(entry.exit).toBeUndefined()
})

it('takes one for lost that has been there and is not in the engine any more', async () => {
  await makeFolder(records.containerFolder('gone'))
  await records.saveContainer(record('gone'))
  const entry = table.add(record('gone'), { pid: 4713 })
  answer.resolve({ containers: [], tasks: new Map() })
  await table.reconcile()
  expect(entry.exit).toMatchObject({ exitCode: 255 })
})

it('lets go of one that has ended, whatever the engine or the disk has refused', async () => {
  const told: string[] = []
  const entry = table.add(record('stuck'), { pid: 4716 })
  // No engine answers, and its folder was never made.
  await expect(table.ended(entry, { exitCode: 3, at: 2 }, true)).rejects.toThrow()
  await Promise.all([entry.exited.then(() => told.push('exited')), entry.drained.then(() => told.push('drained'))])
  expect(told).toEqual(['exited', 'drained'])
})

it('asks the engine about the start of a container it does not know to run, and not of one it does', () => {
  const known = table.add(record('known'), { pid: 4714 })
  table.onEvent({ type: 'start', id: known.record.id })
  expect(asked).toBe(0)
  table.add(record('of an agent before us'))
  table.onEvent({ type: 'start', id: 'of an agent before us' })
  expect(asked).toBe(1)
})
