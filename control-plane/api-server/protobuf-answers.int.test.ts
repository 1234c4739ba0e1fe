/** Answers in protobuf and YAML over real HTTPS: objects, lists, Status, watches, by the order of `Accept`. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { refs } from '../../shared/api/refs.ts'
import { startFakeCluster, type FakeCluster } from './fake-cluster.ts'
import { loadProtobufEncoder } from './schema/protobuf-encode.ts'
import { loadProtobuf, type ProtobufDecoder } from './schema/protobuf.ts'

const PROTOBUF = 'application/vnd.kubernetes.protobuf'
let cluster: FakeCluster
let agent: Agent
let decoder: ProtobufDecoder
const gadgets = '/apis/acme.example/v1/namespaces/default/gadgets'

async function ask(path: string, accept: string, method = 'GET', body?: Buffer): Promise<{ code: number; type: string; bytes: Buffer }> {
  const req = request(`${cluster.url}${path}`, { agent, method, headers: { Accept: accept, ...(body ? { 'Content-Type': PROTOBUF, 'Content-Length': body.length } : {}) } })
  req.end(body)
  const [res] = await once(req, 'response') as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of res) chunks.push(chunk as Buffer)
  return { code: res.statusCode ?? 0, type: res.headers['content-type'] ?? '', bytes: Buffer.concat(chunks) }
}

beforeAll(async () => {
  cluster = await startFakeCluster()
  decoder = await loadProtobuf()
  const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
  agent = new Agent({ ca: cluster.ca.certPem, cert: certPem, key: keyPem, keepAlive: false })
  for (const name of ['a', 'b']) await cluster.admin.create(refs.ConfigMap, { metadata: { name, namespace: 'default', labels: { of: 'test' } }, data: { k: name } })
  await cluster.admin.create({ group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition', namespaced: false }, {
    metadata: { name: 'gadgets.acme.example' },
    ...{ spec: { group: 'acme.example', scope: 'Namespaced', names: { plural: 'gadgets', kind: 'Gadget' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }] } },
  })
  await vi.waitFor(async () => expect((await ask(gadgets, 'application/json')).code).toBe(200), { timeout: 15_000 })
})
afterAll(() => cluster.close())

describe('protobuf alone', () => {
  it('is an object, with everything JSON says of it', async () => {
    const { code, type, bytes } = await ask('/api/v1/namespaces/default/configmaps/a', PROTOBUF)
    expect([code, type]).toEqual([200, PROTOBUF])
    expect(decoder.decode('core-v1.ConfigMap', bytes)).toEqual(await cluster.admin.get(refs.ConfigMap, { namespace: 'default', name: 'a' }))
  })

  it('is a list, and an empty one', async () => {
    const path = '/api/v1/namespaces/default/configmaps?labelSelector=of%3Dtest'
    const list = decoder.decode('core-v1.ConfigMapList', (await ask(path, PROTOBUF)).bytes) as { items: { kind?: string; data: object }[]; metadata: object; kind: string }
    expect([list.kind, list.items.map((i) => i.data)]).toEqual(['ConfigMapList', [{ k: 'a' }, { k: 'b' }]])
    expect(decoder.decode('core-v1.ConfigMapList', (await ask('/api/v1/namespaces/kube-public/configmaps?labelSelector=none', PROTOBUF)).bytes)).toMatchObject({ kind: 'ConfigMapList', metadata: { resourceVersion: expect.any(String) as string } })
  })

  it('is what a create answers, in either version of autoscaling', async () => {
    const encoder = await loadProtobufEncoder()
    const spec = { minReplicas: 1, maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } }
    const body = encoder.encode({ apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata: { name: 'h' }, spec: { ...spec, targetCPUUtilizationPercentage: 50 } })
    const { code, bytes } = await ask('/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers', PROTOBUF, 'POST', body)
    expect([code, decoder.decode('autoscaling-v1.HorizontalPodAutoscaler', bytes)]).toMatchObject([201, { apiVersion: 'autoscaling/v1', metadata: { name: 'h', uid: expect.any(String) as string }, spec: { targetCPUUtilizationPercentage: 50 } }])
    const v2 = await ask('/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', PROTOBUF)
    expect(decoder.decode('autoscaling-v2.HorizontalPodAutoscalerList', v2.bytes)).toMatchObject({ items: [{ spec: { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 50 } } }] } }] })
    const v1 = await ask('/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers', PROTOBUF)
    expect(decoder.decode('autoscaling-v1.HorizontalPodAutoscalerList', v1.bytes)).toMatchObject({ items: [{ spec: { targetCPUUtilizationPercentage: 50 } }] })
  })

  it('is a Status', async () => {
    const { code, type, bytes } = await ask('/api/v1/namespaces/default/configmaps/none', PROTOBUF)
    expect([code, type]).toEqual([404, PROTOBUF])
    expect(decoder.decode('meta-v1.Status', bytes)).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404, message: 'configmaps "none" not found', details: { name: 'none', kind: 'configmaps' } })
  })

  it('is discovery of the old form', async () => {
    expect(decoder.decode('meta-v1.APIResourceList', (await ask('/apis/apps/v1', PROTOBUF)).bytes)).toMatchObject({ kind: 'APIResourceList', groupVersion: 'apps/v1', resources: expect.arrayContaining([expect.objectContaining({ name: 'deployments', namespaced: true, shortNames: ['deploy'] })]) as object[] })
    expect(decoder.decode('meta-v1.APIGroupList', (await ask('/apis', PROTOBUF)).bytes)).toMatchObject({ groups: expect.arrayContaining([expect.objectContaining({ name: 'apps' })]) as object[] })
    expect(JSON.parse((await ask('/version', PROTOBUF)).bytes.toString())).toMatchObject({ major: '1', minor: '33' })
  })

  it('is refused for custom resources, and for media types that nobody speaks', async () => {
    const message = 'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf'
    for (const [path, accept] of [[gadgets, PROTOBUF], ['/api/v1/nodes', 'application/xml'], ['/api/v1/nodes', `${PROTOBUF};as=Table;g=meta.k8s.io;v=v1`]] as const) {
      const { code, bytes } = await ask(path, accept)
      expect([code, JSON.parse(bytes.toString())]).toMatchObject([406, { kind: 'Status', reason: 'NotAcceptable', code: 406, message }])
    }
    const watching = await ask('/api/v1/nodes?watch=1', 'application/yaml')
    expect([watching.code, JSON.parse(watching.bytes.toString())]).toMatchObject([406, { message: 'only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch' }])
  })
})

describe('the client\'s order', () => {
  it.each([
    ['/api/v1/namespaces/default/configmaps/a', `${PROTOBUF},application/json`, PROTOBUF], ['/api/v1/namespaces/default/configmaps/a', `application/json,${PROTOBUF}`, 'application/json'],
    ['/api/v1/namespaces/default/configmaps/a', `application/json;q=0.5,${PROTOBUF};q=0.9`, PROTOBUF], [gadgets, `${PROTOBUF},application/json`, 'application/json'], ['/api/v1/namespaces/default/configmaps/a', '*/*', 'application/json'],
    ['/api/v1/namespaces/default/configmaps/a', 'application/yaml', 'application/yaml'],
    [gadgets, `${PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json`, PROTOBUF], ['/api/v1/pods', `${PROTOBUF};as=Table;g=meta.k8s.io;v=v1,application/json;as=Table;g=meta.k8s.io;v=v1`, 'application/json'],
  ])('%s accepting %s is %s', async (path, accept, type) => {
    expect(await ask(path, accept)).toMatchObject({ code: 200, type })
  })

  it('YAML has no anchors, and quotes what an older reader takes for more than a text', async () => {
    expect(parse((await ask('/apis', 'application/yaml')).bytes.toString())).toEqual(JSON.parse((await ask('/apis', 'application/json')).bytes.toString()))
    await cluster.admin.create(refs.ConfigMap, { metadata: { name: 'odd', namespace: 'default' }, data: { a: 'yes', b: '1e3', c: '010', d: 'two\nlines\n', e: '' } })
    const text = (await ask('/api/v1/namespaces/default/configmaps/odd', 'application/yaml')).bytes.toString()
    expect(text).toContain('  a: "yes"\n  b: "1e3"\n  c: "010"\n  d: |\n    two\n    lines\n  e: ""\nkind: ConfigMap\n')
    expect(text).toMatch(/^apiVersion: v1\ndata:/)
    expect(text).toMatch(/creationTimestamp: "?\d{4}/)
  })

  it('YAML is the object', async () => {
    const { bytes } = await ask('/api/v1/namespaces/default/configmaps/a', 'application/yaml')
    expect(parse(bytes.toString())).toEqual(await cluster.admin.get(refs.ConfigMap, { namespace: 'default', name: 'a' }))
  })
})

describe('a watch', () => {
  async function* frames(path: string, accept: string): AsyncGenerator<{ type: string; object: Buffer }> {
    const req = request(`${cluster.url}${path}`, { agent, headers: { Accept: accept } }).end()
    const [res] = await once(req, 'response') as [IncomingMessage]
    expect(res.headers['content-type']).toBe(`${PROTOBUF};stream=watch`)
    let pending = Buffer.alloc(0)
    for await (const chunk of res) {
      pending = Buffer.concat([pending, chunk as Buffer])
      while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE()) {
        const length = pending.readUInt32BE()
        const event = pending.subarray(4, 4 + length)
        pending = pending.subarray(4 + length)
        // 0a TYPE, 12 RawExtension{ 0a OBJECT }: the object is the envelope from its magic on.
        const size = event[1] ?? 0
        yield { type: event.subarray(2, 2 + size).toString(), object: event.subarray(event.indexOf(Buffer.from('k8s\0'))) }
      }
    }
  }

  it('is frames: the state, its end, then changes and the bookmark', async () => {
    const stream = frames('/api/v1/namespaces/default/configmaps?watch=1&labelSelector=of%3Dtest&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=5', PROTOBUF)
    const next = async () => {
      const { value } = await stream.next() as { value: { type: string; object: Buffer } }
      return [value.type, decoder.decode('core-v1.ConfigMap', value.object)]
    }
    expect(await next()).toMatchObject(['ADDED', { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' }, data: { k: 'a' } }])
    expect(await next()).toMatchObject(['ADDED', { metadata: { name: 'b' } }])
    expect(await next()).toMatchObject(['BOOKMARK', { kind: 'ConfigMap', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } }])
    await cluster.admin.patch(refs.ConfigMap, { namespace: 'default', name: 'b' }, 'application/merge-patch+json', { data: { k: 'changed' } })
    expect(await next()).toMatchObject(['MODIFIED', { metadata: { name: 'b' }, data: { k: 'changed' } }])
    await cluster.admin.delete(refs.ConfigMap, { namespace: 'default', name: 'b' })
    expect(await next()).toMatchObject(['DELETED', { metadata: { name: 'b' }, data: { k: 'changed' } }])
    await stream.return(undefined)
  })

  it('is of partial metadata, of custom resources too', async () => {
    await cluster.admin.create({ group: 'acme.example', version: 'v1', resource: 'gadgets', kind: 'Gadget', namespaced: true }, { metadata: { name: 'g', namespace: 'default' }, ...{ size: 3 } })
    const stream = frames(`${gadgets}?watch=1`, `${PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`)
    const { value } = await stream.next() as { value: { type: string; object: Buffer } }
    expect(decoder.decode('meta-v1.PartialObjectMetadata', value.object)).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'g' } })
    await stream.return(undefined)
  })

  it('says an error as a frame', async () => {
    await cluster.store.compact(cluster.store.revision)
    const stream = frames('/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=1', PROTOBUF)
    const { value } = await stream.next() as { value: { type: string; object: Buffer } }
    expect([value.type, decoder.decode('meta-v1.Status', value.object)]).toMatchObject(['ERROR', { reason: 'Expired', code: 410 }])
    await stream.return(undefined)
  })
})
