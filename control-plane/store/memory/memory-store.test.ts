import { expect, it } from 'vitest'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import { storeConformance } from '../conformance.ts'
import { StoreFailedError } from '../store.ts'
import { openMemoryStore } from './memory-store.ts'

storeConformance('memory', async ({ window }) => {
  const clock = new FakeClock()
  const store = openMemoryStore({ host: { clock, random: systemRandom }, ...(window ? { window } : {}) })
  return { store, clock, dispose: () => store.close() }
})

it('refuses a backup, having no disk', async () => {
  const store = openMemoryStore({ host: { clock: new FakeClock(), random: systemRandom } })
  await expect(store.backup('/nowhere')).rejects.toThrow(StoreFailedError)
})
