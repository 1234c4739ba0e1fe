/** Lists and watches as the official client makes them: informers, bookmarks, streamed lists, pages, and what happens when a state is gone. */
import { CoreV1Api, makeInformer, Watch } from '@kubernetes/client-node'
import type { KubeConfig, V1ConfigMap } from '@kubernetes/client-node'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startFakeCluster } from '../../control-plane/api-server/fake-cluster.ts'
import type { FakeCluster } from '../../control-plane/api-server/fake-cluster.ts'
import { revision } from '../../shared/base/brands.ts'
import { asker, clientOf, refusal } from './client.ts'
import type { Ask } from './client.ts'

let cluster: FakeCluster
let config: KubeConfig
let core: CoreV1Api
let ask: Ask
let namespace: string
let path: string
beforeAll(async () => {
  cluster = await startFakeCluster()
  config = await clientOf(cluster)
  core = config.makeApiClient(CoreV1Api)
  ask = await asker(cluster)
})
afterAll(() => cluster.close())

let tests = 0
beforeEach(async () => {
  namespace = `n${++tests}`
  path = `/api/v1/namespaces/${namespace}/configmaps`
  await core.createNamespace({ body: { metadata: { name: namespace } } })
})

const make = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): Promise<V1ConfigMap> => core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels }, data } })
const change = async (name: string, data: Record<string, string>, labels?: Record<string, string>): Promise<V1ConfigMap> => {
  const old = await core.readNamespacedConfigMap({ name, namespace })
  return core.replaceNamespacedConfigMap({ name, namespace, body: { ...old, metadata: { ...old.metadata, ...(labels ? { labels } : {}) }, data } })
}

/** What comes over a stream, taken one at a time. */
class Taken<T> {
  readonly #items: T[] = []
  #wake: (() => void) | undefined
  push(item: T): void { this.#items.push(item); this.#wake?.() }
  async take(): Promise<T> {
    while (!this.#items.length) await new Promise<void>((resolve) => { this.#wake = resolve })
    return this.#items.shift() as T
  }
  async takeMany(count: number): Promise<T[]> {
    const all: T[] = []
    while (all.length < count) all.push(await this.take())
    return all
  }
}

interface Seen { readonly type: string; readonly object: { readonly kind: string; readonly code?: number; readonly metadata: { readonly name?: string; readonly resourceVersion: string; readonly annotations?: Record<string, string> }; readonly data?: Record<string, string> } }

/** A watch of the client; `ended` settles with its error, undefined for a plain end. */
async function watch(query: Record<string, string | number | boolean>, at = path): Promise<{ seen: Taken<Seen>; ended: Promise<unknown>; stop(): void }> {
  const seen = new Taken<Seen>()
  const ended = Promise.withResolvers<unknown>()
  const stop = await new Watch(config).watch(at, query, (type: string, object: Seen['object']) => seen.push({ type, object }), (e: unknown) => ended.resolve(e ?? undefined))
  return { seen, ended: ended.promise, stop: () => stop.abort() }
}
const names = (events: readonly Seen[]): string[] => events.map((e) => `${e.type} ${e.object.metadata.name ?? ''}`)

describe('an informer', () => {
  it('holds what is there, what comes, changes and goes', async () => {
    await make('a', { n: '1' })
    const said = new Taken<string>()
    const informer = makeInformer<V1ConfigMap>(config, path, () => core.listNamespacedConfigMap({ namespace }))
    for (const verb of ['add', 'update', 'delete'] as const) informer.on(verb, (o) => said.push(`${verb} ${o.metadata?.name} ${o.data?.n}`))
    await informer.start()
    expect(await said.take()).toBe('add a 1')
    await make('b', { n: '2' })
    expect(await said.take()).toBe('add b 2')
    await change('a', { n: '3' })
    expect(await said.take()).toBe('update a 3')
    await core.deleteNamespacedConfigMap({ name: 'b', namespace })
    expect(await said.take()).toBe('delete b 2')
    await informer.stop()
  })

  it('that follows a selector is told of what comes into it and what leaves it', async () => {
    await make('a', {}, { in: 'yes' })
    await make('b', {}, { in: 'no' })
    const { metadata } = await core.listNamespacedConfigMap({ namespace })
    const { seen, stop } = await watch({ resourceVersion: metadata?.resourceVersion ?? '', labelSelector: 'in=yes' })
    await change('b', { n: '1' }, { in: 'yes' })
    await change('a', { n: '1' }, { in: 'no' })
    await change('a', { n: '2' }, { in: 'no' })
    await core.deleteNamespacedConfigMap({ name: 'b', namespace })
    expect(names(await seen.takeMany(3))).toEqual(['ADDED b', 'DELETED a', 'DELETED b'])
    stop()
  })

  it('whose place is gone is told 410 inside the stream, and begins anew', async () => {
    const { metadata } = await make('a')
    await change('a', { n: '1' })
    await cluster.store.compact(revision(Number(cluster.store.revision)))
    const { seen } = await watch({ resourceVersion: metadata?.resourceVersion ?? '' })
    const gone = await seen.take()
    expect(gone).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, status: 'Failure', reason: 'Expired', message: expect.stringMatching(/^too old resource version: \d+ \(\d+\)$/) } })
    const { metadata: now } = await core.listNamespacedConfigMap({ namespace })
    const again = await watch({ resourceVersion: now?.resourceVersion ?? '' })
    await make('b')
    expect(names([await again.seen.take()])).toEqual(['ADDED b'])
    again.stop()
  })
})

describe('a watch', () => {
  it('without a version begins with what is there, and with 0 too', async () => {
    await make('a')
    await make('b')
    for (const query of [{}, { resourceVersion: '0' }]) {
      const { seen, stop } = await watch(query)
      expect(names(await seen.takeMany(2))).toEqual(['ADDED a', 'ADDED b'])
      stop()
    }
  })

  it('ends when its time is over, after a bookmark of the present', async () => {
    const { metadata } = await make('a')
    const { seen, ended } = await watch({ resourceVersion: metadata?.resourceVersion ?? '', allowWatchBookmarks: true, timeoutSeconds: 8 })
    const other = await core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: namespace } } })
    const bookmark = await seen.take()
    expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap', metadata: {} } })
    expect(Number(bookmark.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(other.metadata?.resourceVersion))
    await ended
  })

  it('that streams the list marks where it ends', async () => {
    await make('a')
    await make('b')
    const { seen, stop } = await watch({ sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true })
    const events = await seen.takeMany(3)
    expect(names(events)).toEqual(['ADDED a', 'ADDED b', 'BOOKMARK '])
    expect(events[2]?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
    await make('c')
    expect(names([await seen.take()])).toEqual(['ADDED c'])
    stop()
  })

  it.each([
    [{ sendInitialEvents: true }, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    [{ sendInitialEvents: true, resourceVersionMatch: 'Exact' }, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    [{ resourceVersionMatch: 'NotOlderThan' }, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'],
  ])('with options that contradict each other is refused: %o', async (query, text) => {
    const search = new URLSearchParams({ watch: '1', ...Object.fromEntries(Object.entries(query).map(([k, v]) => [k, String(v)])) })
    expect(JSON.parse(await ask(`${path}?${search.toString()}`))).toMatchObject({ code: 422, reason: 'Invalid', message: expect.stringContaining(text) })
  })

  it('of one object by its name sees no other', async () => {
    await make('a')
    const { seen, stop } = await watch({ fieldSelector: 'metadata.name=b' })
    await change('a', { n: '1' })
    await make('b')
    expect(names([await seen.take()])).toEqual(['ADDED b'])
    stop()
  })
})

describe('a list in pages', () => {
  it('is one state, whatever is written between', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await make(name)
    const first = await core.listNamespacedConfigMap({ namespace, limit: 2 })
    expect(first.metadata?.remainingItemCount).toBe(3)
    await make('bb')
    await core.deleteNamespacedConfigMap({ name: 'd', namespace })
    const rest: string[] = []
    for (let token = first.metadata?._continue; token;) {
      const page = await core.listNamespacedConfigMap({ namespace, limit: 2, _continue: token })
      expect(page.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion)
      rest.push(...page.items.map((o) => o.metadata?.name ?? ''))
      token = page.metadata?._continue
    }
    expect(rest).toEqual(['c', 'd', 'e'])
  })

  it('whose state is gone says 410 with a token that goes on in the present', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await make(name)
    const first = await core.listNamespacedConfigMap({ namespace, limit: 2 })
    await make('cc')
    await cluster.store.compact(revision(Number(cluster.store.revision)))
    const gone = await refusal(core.listNamespacedConfigMap({ namespace, limit: 2, _continue: first.metadata?._continue ?? '' }))
    expect(gone).toMatchObject({
      code: 410, reason: 'Expired',
      message: 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    })
    const rest = await core.listNamespacedConfigMap({ namespace, _continue: gone.metadata.continue ?? '' })
    expect(rest.items.map((o) => o.metadata?.name)).toEqual(['c', 'cc', 'd'])
  })
})

describe('metadata alone', () => {
  const asked = async (url: string, as: string): Promise<unknown> => JSON.parse((await ask(url, `application/json;as=${as};g=meta.k8s.io;v=v1`)).split('\n')[0] ?? '')

  it('of one, of a list and of a watch', async () => {
    await make('a', { large: 'x'.repeat(1000) })
    const one = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a', namespace } }
    const got = await asked(`${path}/a`, 'PartialObjectMetadata')
    expect(got).toMatchObject(one)
    expect(Object.keys(got as object).sort()).toEqual(['apiVersion', 'kind', 'metadata'])
    expect(await asked(path, 'PartialObjectMetadataList')).toMatchObject({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', items: [one] })
    expect(await asked(`${path}?watch=1&timeoutSeconds=1`, 'PartialObjectMetadata')).toMatchObject({ type: 'ADDED', object: one })
  })
})
