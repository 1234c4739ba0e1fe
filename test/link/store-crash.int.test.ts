import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { start } from '../../shared/host/exec.ts'
import { openDatabase } from '../../shared/host/sqlite.ts'
import { DesiredStore, storeSetup } from '../../node-agent/link/desired-store.ts'
import { until, World } from './harness.ts'

test('kill -9 between storing and acknowledging: position and objects are of one transfer, and no stored one is lost', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-store-'))
  const path = join(folder, 'state.db')
  try {
    let least = 0
    for (let round = 0; round < 12; round++) {
      const child = start([process.execPath, join(import.meta.dirname, 'store-child.ts'), path, 'i'], { stdio: ['ignore', 'pipe', 'inherit'] })
      let text = ''
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.split('\n').length > 3 + round * 4) child.kill('SIGKILL')
      })
      await once(child, 'close')
      const said = Number(text.split('\n').at(-2))
      expect(said).toBeGreaterThan(least)
      const database = await openDatabase(path, { mode: 'existing', setup: storeSetup })
      const store = await DesiredStore.load(database)
      const at = store.position?.revision ?? 0
      await database.close()
      expect(at).toBeGreaterThanOrEqual(said)
      expect(store.list('ConfigMap').map((c) => c.metadata.name).sort()).toEqual(Array.from({ length: Math.min(5, at) }, (_, i) => `c${at - i}`).sort())
      least = at
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('a damaged store is set aside; the state is unknown until it was sent again', async () => {
  const world = await World.create()
  try {
    let link = await world.link('n1')
    await until(() => link.desired.known, 'first state')
    await world.drop(link)
    await world.gateway.close()
    await writeFile(join(world.folder, 'n1', 'link', 'state.db'), 'not a database, and long enough to be looked at as if it were one'.repeat(100))
    link = await world.link('n1')
    expect(link.desired.known).toBe(false)
    expect(link.desired.list('Node')).toEqual([])
  } finally {
    await world.close()
  }
})
