/** When a pod's token is asked for anew, over a clock that is set on. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { FakeClock } from '../../shared/host/fake-clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import { openDatabase, type Database } from '../../shared/host/sqlite.ts'
import { storeSetup } from './desired-store.ts'
import { Tokens } from './tokens.ts'

const hour = 3_600_000
let database: Database
let dir: string
afterEach(async () => { await database.close(); await rm(dir, { recursive: true }) })

/** `life`: of each token, in milliseconds. `down`: the API server does not answer. */
async function setUp(life: number) {
  dir = await mkdtemp(join(tmpdir(), 'tokens-'))
  database = await openDatabase(join(dir, 'db'), { mode: 'create', setup: storeSetup })
  const clock = new FakeClock()
  const server = { issued: 0, down: false }
  const make = () => new Tokens({
    database, clock, log: silentLog, access: () => ({}) as never,
    call: async () => {
      if (server.down) throw new Error('no route')
      return JSON.stringify({ status: { token: `t${++server.issued}`, expirationTimestamp: new Date(clock.now() + life).toISOString() } })
    },
  })
  return { clock, server, make }
}
const request = { pod: { namespace: 'ns', name: 'p', uid: 'u' }, serviceAccount: 'a', audience: undefined, expirationSeconds: 3600 }

it('is at 80 % of its life, also for an agent that found it on disk', async () => {
  const { clock, make } = await setUp(hour)
  const first = await make().token(request)
  expect(first).toMatchObject({ token: 't1', renewAt: clock.now() + 0.8 * hour })
  await clock.advance(0.7 * hour)
  const again = await make().token(request)
  expect([again.token, again.renewAt]).toEqual(['t1', first.renewAt])
  await clock.advance(0.1 * hour)
  expect((await make().token(request)).token).toBe('t2')
})

it('is after a day, however long it would live', async () => {
  const { clock, make } = await setUp(1000 * hour)
  const tokens = make()
  expect((await tokens.token(request)).renewAt).toBe(clock.now() + 24 * hour)
  await clock.advance(24 * hour)
  expect((await tokens.token(request)).token).toBe('t2')
})

it('serves on while nobody answers, and is tried again a minute later; once it has expired there is none', async () => {
  const { clock, server, make } = await setUp(hour)
  const tokens = make()
  await tokens.token(request)
  server.down = true
  await clock.advance(0.9 * hour)
  expect(await tokens.token(request)).toMatchObject({ token: 't1', renewAt: clock.now() + 60_000 })
  await clock.advance(0.1 * hour)
  await expect(tokens.token(request)).rejects.toThrow('no route')
})

it('is another for another audience', async () => {
  const { make } = await setUp(hour)
  const tokens = make()
  expect([(await tokens.token(request)).token, (await tokens.token({ ...request, audience: 'vault' })).token]).toEqual(['t1', 't2'])
})
