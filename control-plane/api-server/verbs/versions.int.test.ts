import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KubeObject, ResourceRef, Stored } from '../../../shared/api/object.ts'
import { componentUser } from '../authn/user.ts'
import type { FakeCluster } from '../fake-cluster.ts'
import { startFakeCluster } from '../fake-cluster.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { LiveRegistry } from '../resources/live-registry.ts'

/** ConfigMaps as `example.com/v2 Notes`: `text` is what the hub calls `data`. */
type Note = KubeObject & { text?: Record<string, string>; data?: Record<string, string> }
const notes: ResourceRef<Note> = { group: 'example.com', version: 'v2', resource: 'notes', kind: 'Note', namespaced: true }
const configMaps: ResourceRef<Note> = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true }

function noteOf(hub: ResourceDefinition): ResourceDefinition {
  return {
    ...hub, group: 'example.com', version: 'v2', resource: 'notes', singular: 'note', kind: 'Note', listKind: 'NoteList', shortNames: [], schema: '',
    codec: { openApi: undefined, decode: (raw) => structuredClone(raw) as Note },
    strategy: { default: (o) => { (o as Note).text ??= { by: 'default' } } },
    storage: {
      definition: hub,
      toStorage: ({ text, ...rest }: Note) => ({ ...rest, ...(text ? { data: text } : {}) }) as Note,
      fromStorage: async ({ data, ...rest }: Note) => ({ ...rest, kind: 'Note', apiVersion: 'example.com/v2', ...(data ? { text: data } : {}) }) as Note,
    },
  }
}

let cluster: FakeCluster
beforeAll(async () => {
  cluster = await startFakeCluster()
  const registry = cluster.api.registry as LiveRegistry
  registry.replace('notes', [noteOf(registry.find('', 'v1', 'configmaps') as ResourceDefinition)])
})
afterAll(() => cluster.close())

it('one object, two versions: every verb converts at the edge', async () => {
  const { admin } = cluster
  const at = { namespace: 'default', name: 'n' }
  const made = await admin.create(notes, { apiVersion: 'example.com/v2', kind: 'Note', metadata: at } as never) as Stored<Note>
  expect(made).toMatchObject({ kind: 'Note', apiVersion: 'example.com/v2', text: { by: 'default' } })
  expect(await admin.get(configMaps, at)).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { by: 'default' } })
  expect((await admin.patch(notes, at, 'application/merge-patch+json', { text: { more: 'x' } })).text).toEqual({ by: 'default', more: 'x' })
  const read = await admin.get(notes, at)
  expect(read.data).toBeUndefined()
  const put = await admin.update(notes, { ...read, text: { put: 'y' } })
  expect(put.text).toEqual({ put: 'y' })
  await expect(admin.update(notes, { ...read, text: { late: 'y' } })).rejects.toMatchObject({ reason: 'Conflict' })
  const listed = await admin.list(notes, { namespace: 'default' })
  expect(listed.items.find((n) => n.metadata.name === 'n')).toMatchObject({ text: { put: 'y' } })
  expect((await admin.list(configMaps, { namespace: 'default' })).items.find((n) => n.metadata.name === 'n')).toMatchObject({ data: { put: 'y' } })
})

it('watches show the version asked for, in process and over HTTPS', async () => {
  const { admin, api } = cluster
  for (const client of [admin, api.client(componentUser('test'))]) {
    const name = client === admin ? 'far' : 'near'
    const stop = new AbortController()
    const { metadata } = await client.list(notes, { namespace: 'default' })
    const events = client.watch(notes, { namespace: 'default', resourceVersion: metadata.resourceVersion ?? '' }, stop.signal)[Symbol.asyncIterator]()
    const next = async () => (await events.next()).value as { type: string; object: Note }
    const first = next()
    await admin.create(configMaps, { metadata: { namespace: 'default', name }, data: { a: 'b' } } as never)
    expect(await first).toMatchObject({ type: 'ADDED', object: { kind: 'Note', text: { a: 'b' } } })
    await admin.delete(configMaps, { namespace: 'default', name })
    const gone = await next()
    expect(gone).toMatchObject({ type: 'DELETED', object: { kind: 'Note', text: { a: 'b' }, metadata: { name } } })
    stop.abort()
  }
})

it('whoever walks over objects meets each once', () => {
  const { registry } = cluster.api
  expect(registry.all.filter((d) => d.resource === 'configmaps' || d.resource === 'notes')).toHaveLength(2)
  expect(registry.resources.filter((d) => d.resource === 'configmaps' || d.resource === 'notes').map((d) => d.resource)).toEqual(['configmaps'])
})
