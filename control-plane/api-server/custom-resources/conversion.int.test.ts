import { once } from 'node:events'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { KubeObject, ResourceRef } from '../../../shared/api/object.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { issueCertificate } from '../../../shared/pki/certificates.ts'
import { createApiServer } from '../api-server.ts'
import { componentUser } from '../authn/user.ts'
import type { FakeCluster } from '../fake-cluster.ts'
import { startFakeCluster } from '../fake-cluster.ts'
import { objectKey } from '../keys.ts'
import { ObjectCache } from '../watch/cache.ts'
import { WebhookClient } from '../webhook-client/client.ts'
import { customResourceDefinitionRef as crds } from './follower.ts'

type Host = KubeObject & { host?: string; port?: number; hostPort?: string }
const ref = (version: string): ResourceRef<Host> => ({ group: 'web.example.com', version, resource: 'hosts', kind: 'Host', namespaced: true })

let cluster: FakeCluster
let server: Server
let calls = 0
/** Answers with this instead, once. */
let broken: object | undefined

/** v1 has `host` and `port`, v2 `hostPort`. */
function converted(object: Host, apiVersion: string): Host {
  const { host, port, hostPort, ...rest } = object
  if (apiVersion.endsWith('v2')) return { ...rest, apiVersion, hostPort: `${host}:${port}` }
  const [name, number] = (hostPort ?? '').split(':')
  return { ...rest, apiVersion, host: name ?? '', port: Number(number) }
}

beforeAll(async () => {
  cluster = await startFakeCluster()
  const now = systemClock.now()
  const { certPem, keyPem } = await issueCertificate(cluster.ca, { commonName: 'converter' }, { now, ttl: 3_600_000, usages: ['server'], ips: ['127.0.0.1'], dnsNames: ['converter.hooks.svc'] } as never)
  server = createServer({ cert: certPem, key: keyPem }, async (req, res) => {
    calls++
    const { request } = JSON.parse(Buffer.concat(await req.toArray() as Buffer[]).toString()) as { request: { uid: string; desiredAPIVersion: string; objects: Host[] } }
    const response = { uid: request.uid, result: { status: 'Success' }, convertedObjects: request.objects.map((o) => converted(o, request.desiredAPIVersion)), ...broken }
    broken = undefined
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify({ kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', response }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { admin } = cluster
  const version = (name: string, storage: boolean, properties: object) => ({ name, served: true, storage, schema: { openAPIV3Schema: { type: 'object', properties } } })
  await admin.create(crds, {
    metadata: { name: 'hosts.web.example.com' },
    spec: {
      group: 'web.example.com', scope: 'Namespaced', names: { plural: 'hosts', kind: 'Host' },
      versions: [version('v1', true, { host: { type: 'string' }, port: { type: 'integer' } }), version('v2', false, { hostPort: { type: 'string' } })],
      conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: `https://127.0.0.1:${port}/convert`, caBundle: Buffer.from(cluster.ca.certPem).toString('base64') } } },
    },
  } as never)
  await vi.waitFor(() => { expect(cluster.api.registry.find('web.example.com', 'v2', 'hosts')).toBeDefined() }, { timeout: 15_000 })
})
afterAll(async () => {
  await cluster.close()
  server.closeAllConnections()
  server.close()
})

const at = (name: string) => ({ namespace: 'default', name })

it('a webhook stands between the versions, both ways, a list in one call', async () => {
  const { admin } = cluster
  await admin.create(ref('v1'), { metadata: at('a'), host: 'a', port: 1 } as never)
  expect(await admin.get(ref('v2'), at('a'))).toMatchObject({ apiVersion: 'web.example.com/v2', hostPort: 'a:1', metadata: { name: 'a' } })
  const made = await admin.create(ref('v2'), { metadata: at('b'), hostPort: 'b:2' } as never)
  expect(made).toMatchObject({ hostPort: 'b:2' })
  expect(await admin.get(ref('v1'), at('b'))).toMatchObject({ host: 'b', port: 2 })
  expect(await admin.patch(ref('v2'), at('b'), 'application/merge-patch+json', { hostPort: 'c:3' })).toMatchObject({ hostPort: 'c:3' })
  const before = calls
  expect((await admin.list(ref('v2'), { namespace: 'default' })).items.map((h) => h.hostPort)).toEqual(['a:1', 'c:3'])
  expect(calls).toBe(before + 1)
  for (const version of ['v1', 'v2']) {
    expect((await admin.list(ref(version), { namespace: 'default' })).items.map(({ kind, apiVersion }) => ({ kind, apiVersion }))).toEqual(Array.from({ length: 2 }, () => ({ kind: 'Host', apiVersion: `web.example.com/${version}` })))
  }
})

it('a webhook that lies or fails is an internal error that says so', async () => {
  broken = { result: { status: 'Failure', message: 'no idea' } }
  await expect(cluster.admin.get(ref('v2'), at('a'))).rejects.toThrow('conversion webhook for web.example.com/v1, Kind=Host failed: no idea')
  broken = { convertedObjects: [] }
  await expect(cluster.admin.get(ref('v2'), at('a'))).rejects.toThrow('expected 1 converted objects, got 0')
  broken = { convertedObjects: [{ apiVersion: 'web.example.com/v2', kind: 'Host', metadata: { name: 'other' } }] }
  await expect(cluster.admin.get(ref('v2'), at('a'))).rejects.toThrow('metadata.name: expected "a", got "other"')
})

it('a Service is reached at its endpoints, under its own name', async () => {
  const { store } = cluster
  const { port } = server.address() as AddressInfo
  // Past validation, which refuses loopback in a slice.
  const put = (key: string, object: object) => store.write({ type: 'put', key, expect: 0, durability: 'durable', value: Buffer.from(JSON.stringify(object)) })
  await put(objectKey({ group: '', resource: 'services', namespaced: true }, 'hooks', 'converter'), { kind: 'Service', apiVersion: 'v1', metadata: { name: 'converter', namespace: 'hooks' }, spec: { ports: [{ port: 443, name: 'https' }] } })
  const webhooks = new WebhookClient({ store, objects: new ObjectCache(), random: systemRandom })
  const caBundle = Buffer.from(cluster.ca.certPem).toString('base64')
  const call = (name: string) => webhooks.call({ service: { namespace: 'hooks', name }, caBundle }, { body: { request: { uid: 'u', desiredAPIVersion: 'web.example.com/v2', objects: [] } }, timeoutMs: 5000 })
  await expect(call('nobody')).rejects.toThrow('service "nobody" not found')
  await expect(call('converter')).rejects.toThrow('no endpoints available for service "converter"')
  await put(objectKey({ group: 'discovery.k8s.io', resource: 'endpointslices', namespaced: true }, 'hooks', 'converter-1'), {
    kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', metadata: { name: 'converter-1', namespace: 'hooks', labels: { 'kubernetes.io/service-name': 'converter' } }, addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }], ports: [{ name: 'https', port, protocol: 'TCP' }],
  })
  expect(await call('converter')).toMatchObject({ response: { uid: 'u' } })
  webhooks.close()
})

it('what is established is served again by a new server over the same store', async () => {
  const host = { clock: systemClock, random: systemRandom, log: silentLog }
  const api = createApiServer({ store: cluster.store, host, frontProxy: { caPem: '', client: { keyPem: '', certPem: '' } }, tls: { key: '', cert: '', ca: cluster.ca.certPem }, serviceCIDR: '10.96.0.0/24', nodePortRange: { from: 30000, to: 30009 } })
  try {
    await api.bootstrap()
    expect(api.registry.find('web.example.com', 'v2', 'hosts')).toBeDefined()
    expect(await api.client(componentUser('test')).get(ref('v2'), at('a'))).toMatchObject({ hostPort: 'a:1' })
  } finally {
    await api.close()
  }
})
