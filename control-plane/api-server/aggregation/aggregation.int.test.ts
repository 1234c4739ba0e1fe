/** Aggregated API servers: registration, proxying over real TLS, availability, discovery and OpenAPI, with kubectl of both ends. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { APIService } from '../../../shared/api/apiregistration-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import { writeKubeconfig } from '../../../shared/client/kubeconfig.ts'
import { run } from '../../../shared/host/exec.ts'
import { kubectls } from '../../../test/testbed/kubectl.ts'
import { startFakeCluster, type FakeCluster } from '../fake-cluster.ts'
import { apiServiceRef } from './aggregator.ts'
import { GROUP, startFakeExtensionServer, type FakeExtensionServer } from './fake-extension-server.ts'

let cluster: FakeCluster
let extension: FakeExtensionServer
const ROOT = `/apis/${GROUP}/v1alpha1`
const NAME = `v1alpha1.${GROUP}`

interface Got { readonly code: number; readonly headers: IncomingMessage['headers']; readonly text: string }
type Ask = (path: string, options?: { method?: string; body?: string; headers?: Record<string, string | string[]> }) => Promise<Got>

async function agentFor(user: string, groups: readonly string[]): Promise<Agent> {
  const { certPem, keyPem } = await cluster.credentials(user, groups)
  return new Agent({ ca: cluster.ca.certPem, cert: certPem, key: keyPem, keepAlive: false })
}

async function as(user: string, groups: readonly string[] = []): Promise<Ask> {
  const agent = await agentFor(user, groups)
  return async (path, { method = 'GET', body = '', headers = {} } = {}) => {
    const req = request(`${cluster.url}${path}`, { method, agent, headers: { ...headers, ...(body ? { 'Content-Length': Buffer.byteLength(body) } : {}) } })
    req.end(body)
    const [res] = await once(req, 'response') as [IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of res) chunks.push(chunk as Buffer)
    return { code: res.statusCode ?? 0, headers: res.headers, text: Buffer.concat(chunks).toString() }
  }
}

/** Waits for the condition's word through a watch. */
async function untilAvailable(name: string, matches: (condition: { status: string; reason?: string; message?: string }) => boolean): Promise<void> {
  const stop = new AbortController()
  const list = await cluster.admin.list(apiServiceRef)
  const good = (s: APIService): boolean => s.metadata?.name === name && (s.status?.conditions ?? []).some((c) => c.type === 'Available' && matches(c))
  if (list.items.some(good)) return
  for await (const event of cluster.admin.watch(apiServiceRef, { resourceVersion: list.metadata.resourceVersion ?? '' }, stop.signal)) {
    if (event.type !== 'BOOKMARK' && good(event.object)) stop.abort()
  }
}

const registered = (more: Partial<NonNullable<APIService['spec']>> = {}): APIService & { metadata: object } => ({
  metadata: { name: NAME },
  spec: { group: GROUP, version: 'v1alpha1', groupPriorityMinimum: 2000, versionPriority: 200, service: { namespace: 'default', name: 'wardle', port: 443 }, caBundle: extension.caBundle, ...more },
})
const port = { name: 'https', port: 443, targetPort: 8443 }
const slice = (): object => ({
  metadata: { name: 'wardle-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'wardle' } }, addressType: 'IPv4', endpoints: [{ addresses: ['127.0.0.1'] }], ports: [{ name: 'https', port: extension.port }],
})

beforeAll(async () => {
  cluster = await startFakeCluster()
  const config = await cluster.admin.get(refs.ConfigMap, { namespace: 'kube-system', name: 'extension-apiserver-authentication' })
  extension = await startFakeExtensionServer({ frontProxyCa: config.data?.['requestheader-client-ca-file'] ?? '', service: 'wardle.default.svc' })
})
afterAll(async () => {
  await cluster.close()
  await extension.close()
})

describe('what we serve ourselves', () => {
  it('is registered with upstream\'s priorities, and available at once', async () => {
    const { items } = await cluster.admin.list(apiServiceRef)
    const apps = items.find((s) => s.metadata.name === 'v1.apps')
    expect(apps).toMatchObject({ metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } }, spec: { group: 'apps', version: 'v1', groupPriorityMinimum: 17_800, versionPriority: 15 } })
    expect(apps?.status?.conditions).toMatchObject([{ type: 'Available', status: 'True', reason: 'Local', message: 'Local APIServices are always available' }])
    expect(items.find((s) => s.metadata.name === 'v1.')?.spec).toEqual({ version: 'v1', groupPriorityMinimum: 18_000, versionPriority: 1 })
    expect(items.map((s) => s.metadata.name)).not.toContain('v1.apiregistration.k8s.io')
  })

  it('includes custom resources, which come and go', async () => {
    const crd = { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition', namespaced: false }
    await cluster.admin.create(crd, {
      metadata: { name: 'gadgets.acme.example' },
      ...{ spec: { group: 'acme.example', scope: 'Namespaced', names: { plural: 'gadgets', kind: 'Gadget' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] } },
    })
    await untilAvailable('v1.acme.example', (c) => c.reason === 'Local')
    const made = await cluster.admin.get(apiServiceRef, { name: 'v1.acme.example' })
    expect(made).toMatchObject({ metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': 'true' } }, spec: { groupPriorityMinimum: 1000, versionPriority: 100 } })
    const stop = new AbortController()
    const events = cluster.admin.watch(apiServiceRef, { resourceVersion: made.metadata.resourceVersion }, stop.signal)
    await cluster.admin.delete(crd, { name: 'gadgets.acme.example' })
    for await (const event of events) if (event.type === 'DELETED' && event.object.metadata.name === 'v1.acme.example') stop.abort()
    await expect(cluster.admin.get(apiServiceRef, { name: 'v1.acme.example' })).rejects.toMatchObject({ code: 404 })
  })

  it('is validated as upstream does', async () => {
    await expect(cluster.admin.create(apiServiceRef, { metadata: { name: 'wrong' }, spec: { group: 'a.example', version: 'V1', groupPriorityMinimum: 20_001, versionPriority: 0, caBundle: 'YQ==' } })).rejects.toMatchObject({
      code: 422, details: { causes: [
        { field: 'metadata.name', message: 'Invalid value: "wrong": must be `spec.version+"."+spec.group`: "V1.a.example"' }, expect.objectContaining({ field: 'spec.version' }),
        { field: 'spec.groupPriorityMinimum', message: 'Invalid value: 20001: must be positive and less than 20000' }, { field: 'spec.versionPriority', message: 'Invalid value: 0: must be positive and less than 1000' },
        { field: 'spec.caBundle', message: 'Invalid value: "1 bytes": local APIServices may not have a caBundle' },
      ].map((c) => (c instanceof Object && 'message' in c ? expect.objectContaining(c) : c)) },
    })
  })
})

describe('a server behind a Service', () => {
  let admin: Ask
  beforeAll(async () => { admin = await as('admin', ['system:masters']) })

  it('becomes available step by step, each with its reason', async () => {
    await cluster.admin.create(apiServiceRef, registered())
    await untilAvailable(NAME, (c) => c.reason === 'ServiceNotFound' && c.message === 'service/wardle in "default" is not present')
    expect(await admin(`${ROOT}/namespaces/default/flunders`)).toMatchObject({ code: 503, text: 'service unavailable\n', headers: { 'content-type': 'text/plain; charset=utf-8' } })
    const other = { ...port, port: 444 }
    await cluster.admin.create(refs.Service, { metadata: { name: 'wardle', namespace: 'default' }, spec: { ports: [other] } })
    await untilAvailable(NAME, (c) => c.reason === 'ServicePortError' && c.message === 'service/wardle in "default" is not listening on port 443')
    await cluster.admin.patch(refs.Service, { namespace: 'default', name: 'wardle' }, 'application/json-patch+json', [{ op: 'replace', path: '/spec/ports/0/port', value: 443 }])
    await untilAvailable(NAME, (c) => c.reason === 'EndpointsNotFound')
    await cluster.admin.create(refs.EndpointSlice, { ...slice(), endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: false } }] } as never)
    await untilAvailable(NAME, (c) => c.reason === 'MissingEndpoints' && c.message === 'endpointslices for service/wardle in "default" have no addresses with port name "https"')
    extension.broken = true
    await cluster.admin.patch(refs.EndpointSlice, { namespace: 'default', name: 'wardle-1' }, 'application/json-patch+json', [{ op: 'replace', path: '/endpoints/0/conditions/ready', value: true }])
    await untilAvailable(NAME, (c) => c.status === 'False' && c.reason === 'FailedDiscoveryCheck' && (c.message ?? '').endsWith(': 500'))
    extension.broken = false
    await untilAvailable(NAME, (c) => c.status === 'True' && c.reason === 'Passed' && c.message === 'all checks passed')
  })

  it('is asked from inside the process in the asker\'s name', async () => {
    const metrics = cluster.api.metrics({ name: 'scaler', groups: ['system:masters'] })
    expect(metrics.versions(GROUP)).toEqual(['v1alpha1'])
    expect(await metrics.get(`${ROOT}/namespaces/default/flunders`)).toMatchObject({ kind: 'FlunderList' })
    expect(extension.seen.at(-1)).toMatchObject({ method: 'GET', url: `${ROOT}/namespaces/default/flunders`, headers: { 'x-remote-user': 'scaler', 'x-remote-group': 'system:masters' } })
  })

  it('is asked with our certificate and the user\'s name, and without what the client says of itself', async () => {
    const { code, text, headers } = await admin(`${ROOT}/namespaces/default/flunders/a?x=1`, { headers: { 'X-Remote-User': 'root', 'X-Remote-Extra-Scopes': 'all', Connection: 'X-Mine', 'X-Mine': 'z', 'X-Kept': 'k' } })
    expect([code, (JSON.parse(text) as { metadata: { name: string } }).metadata.name]).toEqual([200, 'a'])
    expect([headers['x-wardle'], headers['x-hop']]).toEqual(['yes', undefined])
    const seen = extension.seen.at(-1)
    expect(seen).toMatchObject({ peer: 'front-proxy-client', url: `${ROOT}/namespaces/default/flunders/a?x=1`, headers: { 'x-remote-user': 'admin', 'x-kept': 'k', 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1', 'audit-id': headers['audit-id'] } })
    expect(seen?.headers['x-remote-group']).toBe('system:masters, system:authenticated')
    expect(seen?.headers).not.toHaveProperty('x-mine')
    expect(seen?.headers).not.toHaveProperty('x-remote-extra-scopes')
  })

  it('is told who is impersonated, with uid and extra', async () => {
    await admin(`${ROOT}/namespaces/default/flunders/a`, { headers: { 'Impersonate-User': 'jane', 'Impersonate-Uid': '7', 'Impersonate-Group': ['system:masters'], 'Impersonate-Extra-acme.com%2Fproject': 'p1' } })
    const { headers } = extension.seen.at(-1) ?? { headers: {} as IncomingMessage['headers'] }
    expect(headers).toMatchObject({ 'x-remote-user': 'jane', 'x-remote-uid': '7', 'x-remote-extra-acme.com%2fproject': 'p1' })
    expect(Object.keys(headers).filter((h) => h.startsWith('impersonate'))).toEqual([])
  })

  it('gets bodies whole, and is not asked for what the user may not', async () => {
    const body = JSON.stringify({ kind: 'Flunder', metadata: { name: 'c' }, big: 'x'.repeat(100_000) })
    const { code, text } = await admin(`${ROOT}/namespaces/default/flunders`, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })
    expect([code, text === body]).toEqual([201, true])
    const before = extension.seen.length
    const nobody = await as('nobody')
    expect(await nobody(`${ROOT}/namespaces/default/flunders`)).toMatchObject({ code: 403 })
    expect(extension.seen.length).toBe(before)
  })

  it('may not redirect', async () => {
    expect(await admin(`${ROOT}/namespaces/default/flunders/redirect`)).toMatchObject({ code: 502, text: 'the backend attempted to redirect this request, which is not permitted' })
  })

  it('is told when a client leaves, and its watches are streams', async () => {
    const agent = await agentFor('admin', ['system:masters'])
    const req = request(`${cluster.url}${ROOT}/namespaces/default/flunders?watch=true`, { agent }).end()
    const [res] = await once(req, 'response') as [IncomingMessage]
    extension.event('new')
    const [chunk] = await once(res, 'data') as [Buffer]
    expect(JSON.parse(chunk.toString())).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'new' } } })
    req.on('error', () => undefined)
    req.destroy()
    await extension.left
  })

  it('ends a request at its deadline', async () => {
    expect(await admin(`${ROOT}/namespaces/default/flunders/hang?timeout=100ms`)).toMatchObject({ code: 504 })
  })

  it('may switch protocols', async () => {
    const agent = await agentFor('admin', ['system:masters'])
    const req = request(`${cluster.url}${ROOT}/namespaces/default/flunders/a/stream`, { agent, headers: { Connection: 'Upgrade', Upgrade: 'echo' } }).end()
    const [res, socket, early] = await once(req, 'upgrade') as [IncomingMessage, Duplex, Buffer]
    expect(res.headers.upgrade).toBe('echo')
    socket.write('world')
    let text = early.toString()
    while (text !== 'hello world') text += String((await once(socket, 'data') as [Buffer])[0])
    expect(extension.seen.at(-1)).toMatchObject({ headers: { 'x-remote-user': 'admin' }, peer: 'front-proxy-client' })
    socket.destroy()
  })

  it('is in discovery of both forms, where its priority puts it', async () => {
    const groups = (JSON.parse((await admin('/apis')).text) as { groups: { name: string }[] }).groups.map((g) => g.name)
    expect(groups.slice(0, 3)).toEqual(['apiregistration.k8s.io', 'apps', 'events.k8s.io'])
    expect(groups.at(-1)).toBe(GROUP)
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    const { items } = JSON.parse((await admin('/apis', { headers: { Accept: accept } })).text) as { items: { metadata: { name: string }; versions: object[] }[] }
    expect(items.at(-1)).toMatchObject({ metadata: { name: GROUP }, versions: [{ version: 'v1alpha1', freshness: 'Current', resources: [{
      resource: 'flunders', scope: 'Namespaced', singularResource: 'flunder', shortNames: ['fl'], responseKind: { group: GROUP, version: 'v1alpha1', kind: 'Flunder' }, subresources: [{ subresource: 'status', verbs: ['get'] }],
    }] }] })
    expect(JSON.parse((await admin(`/apis/${GROUP}`)).text)).toMatchObject({ kind: 'APIGroup', name: GROUP, preferredVersion: { version: 'v1alpha1' } })
  })

  it('is in OpenAPI of both versions, with the schemas it needs and no others', async () => {
    const v2 = JSON.parse((await admin('/openapi/v2')).text) as { definitions: Record<string, object>; paths: object }
    expect(v2.definitions['com.example.wardle.v1alpha1.Flunder']).toMatchObject({ description: 'A flunder is what a flunder does.' })
    expect(v2.definitions).not.toHaveProperty(['com.example.unrelated'])
    expect(v2.paths).toHaveProperty([`${ROOT}/namespaces/{namespace}/flunders/{name}`])
    expect(v2.definitions).toHaveProperty(['io.k8s.api.core.v1.Pod'])
    const { paths } = JSON.parse((await admin('/openapi/v3')).text) as { paths: Record<string, { serverRelativeURL: string }> }
    const url = paths[ROOT.slice(1)]?.serverRelativeURL ?? ''
    expect(url).toBe(`/openapi/v3${ROOT}?hash=ABC`)
    expect(JSON.parse((await admin(url)).text)).toHaveProperty(['components', 'schemas', 'com.example.wardle.v1alpha1.Flunder'])
  })

  describe.each(['1.27', '1.33'])('with kubectl %s', (version) => {
    let directory: string
    let binary: string
    const kubectl = async (args: string): Promise<string> => {
      const { exitCode, stdout, stderr } = await run([binary, `--kubeconfig=${directory}/config`, `--cache-dir=${directory}/cache`, ...args.split(' ')], { timeout: 20_000 })
      if (exitCode) throw new Error(stderr.toString())
      return stdout.toString()
    }
    beforeAll(async () => {
      binary = (await kubectls([version]))[0]?.path ?? ''
      directory = mkdtempSync(join(tmpdir(), 'bramble-aggregation-'))
      const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
      writeFileSync(join(directory, 'config'), writeKubeconfig({ name: 'test', server: cluster.url, caPem: cluster.ca.certPem, user: 'admin', certPem, keyPem }))
    })
    afterAll(() => rmSync(directory, { recursive: true }))

    it('gets, explains, lists resources and waits', async () => {
      expect(await kubectl('get flunders -o name')).toBe(`flunder.${GROUP}/a\nflunder.${GROUP}/b\n`)
      expect(await kubectl('get fl a -o jsonpath={.spec.reference}')).toBe('x')
      expect(await kubectl('explain flunders')).toContain('A flunder is what a flunder does.')
      expect(await kubectl('explain flunders.spec')).toContain('What it is meant to be.')
      expect(await kubectl(`api-resources --api-group=${GROUP} --no-headers`)).toMatch(/^flunders +fl +wardle\.example\.com\/v1alpha1 +true +Flunder\n$/)
      expect(await kubectl(`wait --for=condition=Available apiservice/${NAME} --timeout=5s`)).toContain('condition met')
      const lines = (await kubectl('get apiservices')).split('\n')
      expect(lines[0]).toMatch(/^NAME +SERVICE +AVAILABLE +AGE$/)
      expect(lines.find((l) => l.startsWith(`${NAME} `))).toMatch(/ default\/wardle +True /)
      expect(lines.find((l) => l.startsWith('v1.apps '))).toMatch(/ Local +True /)
      expect(await kubectl('describe apiservice v1.apps')).toContain('Local APIServices are always available')
    })
  })

  it('is not trusted with another certificate; what was under way goes on', async () => {
    const agent = await agentFor('admin', ['system:masters'])
    const watching = request(`${cluster.url}${ROOT}/namespaces/default/flunders?watch=true`, { agent }).end()
    const [stream] = await once(watching, 'response') as [IncomingMessage]
    const { metadata } = await cluster.admin.get(apiServiceRef, { name: NAME })
    await cluster.admin.update(apiServiceRef, { ...registered({ caBundle: Buffer.from(cluster.ca.certPem).toString('base64') }), metadata: { ...metadata } })
    expect(await admin(`${ROOT}/namespaces/default/flunders`)).toMatchObject({ code: 503, text: 'error trying to reach service: tls: failed to verify certificate: x509: certificate signed by unknown authority\n' })
    const again = await cluster.admin.get(apiServiceRef, { name: NAME })
    extension.event('still')
    expect(String((await once(stream, 'data') as [Buffer])[0])).toContain('"still"')
    watching.on('error', () => undefined)
    watching.destroy()
    const { caBundle: _none, ...spec } = registered().spec ?? {}
    await cluster.admin.update(apiServiceRef, { metadata: again.metadata, spec: { ...spec, insecureSkipTLSVerify: true } as NonNullable<APIService['spec']> })
    expect(await admin(`${ROOT}/namespaces/default/flunders`)).toMatchObject({ code: 200 })
  })

  it('keeps what it said last where it is gone, and goes with its APIService', async () => {
    await cluster.admin.patch(refs.EndpointSlice, { namespace: 'default', name: 'wardle-1' }, 'application/json-patch+json', [{ op: 'replace', path: '/endpoints/0/conditions/ready', value: false }])
    await untilAvailable(NAME, (c) => c.reason === 'MissingEndpoints')
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    const last = async () => (JSON.parse((await admin('/apis', { headers: { Accept: accept } })).text) as { items: { metadata: { name: string }; versions: { freshness: string; resources: object[] }[] }[] }).items.at(-1)
    expect(await last()).toMatchObject({ metadata: { name: GROUP }, versions: [{ freshness: 'Stale', resources: [{ resource: 'flunders' }] }] })
    const { metadata } = await cluster.admin.get(apiServiceRef, { name: NAME })
    const stop = new AbortController()
    const events = cluster.admin.watch(apiServiceRef, { resourceVersion: metadata.resourceVersion }, stop.signal)
    await cluster.admin.delete(apiServiceRef, { name: NAME })
    for await (const event of events) if (event.type === 'DELETED') stop.abort()
    expect(await admin(`${ROOT}/namespaces/default/flunders`)).toMatchObject({ code: 404 })
    expect((await last())?.metadata.name).not.toBe(GROUP)
    expect(JSON.parse((await admin('/openapi/v2')).text)).not.toHaveProperty(['definitions', 'com.example.wardle.v1alpha1.Flunder'])
  })
})
