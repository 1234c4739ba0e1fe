import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConfigMap, Pod, Service } from '../../shared/api/core-v1.ts'
import { refs } from '../../shared/api/refs.ts'
import type { ApiClient, WatchEvent } from '../../shared/client/api-client.ts'
import { revision } from '../../shared/base/brands.ts'
import { createCa } from '../../shared/pki/certificates.ts'
import { startFakeCluster } from './fake-cluster.ts'
import type { FakeCluster } from './fake-cluster.ts'
import { componentUser } from './authn/user.ts'

let cluster: FakeCluster
beforeAll(async () => {
  cluster = await startFakeCluster()
  await cluster.admin.create(refs.ServiceAccount, { metadata: { name: 'default', namespace: 'default' } })
})
afterAll(() => cluster.close())

const map = (name: string, data: Record<string, string> = {}): ConfigMap & { metadata: { name: string; namespace: string } } => ({ metadata: { name, namespace: 'default' }, data })
const key = (name: string) => ({ namespace: 'default', name })
const pod = (name: string): Pod & { metadata: { namespace: string } } =>
  ({ metadata: { name, namespace: 'default', labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } })

async function take(client: ApiClient, from: string, count: number, labelSelector = ''): Promise<WatchEvent<ConfigMap>[]> {
  const stop = new AbortController()
  const events: WatchEvent<ConfigMap>[] = []
  for await (const event of client.watch(refs.ConfigMap, { namespace: 'default', resourceVersion: from, labelSelector }, stop.signal)) {
    if (events.push(event) === count) stop.abort()
  }
  return events
}

// Every behaviour holds for both implementations of the client.
describe.each(['over HTTPS', 'in process'])('objects %s', (how) => {
  let client: ApiClient
  const n = (name: string): string => `${name}-${how === 'in process' ? 'p' : 'h'}`
  beforeAll(() => { client = how === 'in process' ? cluster.api.client(componentUser('test')) : cluster.admin })

  it('creates once, gives identity, reads back', async () => {
    const made = await client.create(refs.ConfigMap, map(n('one'), { a: '1' }))
    expect(made).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1', data: { a: '1' } })
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    expect(await client.get(refs.ConfigMap, key(n('one')))).toEqual(made)
    await expect(client.create(refs.ConfigMap, map(n('one')))).rejects.toMatchObject({ code: 409, reason: 'AlreadyExists', message: `configmaps "${n('one')}" already exists` })
    await expect(client.get(refs.ConfigMap, key('none'))).rejects.toMatchObject({ code: 404, message: 'configmaps "none" not found' })
  })

  it('generates names', async () => {
    const { metadata } = await client.create(refs.ConfigMap, { metadata: { generateName: 'gen-', namespace: 'default' } })
    expect(metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  it('compares and swaps, and keeps the revision where nothing changes', async () => {
    const made = await client.create(refs.ConfigMap, map(n('cas'), { a: '1' }))
    const next = await client.update(refs.ConfigMap, { ...made, data: { a: '2' } })
    expect(Number(next.metadata.resourceVersion)).toBeGreaterThan(Number(made.metadata.resourceVersion))
    await expect(client.update(refs.ConfigMap, { ...made, data: { a: '3' } })).rejects.toMatchObject({
      code: 409, reason: 'Conflict',
      message: `Operation cannot be fulfilled on configmaps "${n('cas')}": the object has been modified; please apply your changes to the latest version and try again`,
    })
    expect((await client.update(refs.ConfigMap, next)).metadata.resourceVersion).toBe(next.metadata.resourceVersion)
    expect((await client.update(refs.ConfigMap, map(n('cas'), { a: '4' }))).data).toEqual({ a: '4' })
  })

  it('lets one of many unconditional patches in after the other, losing none', async () => {
    await client.create(refs.ConfigMap, map(n('race')))
    await Promise.all([1, 2, 3, 4].map((i) => client.patch(refs.ConfigMap, key(n('race')), 'application/merge-patch+json', { data: { [`k${i}`]: 'v' } })))
    expect((await client.get(refs.ConfigMap, key(n('race')))).data).toEqual({ k1: 'v', k2: 'v', k3: 'v', k4: 'v' })
  })

  it('patches three ways and applies', async () => {
    await client.create(refs.Pod, pod(n('patched')))
    const strategic = await client.patch(refs.Pod, key(n('patched')), 'application/strategic-merge-patch+json', { spec: { containers: [{ name: 'c', image: 'j' }] } })
    expect(strategic.spec?.containers).toMatchObject([{ name: 'c', image: 'j' }])
    const json = await client.patch(refs.Pod, key(n('patched')), 'application/json-patch+json', [{ op: 'replace', path: '/spec/containers/0/image', value: 'k' }])
    expect(json.spec?.containers[0]?.image).toBe('k')
const applied = (image: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: n('patched') }, spec: { containers: [{ name: 'c', image }] } })
    const apply = (image: string, force: boolean) => client.patch(refs.Pod, key(n('patched')), 'application/apply-patch+yaml', applied(image), { fieldManager: 'applier', force })
    await expect(apply('l', false)).rejects.toMatchObject({ code: 409, reason: 'Conflict', message: expect.stringMatching(/^Apply failed with 1 conflict: conflict with ".+" using v1: \.spec\.containers\[name="c"\]\.image$/) })
    expect((await apply('l', true)).spec?.containers[0]?.image).toBe('l')
    await client.delete(refs.Pod, key(n('patched')))
  })

  it('answers a dry run and stores nothing', async () => {
    await client.create(refs.ConfigMap, map(n('dry')), { dryRun: true })
    await expect(client.get(refs.ConfigMap, key(n('dry')))).rejects.toMatchObject({ code: 404 })
  })

  it('watches from a list, in order, with selector transitions', async () => {
    const { metadata } = await client.list(refs.ConfigMap, { namespace: 'default' })
    const events = take(client, metadata.resourceVersion ?? '', 3, 'app=seen')
    await client.create(refs.ConfigMap, map(n('unseen')))
    await client.create(refs.ConfigMap, { ...map(n('w')), metadata: { name: n('w'), namespace: 'default', labels: { app: 'seen' } } })
    await client.patch(refs.ConfigMap, key(n('w')), 'application/merge-patch+json', { data: { x: 'y' } })
    const last = await client.patch(refs.ConfigMap, key(n('w')), 'application/merge-patch+json', { metadata: { labels: { app: null } } })
    const got = await events
    expect(got.map((e) => e.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED'])
    expect(got[2]?.object).toMatchObject({ metadata: { name: n('w'), labels: { app: 'seen' }, resourceVersion: last.metadata.resourceVersion } })
  })

  it('deletes a bound pod in two phases and an unbound one at once', async () => {
    await client.create(refs.Pod, pod(n('bound')))
    await client.post(refs.Pod, key(n('bound')), 'binding', { metadata: { name: n('bound') }, target: { kind: 'Node', name: 'pi-1' } })
    expect((await client.get(refs.Pod, key(n('bound')))).spec?.nodeName).toBe('pi-1')
    await expect(client.post(refs.Pod, key(n('bound')), 'binding', { target: { kind: 'Node', name: 'pi-2' } })).rejects.toMatchObject({ code: 409 })
    await client.delete(refs.Pod, key(n('bound')), { gracePeriodSeconds: 7 })
    expect((await client.get(refs.Pod, key(n('bound')))).metadata).toMatchObject({ deletionGracePeriodSeconds: 7, deletionTimestamp: expect.any(String) })
    await client.delete(refs.Pod, key(n('bound')), { gracePeriodSeconds: 0 })
    await expect(client.get(refs.Pod, key(n('bound')))).rejects.toMatchObject({ code: 404 })
    await client.create(refs.Pod, pod(n('unbound')))
    await client.delete(refs.Pod, key(n('unbound')))
    await expect(client.get(refs.Pod, key(n('unbound')))).rejects.toMatchObject({ code: 404 })
  })

  it('keeps an object until its last finalizer is gone', async () => {
    await client.create(refs.ConfigMap, { metadata: { name: n('held'), namespace: 'default', finalizers: ['example.com/x'] } })
    await client.delete(refs.ConfigMap, key(n('held')), { propagationPolicy: 'Foreground' })
    expect((await client.get(refs.ConfigMap, key(n('held')))).metadata.finalizers).toEqual(['example.com/x', 'foregroundDeletion'])
    await client.patch(refs.ConfigMap, key(n('held')), 'application/merge-patch+json', { metadata: { finalizers: null } })
    await expect(client.get(refs.ConfigMap, key(n('held')))).rejects.toMatchObject({ code: 404 })
  })

  it('gives each Service its own address and port, and takes them back', async () => {
    const service = (name: string, port: object): Service & { metadata: { namespace: string } } =>
      ({ metadata: { name: n(name), namespace: 'default' }, spec: { type: 'NodePort', ports: [{ port: 80, ...port } as never] } })
    const [a, b] = await Promise.all([client.create(refs.Service, service('a', {})), client.create(refs.Service, service('b', {}))])
    expect(new Set([a, b].map((s) => s.spec?.clusterIP)).size).toBe(2)
    expect(new Set([a, b].map((s) => s.spec?.ports?.[0]?.nodePort)).size).toBe(2)
    const taken = a.spec?.ports?.[0]?.nodePort
    await expect(client.create(refs.Service, service('c', { nodePort: taken }))).rejects.toMatchObject({ code: 422, message: expect.stringContaining('provided port is already allocated') })
    await client.delete(refs.Service, key(n('a')))
    expect((await client.create(refs.Service, service('c', { nodePort: taken }))).spec?.ports?.[0]?.nodePort).toBe(taken)
    await client.delete(refs.Service, key(n('b')))
    await client.delete(refs.Service, key(n('c')))
  })

  it('puts nothing into a namespace that is missing or going', async () => {
    await expect(client.create(refs.ConfigMap, { metadata: { name: 'x', namespace: 'nowhere' } })).rejects.toMatchObject({ code: 404, message: 'namespaces "nowhere" not found' })
    await client.create(refs.Namespace, { metadata: { name: n('going') } })
    await client.delete(refs.Namespace, { name: n('going') })
    await expect(client.create(refs.ConfigMap, { metadata: { name: 'x', namespace: n('going') } })).rejects.toMatchObject({ code: 403, message: expect.stringContaining('because it is being terminated') })
    const namespace = await client.get(refs.Namespace, { name: n('going') })
    await client.update(refs.Namespace, { ...namespace, spec: { finalizers: [] } }, { subresource: 'finalize' })
    await expect(client.get(refs.Namespace, { name: n('going') })).rejects.toMatchObject({ code: 404 })
  })
})

describe('lists', () => {
  it('come in chunks of one state, and say when that state is gone', async () => {
    await cluster.admin.create(refs.Namespace, { metadata: { name: 'chunks' } })
    for (const name of ['a', 'b', 'c', 'd', 'e']) await cluster.admin.create(refs.ConfigMap, { metadata: { name, namespace: 'chunks' } })
    const first = await cluster.admin.list(refs.ConfigMap, { namespace: 'chunks', limit: 2 })
    expect(first.metadata.remainingItemCount).toBe(3)
    await cluster.admin.create(refs.ConfigMap, { metadata: { name: 'bb', namespace: 'chunks' } })
    const second = await cluster.admin.list(refs.ConfigMap, { namespace: 'chunks', limit: 2, continue: first.metadata.continue ?? '' })
    expect(second.items.map((i) => i.metadata.name)).toEqual(['c', 'd'])
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
    await cluster.store.compact(revision(Number(cluster.store.revision)))
    await expect(cluster.admin.list(refs.ConfigMap, { namespace: 'chunks', limit: 2, continue: first.metadata.continue ?? '' })).rejects.toMatchObject({ code: 410, reason: 'Expired' })
  })

  it('and watches from a compacted revision end with 410', async () => {
    const stop = new AbortController()
    const watch = cluster.admin.watch(refs.ConfigMap, { resourceVersion: '2' }, stop.signal)
    await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 410, reason: 'Expired' })
  })
})

describe('who may', () => {
  it('is asked of RBAC, in upstream\'s words', async () => {
    const eve = await cluster.as('eve')
    await expect(eve.list(refs.Pod, { namespace: 'default' })).rejects.toMatchObject({
      code: 403, message: 'pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the namespace "default"',
    })
    await cluster.admin.create(refs.RoleBinding, {
      metadata: { name: 'eve', namespace: 'default' }, subjects: [{ kind: 'User', name: 'eve', apiGroup: 'rbac.authorization.k8s.io' }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
    })
    await eve.list(refs.Pod, { namespace: 'default' })
    await expect(eve.create(refs.Role, { metadata: { name: 'more', namespace: 'default' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['nodes'] }] }))
      .rejects.toMatchObject({ code: 403, message: expect.stringContaining('attempting to grant RBAC permissions not currently held') })
  })

  it('is nobody with a foreign certificate or a wrong token, and anonymous without any', async () => {
    const foreign = await cluster.as('admin', ['system:masters'], await createCa({ commonName: 'test' }, { now: Date.now(), ttl: 60_000 }))
    await expect(foreign.list(refs.Pod)).rejects.toMatchObject({ code: 401, reason: 'Unauthorized' })
    await expect(cluster.with({ token: () => 'abcdef.0123456789abcdef' }).list(refs.Pod)).rejects.toMatchObject({ code: 401 })
    await expect(cluster.with({}).list(refs.Pod)).rejects.toMatchObject({ code: 403, message: expect.stringContaining('system:anonymous') })
  })

  it('with a bootstrap token makes a certificate request in its own name, and nothing else', async () => {
    const b = (s: string): string => Buffer.from(s).toString('base64')
    await cluster.admin.create(refs.Secret, {
      metadata: { name: 'bootstrap-token-abc123', namespace: 'kube-system' }, type: 'bootstrap.kubernetes.io/token',
      data: { 'token-id': b('abc123'), 'token-secret': b('0123456789abcdef'), 'usage-bootstrap-authentication': b('true') },
    })
    const node = cluster.with({ token: () => 'abc123.0123456789abcdef' })
    const { certPem } = await cluster.credentials('x', [])
    const request = await node.create(refs.CertificateSigningRequest, {
      metadata: { name: 'csr' }, spec: { request: b(certPem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST')), signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['client auth'], username: 'system:admin' },
    } as never).catch((e: { code: number }) => e)
    // The body is no real request: where validation looks into it, it says 422, which is after authorization.
    if ('code' in request) expect(request.code).toBe(422)
    else expect(request).toMatchObject({ spec: { username: 'system:bootstrap:abc123', groups: ['system:bootstrappers', 'system:authenticated'] } })
    await expect(node.list(refs.Secret)).rejects.toMatchObject({ code: 403 })
  })
})
