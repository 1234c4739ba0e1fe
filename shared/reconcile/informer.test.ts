import { describe, expect, it, onTestFinished } from 'vitest'
import type { ConfigMap } from '../api/core-v1.ts'
import { refs } from '../api/refs.ts'
import { createFakeApiSource } from '../client/fake-api-source.ts'
import { FakeClock } from '../host/fake-clock.ts'
import { silentLog } from '../host/log.ts'
import { systemRandom } from '../host/random.ts'
import { createInformer } from './informer.ts'
import { createSharedInformers } from './shared-informers.ts'

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
const map = (name: string, data = 'x', namespace = 'default'): ConfigMap & { metadata: object } => ({ metadata: { name, namespace, labels: { data } }, data: { data } })

async function world(options: { hook?: () => void; selector?: string } = {}) {
  const clock = new FakeClock()
  const source = createFakeApiSource({ clock })
  const client = source.client()
  await client.create(refs.ConfigMap, map('old'))
  const informer = createInformer({
    client: source.client(options.hook), ref: refs.ConfigMap, host: { clock, random: systemRandom, log: silentLog },
    ...(options.selector ? { labelSelector: options.selector } : {}), indexers: { data: (o) => [o.data?.data ?? ''] },
  })
  onTestFinished(() => informer.close())
  const events: string[] = []
  informer.on({ add: (o) => events.push(`+${o.metadata.name}`), update: (o) => events.push(`~${o.metadata.name}`), delete: (o) => events.push(`-${o.metadata.name}=${o.data?.data}`) })
  return { clock, source, client, informer, events }
}

describe('informer', () => {
  it('lists, follows, indexes and freezes', async () => {
    const { client, informer, events } = await world()
    await informer.synced
    await client.create(refs.ConfigMap, map('new', 'y', 'other'))
    await client.update(refs.ConfigMap, { ...map('old', 'z') })
    await turn()
    expect(informer.list().map((o) => o.metadata.name).sort()).toEqual(['new', 'old'])
    expect(informer.list('other').map((o) => o.metadata.name)).toEqual(['new'])
    expect(informer.byIndex('data', 'z').map((o) => o.metadata.name)).toEqual(['old'])
    expect(informer.byIndex('data', 'x')).toEqual([])
    await client.delete(refs.ConfigMap, { namespace: 'default', name: 'old' })
    await turn()
    expect(informer.get('default', 'old')).toBeUndefined()
    expect(events).toEqual(['+old', '+new', '~old', '-old=z'])
    expect(() => { informer.get('other', 'new')!.data!.data = 'changed' }).toThrow(TypeError)
  })

  it('recovers what it missed after history is compacted: changes, deletions, and a new object under an old name', async () => {
    const { clock, source, client, informer, events } = await world()
    await client.create(refs.ConfigMap, map('gone'))
    await client.create(refs.ConfigMap, map('renewed'))
    await informer.synced
    await turn()
    events.length = 0
    source.forgetEvents(refs.ConfigMap)
    await client.delete(refs.ConfigMap, { namespace: 'default', name: 'gone' })
    await client.delete(refs.ConfigMap, { namespace: 'default', name: 'renewed' })
    await client.create(refs.ConfigMap, map('renewed', 'again'))
    await client.update(refs.ConfigMap, map('old', 'changed'))
    await turn()
    expect(events).toEqual([])
    source.forgetEvents(refs.ConfigMap, false)
    source.compact()
    await client.create(refs.ConfigMap, map('later'))
    await turn()
    await clock.advance(1000)
    await clock.advance(1000)
    expect(events.sort()).toEqual(['+later', '+renewed', '-gone=x', '-renewed=x', '~old'])
  })

  it('resumes an ended watch where it was, without listing again', async () => {
    const lists: number[] = []
    const { clock, source, client, informer, events } = await world({ hook: () => { lists.push(1) } })
    await informer.synced
    source.breakWatches()
    await client.create(refs.ConfigMap, map('while-away'))
    await turn()
    await clock.advance(1000)
    await turn()
    expect(events).toEqual(['+old', '+while-away'])
    expect(lists.length).toBe(2) // before and after the one list
  })

  it('keeps trying while the server fails, with growing pauses, and syncs in the end', async () => {
    let down = true
    let tries = 0
    const { clock, informer } = await world({ hook: () => { if (down) { tries++; throw new Error('connection refused') } } })
    for (let i = 0; i < 60; i++) await clock.advance(1000)
    expect(tries).toBeGreaterThan(5)
    expect(tries).toBeLessThan(14)
    expect(informer.hasSynced).toBe(false)
    down = false
    await clock.advance(30_000)
    await informer.synced
    expect(informer.list()).toHaveLength(1)
  })

  it('survives a handler that throws, and tells the others', async () => {
    const { client, informer, events } = await world()
    informer.on({ add: () => { throw new Error('handler') } , update: () => { throw new Error('handler') } })
    await informer.synced
    await client.create(refs.ConfigMap, map('a'))
    await client.create(refs.ConfigMap, map('b'))
    await turn()
    expect(events).toEqual(['+old', '+a', '+b'])
  })

  it('is shared: one list for one resource', async () => {
    const clock = new FakeClock()
    const source = createFakeApiSource({ clock })
    let lists = 0
    const shared = createSharedInformers({ client: source.client((_, phase) => { if (phase === 'before') lists++ }), host: { clock, random: systemRandom, log: silentLog } })
    expect(shared.for(refs.Pod)).toBe(shared.for(refs.Pod))
    await shared.synced()
    expect(lists).toBe(1)
    await shared.close()
    expect(() => shared.for(refs.Node)).toThrow('closed')
  })
})
