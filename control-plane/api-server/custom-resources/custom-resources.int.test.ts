import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CustomResourceDefinition } from '../../../shared/api/apiextensions-v1.ts'
import type { KubeObject, ResourceRef, Stored } from '../../../shared/api/object.ts'
import { isNotFound } from '../../../shared/base/errors.ts'
import type { FakeCluster } from '../fake-cluster.ts'
import { startFakeCluster } from '../fake-cluster.ts'
import { customResourceDefinitionRef as crds } from './follower.ts'

type Tab = KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> }

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object', required: ['cron'],
      properties: {
        cron: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' }, replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 }, image: { type: 'string' },
        port: { 'x-kubernetes-int-or-string': true }, free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        steps: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, run: { type: 'string' } } } },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
  },
}

function crdOf(plural: string, kind: string, more: Partial<CustomResourceDefinition['spec']['versions'][number]> = {}): CustomResourceDefinition & { metadata: { name: string } } {
  return {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `${plural}.stable.example.com` },
    spec: {
      group: 'stable.example.com', scope: 'Namespaced', names: { plural, kind, shortNames: [`${plural.slice(0, 2)}x`], categories: ['all'] },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema as never }, ...more }],
    },
  }
}
const refOf = (plural: string, kind: string, version = 'v1'): ResourceRef<Tab> => ({ group: 'stable.example.com', version, resource: plural, kind, namespaced: true })

let cluster: FakeCluster
beforeAll(async () => { cluster = await startFakeCluster() })
afterAll(() => cluster.close())

/** Watches until the object is what is waited for, or gone (undefined). */
async function until<T extends KubeObject>(ref: ResourceRef<T>, name: string, done: (object: Stored<T> | undefined) => boolean): Promise<Stored<T> | undefined> {
  const stop = new AbortController()
  const { metadata, items } = await cluster.admin.list(ref, { fieldSelector: `metadata.name=${name}` })
  const now = items.find((o) => o.metadata.name === name)
  if (done(now)) return now
  try {
    for await (const event of cluster.admin.watch(ref, { fieldSelector: `metadata.name=${name}`, resourceVersion: metadata.resourceVersion ?? '' }, stop.signal)) {
      if (event.type === 'BOOKMARK') continue
      const object = event.type === 'DELETED' ? undefined : event.object
      if (done(object)) return object
    }
  } finally {
    stop.abort()
  }
  throw new Error(`the watch of ${name} ended`)
}

const established = (name: string) => until(crds, name, (crd) => crd?.status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True') === true)
const define = async (crd: ReturnType<typeof crdOf>): Promise<void> => {
  await cluster.admin.create(crds, crd)
  await established(crd.metadata.name)
}
const tab = (name: string, spec: Record<string, unknown>, more: object = {}): Tab & { metadata: { namespace: string } } => ({ metadata: { name, namespace: 'default' }, spec, ...more }) as never

describe('a custom resource', () => {
  const tabs = refOf('crontabs', 'CronTab')
  beforeAll(async () => {
    const began = Date.now()
    await define(crdOf('crontabs', 'CronTab', {
      subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' } },
      additionalPrinterColumns: [{ name: 'Cron', type: 'string', jsonPath: '.spec.cron' }, { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
      selectableFields: [{ jsonPath: '.spec.image' }],
    }))
    // Upstream waits five seconds.
    expect(Date.now() - began).toBeLessThan(4000)
  })

  it('is told of: names, conditions, stored versions', async () => {
    const { status, spec } = await cluster.admin.get(crds, { name: 'crontabs.stable.example.com' })
    expect(status).toMatchObject({ storedVersions: ['v1'], acceptedNames: { plural: 'crontabs', singular: 'crontab', listKind: 'CronTabList', kind: 'CronTab' } })
    expect(status?.conditions?.map((c) => `${c.type}=${c.status} ${c.reason}`)).toEqual(['NamesAccepted=True NoConflicts', 'Established=True InitialNamesAccepted'])
    expect(spec.conversion).toEqual({ strategy: 'None' })
  })

  it('is pruned and defaulted; generations count the spec', async () => {
    const made = await cluster.admin.create(tabs, tab('a', { cron: '* * * * *', free: { any: { thing: 1 } }, port: '80' }, { status: { replicas: 3 } }))
    expect(made).toMatchObject({ spec: { replicas: 1, free: { any: { thing: 1 } }, port: '80' }, metadata: { generation: 1 } })
    expect(made.status).toBeUndefined()
    const status = await cluster.admin.update(tabs, { ...made, status: { replicas: 3, selector: 'a=b' }, spec: { cron: 'ignored' } }, { subresource: 'status' })
    expect(status).toMatchObject({ status: { replicas: 3 }, spec: { cron: '* * * * *' }, metadata: { generation: 1 } })
    const next = await cluster.admin.patch(tabs, { namespace: 'default', name: 'a' }, 'application/merge-patch+json', { spec: { image: 'x' }, status: { replicas: 9 } })
    expect(next).toMatchObject({ spec: { image: 'x' }, status: { replicas: 3 }, metadata: { generation: 2 } })
    await expect(cluster.admin.patch(tabs, { namespace: 'default', name: 'a' }, 'application/strategic-merge-patch+json', { spec: {} })).rejects.toMatchObject({ code: 415 })
  })

  it('is judged by its schema, in upstream\'s words', async () => {
    const refused = async (spec: Record<string, unknown>): Promise<string> => cluster.admin.create(tabs, tab('bad', spec)).then(() => 'made', (e: Error) => e.message)
    expect(await refused({ cron: 'x', replicas: 11 })).toBe('CronTab.stable.example.com "bad" is invalid: [spec.cron: Invalid value: "x": spec.cron in body should match \'^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$\', spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10]')
    expect(await refused({ replicas: 1 })).toBe('CronTab.stable.example.com "bad" is invalid: spec.cron: Required value')
    expect(await refused({ cron: '* * * * *', replicas: 'two' })).toBe('CronTab.stable.example.com "bad" is invalid: spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"')
    expect(await refused({ cron: '* * * * *', steps: [{ name: 'a' }, { name: 'a' }] })).toBe('CronTab.stable.example.com "bad" is invalid: spec.steps[1]: Duplicate value: {"name":"a"}')
  })

  it('selects by declared fields', async () => {
    await cluster.admin.create(tabs, tab('blue', { cron: '* * * * *', image: 'blue' }))
    expect((await cluster.admin.list(tabs, { namespace: 'default', fieldSelector: 'spec.image=blue' })).items.map((t) => t.metadata.name)).toEqual(['blue'])
    await expect(cluster.admin.list(tabs, { namespace: 'default', fieldSelector: 'spec.cron=x' })).rejects.toMatchObject({ code: 400 })
  })

  it('refuses definitions that are not sound', async () => {
    const bad = crdOf('wrongs', 'Wrong', { schema: { openAPIV3Schema: { type: 'object', properties: { spec: {} } } as never } })
    bad.metadata.name = 'other.stable.example.com'
    const e = await cluster.admin.create(crds, bad).then(() => undefined, (error: Error) => error)
    expect(e?.message).toContain('metadata.name: Invalid value: "other.stable.example.com": must be spec.names.plural+"."+spec.group')
    expect(e?.message).toContain('spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields')
  })
})

it('names are given once; whoever waited gets them when they are free', async () => {
  await define(crdOf('apples', 'Apple'))
  const second = crdOf('pears', 'Apple')
  await cluster.admin.create(crds, second)
  const refused = await until(crds, 'pears.stable.example.com', (crd) => crd?.status?.conditions?.some((c) => c.type === 'NamesAccepted') === true)
  expect(refused?.status?.conditions).toMatchObject([{ type: 'NamesAccepted', status: 'False', message: '"AppleList" is already in use' }, { type: 'Established', status: 'False', reason: 'NotAccepted' }])
  await expect(cluster.admin.list(refOf('pears', 'Apple'), {})).rejects.toSatisfy(isNotFound)
  await cluster.admin.delete(crds, { name: 'apples.stable.example.com' })
  await established('pears.stable.example.com')
  expect((await cluster.admin.list(refOf('pears', 'Apple'), {})).items).toEqual([])
})

it('a deleted definition takes its instances with it, those with finalizers when they may go; watches end', async () => {
  const figs = refOf('figs', 'Fig')
  await define(crdOf('figs', 'Fig'))
  await cluster.admin.create(figs, tab('free', { cron: '* * * * *' }))
  await cluster.admin.create(figs, tab('held', { cron: '* * * * *' }, { metadata: { name: 'held', namespace: 'default', finalizers: ['example.com/hold'] } }))
  const { metadata } = await cluster.admin.list(figs, {})
  const seen: string[] = []
  const watched = (async () => { for await (const e of cluster.admin.watch(figs, { resourceVersion: metadata.resourceVersion ?? '' }, new AbortController().signal)) seen.push(`${e.type} ${(e.object as Tab).metadata?.name}`) })()
  await cluster.admin.delete(crds, { name: 'figs.stable.example.com' })
  await until(figs, 'free', (fig) => fig === undefined)
  const crd = await cluster.admin.get(crds, { name: 'figs.stable.example.com' })
  expect(crd.status?.conditions?.find((c) => c.type === 'Terminating')).toMatchObject({ status: 'True' })
  expect(crd.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io'])
  await expect(cluster.admin.create(figs, tab('late', { cron: '* * * * *' }))).rejects.toMatchObject({ code: 405 })
  await cluster.admin.patch(figs, { namespace: 'default', name: 'held' }, 'application/merge-patch+json', { metadata: { finalizers: null } }).catch((e: unknown) => { throw e })
  await until(crds, 'figs.stable.example.com', (c) => c === undefined)
  await watched
  expect(seen).toContain('DELETED held')
  await expect(cluster.admin.list(figs, {})).rejects.toSatisfy(isNotFound)
})

it('versions by name alone: what was stored in the old one is read in the new', async () => {
  const one = crdOf('plums', 'Plum')
  await define(one)
  await cluster.admin.create(refOf('plums', 'Plum'), tab('p', { cron: '* * * * *' }))
  const stored = await cluster.admin.get(crds, { name: one.metadata.name })
  const [v1] = one.spec.versions
  const spec = { ...stored.spec, versions: [{ ...v1, storage: false }, { ...v1, name: 'v2', storage: true, schema: { openAPIV3Schema: { ...schema, properties: { ...schema.properties, extra: { type: 'string', default: 'new' } } } } }] }
  await cluster.admin.update(crds, { ...stored, spec: spec as never })
  await until(crds, one.metadata.name, (c) => c?.status?.storedVersions?.length === 2 && c.metadata.generation === 2)
  const v2 = refOf('plums', 'Plum', 'v2')
  const served = async (): Promise<boolean> => cluster.admin.get(v2, { namespace: 'default', name: 'p' }).then(() => true, () => false)
  await expect.poll(served).toBe(true)
  expect(await cluster.admin.get(v2, { namespace: 'default', name: 'p' })).toMatchObject({ apiVersion: 'stable.example.com/v2', extra: 'new' })
  const written = await cluster.admin.patch(v2, { namespace: 'default', name: 'p' }, 'application/merge-patch+json', { extra: 'mine' })
  expect(written).toMatchObject({ apiVersion: 'stable.example.com/v2', extra: 'mine', metadata: { generation: 2 } })
  const old = await cluster.admin.get(refOf('plums', 'Plum'), { namespace: 'default', name: 'p' })
  expect(old.apiVersion).toBe('stable.example.com/v1')
  expect(old).not.toHaveProperty('extra')
})

describe('rules in CEL', () => {
  const rules = (list: object[], more: object = {}) => ({ openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { min: { type: 'integer' }, max: { type: 'integer' }, name: { type: 'string', maxLength: 20 } }, 'x-kubernetes-validations': list, ...more } } } as never })
  const limits = refOf('limits', 'Limit')
  beforeAll(() => define(crdOf('limits', 'Limit', {
    schema: rules([
      { rule: 'self.min <= self.max', messageExpression: "'min is over max of ' + (has(self.name) ? self.name : 'nobody')", fieldPath: '.min' },
      { rule: '!has(oldSelf.name) || (has(self.name) && self.name == oldSelf.name)', message: 'name is fixed', reason: 'FieldValueForbidden' },
    ]),
  })))

  it('judge creations and transitions, in upstream\'s words', async () => {
    const { admin } = cluster
    await expect(admin.create(limits, tab('l', { min: 3, max: 2 }))).rejects.toThrow('Limit.stable.example.com "l" is invalid: spec.min: Invalid value: "object": min is over max of nobody')
    await expect(admin.create(limits, tab('l', { min: 3 }))).rejects.toThrow('spec: Invalid value: "object": no such key: max evaluating rule: failed rule: self.min <= self.max')
    await admin.create(limits, tab('l', { min: 1, max: 2, name: 'a' }))
    const at = { namespace: 'default', name: 'l' }
    await expect(admin.patch(limits, at, 'application/merge-patch+json', { spec: { name: 'b' } })).rejects.toThrow('Limit.stable.example.com "l" is invalid: spec: Forbidden: name is fixed')
    expect(await admin.patch(limits, at, 'application/merge-patch+json', { spec: { max: 9 } })).toMatchObject({ spec: { max: 9 } })
  })

  it('are judged with their definition: what does not compile or costs too much is refused', async () => {
    const refused = (name: string, kind: string, schemas: ReturnType<typeof rules>) => cluster.admin.create(crds, crdOf(name, kind, { schema: schemas })).then(() => 'made', (e: Error) => e.message)
    expect(await refused('bads', 'Bad', rules([{ rule: 'self.nope == 1' }]))).toContain("spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value: \"self.nope == 1\": compilation failed: ERROR: <input>:1:5: undefined field 'nope'")
    expect(await refused('bads', 'Bad', rules([{ rule: 'self.min' }]))).toContain('cel expression must evaluate to a bool')
    const lists = { properties: { list: { type: 'array', items: { type: 'string' } } } }
    expect(await refused('bads', 'Bad', rules([{ rule: 'self.list.all(a, self.list.all(b, a == b || a != b))' }], lists))).toMatch(/Forbidden: estimated rule cost exceeds budget by factor of/)
  })
})

async function raw(path: string, headers: Record<string, string> = {}): Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: string }> {
  const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
  const req = request(new URL(path, cluster.url), { cert: certPem, key: keyPem, ca: cluster.ca.certPem, headers, agent: false }).end()
  const [res] = await once(req, 'response') as [IncomingMessage]
  const chunks = await res.toArray() as Buffer[]
  return { status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks).toString() }
}

it('is told of in discovery and OpenAPI at once, with ETags that hold until something changes', async () => {
  await define(crdOf('kiwis', 'Kiwi'))
  const index = JSON.parse((await raw('/openapi/v3')).body) as { paths: Record<string, { serverRelativeURL: string }> }
  const url = index.paths['apis/stable.example.com/v1']?.serverRelativeURL ?? ''
  const document = await raw(url)
  const { components } = JSON.parse(document.body) as { components: { schemas: Record<string, { properties: Record<string, object> }> } }
  expect(components.schemas['com.example.stable.v1.Kiwi']).toMatchObject({ 'x-kubernetes-group-version-kind': [{ group: 'stable.example.com', version: 'v1', kind: 'Kiwi' }], properties: { spec: { required: ['cron'] }, metadata: {} } })
  expect((await raw(url, { 'If-None-Match': document.headers.etag ?? '' })).status).toBe(304)
  expect(await raw('/openapi/v3/apis/stable.example.com/v1?hash=old')).toMatchObject({ status: 301, headers: { location: url } })
  const accept = { Accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' }
  const groups = await raw('/apis', accept)
  expect(groups.body).toContain('"kiwis"')
  expect((await raw('/apis', { ...accept, 'If-None-Match': groups.headers.etag ?? '' })).status).toBe(304)
  const v2 = JSON.parse((await raw('/openapi/v2')).body) as { definitions: Record<string, object> }
  expect(v2.definitions).toHaveProperty(['com.example.stable.v1.KiwiList'])
  await cluster.admin.delete(crds, { name: 'kiwis.stable.example.com' })
  await until(crds, 'kiwis.stable.example.com', (c) => c === undefined)
  expect((await raw('/apis', { ...accept, 'If-None-Match': groups.headers.etag ?? '' })).body).not.toContain('"kiwis"')
  expect((await raw('/openapi/v2')).body).not.toContain('Kiwi')
})
