/** Resource x verb x output: every row of the table through unmodified kubectl, the columns as upstream prints them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Kubectl } from '../testbed/kubectl.ts'
import type { KubectlServer } from './kubectl-server.ts'
import { columns, contractKubectls, startKubectlServer } from './kubectl-server.ts'
import type { ResourceRow } from './resource-table.ts'
import { resourceTable } from './resource-table.ts'

let server: KubectlServer
beforeAll(async () => { server = await startKubectlServer() })
afterAll(() => server?.close())

interface Stored { readonly kind: string; readonly metadata: { readonly name: string; readonly labels?: object; readonly annotations?: object } }

/** `kind.group/name`, as kubectl names what it prints. */
const idOf = ({ object }: ResourceRow, name: string): string => {
  const group = object.apiVersion.includes('/') ? `.${object.apiVersion.split('/')[0]}` : ''
  return `${object.kind.toLowerCase()}${group}/${name}`
}
const manifestOf = ({ object, namespaced }: ResourceRow, name: string, namespace: string): Stored => {
  const given = object.kind === 'Event' ? { ...object, involvedObject: { ...object.involvedObject as object, namespace } } : object
  return { ...given, metadata: { name, ...namespaced ? { namespace } : {} } }
}

it('has a row for every resource that can be created, listed and deleted', async () => {
  const kubectl = await server.kubectl()
  const served = (await kubectl.run('api-resources --verbs=create,list,delete -o name')).trim().split('\n')
  const rows = new Set(resourceTable.map((r) => r.resource.replace(/\.v1\.$/, '')))
  // Names with rules of their own, or objects that exist only with another: their columns are proven beside their code.
  const elsewhere = new Set(['customresourcedefinitions.apiextensions.k8s.io', 'certificatesigningrequests.certificates.k8s.io', 'csistoragecapacities.storage.k8s.io', 'events.events.k8s.io', 'ipaddresses.networking.k8s.io', 'servicecidrs.networking.k8s.io', 'apiservices.apiregistration.k8s.io'])
  expect(served.filter((r) => !rows.has(r) && !elsewhere.has(r))).toEqual([])
})

describe.concurrent('every verb, and the tables', () => {
  const [name, namespace] = ['one', 'table']
  let kubectl: Kubectl
  beforeAll(async () => { kubectl = await server.kubectl(namespace) })

  it.each(resourceTable)('$resource', async (row) => {
    const { resource } = row
    const id = idOf(row, name)
    const manifest = manifestOf(row, name, namespace)
    const get = async (output: string): Promise<string> => (await kubectl.run(['get', resource, name, '-o', output])).trimEnd()
    expect((await kubectl.said('create -f -', manifest)).out).toBe(`${id} created`)

    const [plain, wide] = [await kubectl.run(['get', resource, name]), await get('wide')]
    expect(columns(plain.split('\n')[0])).toBe(row.columns)
    expect(columns(wide.split('\n')[0])).toBe(row.wide ?? row.columns)
    expect(JSON.parse(await get('json'))).toMatchObject({ apiVersion: row.object.apiVersion, kind: row.object.kind, metadata: { name } })
    expect(await kubectl.run(['describe', resource, name])).toMatch(new RegExp(`^Name: +${name}$`, 'm'))

    expect((await kubectl.run(['label', resource, name, 'one=1'])).trim()).toBe(`${id} labeled`)
    expect((await kubectl.run(['annotate', resource, name, 'two=2'])).trim()).toBe(`${id} annotated`)
    for (const [type, patch] of patches) expect((await kubectl.run(['patch', resource, name, `--type=${type}`, '-p', patch])).trim()).toBe(`${id} patched`)
    const { metadata } = JSON.parse(await get('json')) as Stored
    expect(metadata.annotations).toMatchObject({ two: '2', strategic: 's', merge: 'm', json: 'j' })
    expect(metadata.labels ?? {}).not.toHaveProperty('one')

    const annotated = { ...manifest, metadata: { ...manifest.metadata, annotations: { three: '3' } } }
    const diff = await kubectl.said('diff -f -', annotated)
    expect([diff.code, diff.out.match(/^[+-] .*$/gm)?.filter((l) => !/generation/.test(l))]).toEqual([1, expect.arrayContaining([expect.stringMatching(/^\+ {4,}three: "3"$/)])])
    expect((await kubectl.said('apply -f -', annotated)).out).toBe(`${id} configured`)
    expect((await kubectl.said('apply --server-side --field-manager=side -f -', manifest)).out).toBe(`${id} serverside-applied`)
    const stored = JSON.parse(await get('json')) as Stored
    expect((await kubectl.said('replace -f -', { ...stored, metadata: { ...stored.metadata, resourceVersion: undefined, annotations: { replaced: 'yes' } } })).out).toBe(`${id} replaced`)
    expect(await get('jsonpath={.metadata.annotations.replaced}')).toBe('yes')
    expect((await kubectl.run(['delete', resource, name])).trim()).toBe(`${id.replace('/', ' "')}" deleted`)
    expect((await kubectl.said(['get', resource, name])).err).toBe(`Error from server (NotFound): ${resource.replace(/\.v1\.$/, '')} "${name}" not found`)
  })
})

const patches: readonly (readonly [string, string])[] = [
  ['strategic', '{"metadata":{"annotations":{"strategic":"s"}}}'], ['merge', '{"metadata":{"annotations":{"merge":"m"},"labels":{"one":null}}}'],
  ['json', '[{"op":"test","path":"/metadata/annotations/two","value":"2"},{"op":"add","path":"/metadata/annotations/json","value":"j"}]'],
]

describe.each(contractKubectls)('kubectl $version, all resources at once', (binary) => {
  const name = `t${binary.version.replaceAll('.', '-').toLowerCase()}`
  const all = resourceTable.map((r) => idOf(r, name))
  const types = resourceTable.map((r) => r.resource).join(',')
  let kubectl: Kubectl
  beforeAll(async () => { kubectl = await server.kubectl(`ns-${name}`, binary) })

  it('creates, prints in every output, labels, annotates, patches, applies and deletes', async () => {
    const items = resourceTable.map((r) => manifestOf(r, name, `ns-${name}`))
    expect((await kubectl.run('create -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })).match(/ created$/gm)).toHaveLength(all.length)
    const pick = ['get', types, `--field-selector=metadata.name=${name}`]
    const headers = (text: string): string[] => text.split('\n\n').map((t) => columns(t.split('\n')[0])).sort()
    expect(headers(await kubectl.run(pick))).toEqual(resourceTable.map((r) => r.columns).sort())
    expect(headers(await kubectl.run([...pick, '-o', 'wide']))).toEqual(resourceTable.map((r) => r.wide ?? r.columns).sort())
    const kinds = resourceTable.map((r) => r.object.kind).sort()
    expect((await kubectl.json<{ items: Stored[] }>(pick)).items.map((i) => i.kind).sort()).toEqual(kinds)
    expect((await kubectl.run([...pick, '-o', 'yaml'])).match(/^  kind: \w+$/gm)?.map((l) => l.slice(8)).sort()).toEqual(kinds)
    expect((await kubectl.run([...pick, '-o', 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {end}'])).trim().split(' ').sort()).toEqual(kinds.map((k) => `${k}/${name}`))
    expect((await kubectl.run([...pick, '-o', 'custom-columns=K:.kind,N:.metadata.name,NONE:.nothing'])).trim().split('\n').map(columns).sort()).toEqual(['K   N   NONE', ...kinds.map((k) => `${k}   ${name}   <none>`)].sort())
    expect((await kubectl.run([...pick, '-o', 'name'])).trim().split('\n').sort()).toEqual([...all].sort())
    expect((await kubectl.run(['label', ...all, 'one=1'])).match(/ labeled$/gm)).toHaveLength(all.length)
    expect((await kubectl.run(['annotate', ...all, 'two=2'])).match(/ annotated?$/gm)).toHaveLength(all.length)
    for (const [type, patch] of patches) expect((await kubectl.run(['patch', ...all, `--type=${type}`, '-p', patch])).match(/ patched$/gm)).toHaveLength(all.length)
    expect((await kubectl.said('apply -f -', { apiVersion: 'v1', kind: 'List', items })).out.match(/ configured$/gm)).toHaveLength(all.length)
    expect((await kubectl.said('apply --server-side -f -', { apiVersion: 'v1', kind: 'List', items })).out.match(/ serverside-applied$/gm)).toHaveLength(all.length)
    expect((await kubectl.run(['delete', ...all, '--wait=false'])).match(/ deleted/g)).toHaveLength(all.length)
  })
})
