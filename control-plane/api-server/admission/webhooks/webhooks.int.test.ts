import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { FakeCluster } from '../../fake-cluster.ts'
import { startFakeCluster } from '../../fake-cluster.ts'
import { objectKey } from '../../keys.ts'
import type { Raw } from '../fake-raw-client.ts'
import { rawRequests } from '../fake-raw-client.ts'
import type { FakeWebhookServer } from './fake-webhook-server.ts'
import { patchOf, startFakeWebhook } from './fake-webhook-server.ts'

const admission = '/apis/admissionregistration.k8s.io/v1'
const maps = '/api/v1/namespaces/default/configmaps'
const rules = [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }]

let cluster: FakeCluster
let hook: FakeWebhookServer
let raw: Raw
beforeAll(async () => {
  hook = await startFakeWebhook(['hook.default.svc'])
  const never = (): Promise<never> => Promise.reject(new Error('admission did not refuse'))
  cluster = await startFakeCluster({ deps: { streams: { handle: never, logs: never, proxy: never } } })
  raw = await rawRequests(cluster)
})
afterAll(async () => {
  await cluster.close()
  await hook.close()
})
afterEach(async () => {
  for (const kind of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) await raw('DELETE', `${admission}/${kind}`)
  hook.answer = () => ({})
  await raw('DELETE', maps)
  hook.reviews.length = 0
})

type Kind = 'Mutating' | 'Validating'
async function configure(kind: Kind, name: string, ...webhooks: object[]): Promise<void> {
  const { code, body } = await raw('POST', `${admission}/${kind.toLowerCase()}webhookconfigurations`, {
    kind: `${kind}WebhookConfiguration`, apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name },
    webhooks: webhooks.map((w, i) => ({ name: `w${i}.${name}.example.com`, clientConfig: hook.client(`/${name}${i}`), rules, sideEffects: 'None', admissionReviewVersions: ['v1'], ...w })),
  })
  expect(code, body.message).toBe(201)
}
const map = (name: string, data: Record<string, string> = {}, metadata: object = {}): object => ({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, ...metadata }, data })

describe('validating webhooks', () => {
  it('are asked with upstream\'s review and may refuse', async () => {
    await configure('Validating', 'deny', {})
    hook.answer = ({ request }) => (request.name === 'bad' ? { allowed: false, status: { message: 'no bad maps', code: 403, reason: 'Forbidden' }, warnings: ['think again'] } : {})
    expect((await raw('POST', `${maps}?fieldManager=me`, map('good', { a: '1' }))).code).toBe(201)
    expect(hook.reviews[0]).toEqual({
      kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1',
      request: {
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string, kind: { group: '', version: 'v1', kind: 'ConfigMap' }, resource: { group: '', version: 'v1', resource: 'configmaps' },
        requestKind: { group: '', version: 'v1', kind: 'ConfigMap' }, requestResource: { group: '', version: 'v1', resource: 'configmaps' }, name: 'good', namespace: 'default', operation: 'CREATE',
        userInfo: { username: 'admin', groups: ['system:masters', 'system:authenticated'], extra: expect.anything() as object }, object: expect.objectContaining({ kind: 'ConfigMap', apiVersion: 'v1', data: { a: '1' } }) as object,
        oldObject: null, dryRun: false, options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me' },
      },
    })
    const refused = await raw('POST', maps, map('bad'))
    expect(refused).toMatchObject({ code: 403, warnings: ['think again'], body: { reason: 'Forbidden', message: 'admission webhook "w0.deny.example.com" denied the request: no bad maps' } })
  })

  it('see updates, patches, deletions and deletions of collections with the object as it was', async () => {
    await configure('Validating', 'seen', {})
    await raw('POST', maps, map('a', { n: '1' }))
    await raw('PUT', `${maps}/a`, map('a', { n: '2' }))
    await raw('PATCH', `${maps}/a`, { data: { n: '3' } }, 'application/merge-patch+json')
    await raw('DELETE', `${maps}/a`, { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 })
    await raw('POST', maps, map('b'))
    await raw('DELETE', `${maps}?labelSelector=!none&fieldSelector=metadata.name=b`)
    expect(hook.reviews.map(({ request: r }) => [r.operation, r.name, (r.object?.data as { n?: string } | undefined)?.n, (r.oldObject?.data as { n?: string } | undefined)?.n])).toEqual([
      ['CREATE', 'a', '1', undefined], ['UPDATE', 'a', '2', '1'], ['UPDATE', 'a', '3', '2'], ['DELETE', 'a', undefined, '3'], ['CREATE', 'b', undefined, undefined], ['DELETE', 'b', undefined, undefined],
    ])
    expect(hook.reviews.map(({ request: r }) => (r.options as { kind: string }).kind)).toEqual(['CreateOptions', 'UpdateOptions', 'UpdateOptions', 'DeleteOptions', 'CreateOptions', 'DeleteOptions'])
    expect(hook.reviews[3]?.request.options).toMatchObject({ gracePeriodSeconds: 0 })
  })

  it('refuse deletions', async () => {
    await raw('POST', maps, map('kept'))
    await configure('Validating', 'nodelete', { rules: [{ ...rules[0], operations: ['DELETE'] }] })
    hook.answer = () => ({ allowed: false })
    expect(await raw('DELETE', `${maps}/kept`)).toMatchObject({ code: 400, body: { message: 'admission webhook "w0.nodelete.example.com" denied the request without explanation' } })
    expect((await raw('GET', `${maps}/kept`)).code).toBe(200)
  })

  it('are passed by with failurePolicy Ignore, and fail the request with Fail', async () => {
    const closed = { url: 'https://127.0.0.1:1/x', caBundle: hook.caBundle }
    await configure('Validating', 'ignored', { clientConfig: closed, failurePolicy: 'Ignore' })
    expect((await raw('POST', maps, map('a'))).code).toBe(201)
    await configure('Validating', 'failing', { clientConfig: closed })
    expect(await raw('POST', maps, map('b'))).toMatchObject({
      code: 500, body: { reason: 'InternalError', message: 'Internal error occurred: failed calling webhook "w0.failing.example.com": failed to call webhook: Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused' },
    })
  })

  it.each([
    ['an error of the server', () => 500 as const, 'failed to call webhook: an error on the server ("it broke") has prevented the request from succeeding'],
    ['another uid', () => ({ uid: 'other' }), /received invalid webhook response: expected response\.uid="[^"]+", got "other"/],
    ['silence', () => 'hang' as const, /failed to call webhook: Post "https:\/\/127\.0\.0\.1:\d+\/broken0\?timeout=1s": context deadline exceeded/],
  ])('fail on %s', async (_what, answer, message) => {
    await configure('Validating', 'broken', { timeoutSeconds: 1 })
    hook.answer = answer
    const { code, body } = await raw('POST', maps, map('x'))
    expect(code).toBe(500)
    expect(body.message).toMatch(message)
  })

  it('do not trust a certificate of another authority', async () => {
    const other = await startFakeWebhook()
    await configure('Validating', 'untrusted', { clientConfig: { ...hook.client(), caBundle: other.caBundle } })
    expect((await raw('POST', maps, map('x'))).body.message).toMatch(/tls: failed to verify certificate: x509: certificate signed by unknown authority$/)
    await other.close()
  })

  it('are reached through a Service at its endpoints, under the service\'s name', async () => {
    const service = { name: 'hook', namespace: 'default', path: '/in', port: 8443 }
    await configure('Validating', 'service', { clientConfig: { service, caBundle: hook.caBundle } })
    expect((await raw('POST', maps, map('x'))).body.message).toMatch(/Post "https:\/\/hook\.default\.svc:8443\/in\?timeout=10s": service "hook" not found$/)
    await raw('POST', '/api/v1/namespaces/default/services', { metadata: { name: 'hook' }, spec: { ports: [{ name: 'tls', port: 8443, targetPort: 443 }] } })
    expect((await raw('POST', maps, map('x'))).body.message).toMatch(/no endpoints available for service "hook"$/)
    // Loopback is no legal address of an endpoint, and here the only one there is.
    const slice = {
      kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', metadata: { name: 'hook-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'hook' } }, addressType: 'IPv4',
      endpoints: [{ addresses: ['127.0.0.9'], conditions: { ready: false } }, { addresses: ['127.0.0.1'], conditions: { ready: true } }], ports: [{ name: 'tls', port: hook.port }],
    }
    await cluster.store.write({ type: 'put', key: objectKey({ group: 'discovery.k8s.io', resource: 'endpointslices', namespaced: true }, 'default', 'hook-1'), expect: 0, durability: 'volatile', value: () => Buffer.from(JSON.stringify(slice)) })
    expect((await raw('POST', maps, map('x'))).code).toBe(201)
    expect(hook.reviews).toHaveLength(1)
  })

  it('are chosen by namespace, object, conditions and scope; never for what configures them', async () => {
    await raw('POST', '/api/v1/namespaces', { metadata: { name: 'chosen', labels: { team: 'a' } } })
    await configure('Validating', 'chosen', { namespaceSelector: { matchLabels: { team: 'a' } }, objectSelector: { matchLabels: { judge: 'yes' } }, matchConditions: [{ name: 'not-skipped', expression: '!("skip" in object.data)' }] },
      { rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], scope: 'Cluster' }] })
    hook.answer = () => ({ allowed: false })
    const chosen = '/api/v1/namespaces/chosen/configmaps'
    const judged = { labels: { judge: 'yes' } }
    expect((await raw('POST', maps, map('elsewhere', { a: '' }, judged))).code).toBe(201)
    expect((await raw('POST', chosen, map('unlabelled', { a: '' }))).code).toBe(201)
    expect((await raw('POST', chosen, map('skipped', { skip: '' }, judged))).code).toBe(201)
    expect((await raw('POST', chosen, map('refused', { a: '' }, judged))).code).toBe(400)
    // Without data the condition fails: the policy decides.
    expect(await raw('POST', chosen, { metadata: { name: 'failing', ...judged } })).toMatchObject({ code: 403, body: { message: expect.stringContaining("resulted in error: no such key: data") as string } })
    expect((await raw('POST', '/api/v1/namespaces', { metadata: { name: 'other' } })).code).toBe(400)
    expect((await raw('DELETE', `${admission}/validatingwebhookconfigurations/chosen`)).code).toBe(200)
  })

  it('see subresources by what was posted, and streams by their options', async () => {
    await configure('Validating', 'sub', { rules: [{ operations: ['*'], apiGroups: ['', 'apps'], apiVersions: ['*'], resources: ['pods/eviction', 'pods/binding', 'deployments/scale', 'pods/proxy'] }] })
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    await raw('POST', '/apis/apps/v1/namespaces/default/deployments', { metadata: { name: 'web' }, spec: { selector: { matchLabels: { a: 'b' } }, template } })
    await raw('PATCH', '/apis/apps/v1/namespaces/default/deployments/web/scale', { spec: { replicas: 3 } }, 'application/merge-patch+json')
    expect(hook.reviews.at(-1)?.request).toMatchObject({
      operation: 'UPDATE', kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, resource: { group: 'apps', version: 'v1', resource: 'deployments' }, subResource: 'scale',
      object: { kind: 'Scale', spec: { replicas: 3 } }, oldObject: { kind: 'Scale', spec: { replicas: 1 } },
    })
    hook.answer = () => ({ allowed: false, status: { message: 'stays' } })
    const refused = await raw('PATCH', '/apis/apps/v1/namespaces/default/deployments/web/scale', { spec: { replicas: 5 } }, 'application/merge-patch+json')
    expect(refused.body.message).toBe('admission webhook "w0.sub.example.com" denied the request: stays')
    expect((await raw('GET', '/apis/apps/v1/namespaces/default/deployments/web')).body).toMatchObject({ spec: { replicas: 3 } })
    await raw('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } })
    await raw('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec: template.spec })
    const seen = async (subresource: string, method: string, body?: object): Promise<unknown[]> => {
      const { code } = await raw(method, `/api/v1/namespaces/default/pods/p/${subresource}`, body)
      const asked = hook.reviews.at(-1)?.request
      return [code, asked?.operation, (asked?.kind as { kind: string } | undefined)?.kind, asked?.object?.kind, (asked?.options as { kind: string } | null)?.kind]
    }
    expect(await seen('eviction', 'POST', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } })).toEqual([400, 'CREATE', 'Eviction', 'Eviction', 'CreateOptions'])
    expect(await seen('binding', 'POST', { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } })).toEqual([400, 'CREATE', 'Binding', 'Binding', 'CreateOptions'])
    expect(await seen('proxy/a/b?c=d', 'GET')).toEqual([400, 'CONNECT', 'PodProxyOptions', 'PodProxyOptions', undefined])
    expect(hook.reviews.at(-1)?.request.object).toMatchObject({ path: '/a/b' })
    expect((await raw('GET', '/api/v1/namespaces/default/pods/p')).body).not.toMatchObject({ spec: { nodeName: 'n' } })
  })

  it('see the version their rules name', async () => {
    const hpa = { kind: 'HorizontalPodAutoscaler', apiVersion: 'autoscaling/v2', metadata: { name: 'h' }, spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }] } }
    const old = [{ operations: ['*'], apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['horizontalpodautoscalers'] }]
    await configure('Validating', 'equal', { rules: old }, { rules: old, matchPolicy: 'Exact', name: 'exact.equal.example.com' })
    expect((await raw('POST', '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', hpa)).code).toBe(201)
    expect(hook.reviews).toHaveLength(1)
    expect(hook.reviews[0]?.request).toMatchObject({
      kind: { version: 'v1' }, requestKind: { version: 'v2' }, requestResource: { version: 'v2' }, object: { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 50 } },
    })
  })
})

describe('mutating webhooks', () => {
  it('change the object one after the other, in order of name', async () => {
    await configure('Mutating', 'b', {})
    await configure('Mutating', 'a', {})
    hook.answer = ({ request }, path) => patchOf({ op: 'add', path: `/data/${path.slice(1, 2)}`, value: String(Object.keys((request.object as { data: object }).data).length) })
    const { body } = await raw('POST', maps, map('m', { start: '' }))
    expect(body).toMatchObject({ data: { start: '', a: '1', b: '2' } })
  })

  it('are asked again where they want it and a later one changed the object', async () => {
    await configure('Mutating', 'a', { reinvocationPolicy: 'IfNeeded' })
    await configure('Mutating', 'b', {})
    hook.answer = ({ request }, path) => (path.startsWith('/b') ? patchOf({ op: 'add', path: '/data/b', value: '' }) : { warnings: [`a saw ${Object.keys((request.object as { data: object }).data).join()}`] })
    const { warnings } = await raw('POST', maps, map('m', { start: '' }))
    expect(warnings).toEqual(['a saw start', 'a saw start,b'])
  })

  it('have their changes judged like any other', async () => {
    await configure('Mutating', 'a', {})
    hook.answer = () => patchOf({ op: 'replace', path: '/metadata/labels', value: { 'not ok!': 'x' } })
    expect(await raw('POST', maps, map('m', {}, { labels: { a: 'b' } }))).toMatchObject({ code: 422, body: { reason: 'Invalid' } })
    hook.answer = () => patchOf({ op: 'replace', path: '/none', value: 1 })
    expect((await raw('POST', maps, map('m'))).code).toBe(500)
    hook.answer = () => ({ patch: 'e30=' })
    expect((await raw('POST', maps, map('m'))).body.message).toContain('webhook returned response.patch but not response.patchType')
  })

  it('change pods, whose defaults and built-in plugins then follow', async () => {
    await configure('Mutating', 'sidecar', { rules: [{ ...rules[0], resources: ['pods'] }] })
    hook.answer = () => patchOf({ op: 'add', path: '/spec/containers/-', value: { name: 'side', image: 'side:1' } })
    await raw('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } })
    const { body, code } = await raw('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'changed' }, spec: { containers: [{ name: 'main', image: 'main:1' }] } })
    expect(code, body.message).toBe(201)
    const [, side] = (body as { spec: { containers: { imagePullPolicy: string; volumeMounts?: object[] }[] } }).spec.containers
    expect(side?.imagePullPolicy).toBe('IfNotPresent')
    expect(side?.volumeMounts).toHaveLength(1)
  })

  it('do not change anything by a dry run but are asked', async () => {
    await configure('Mutating', 'dry', {})
    hook.answer = () => patchOf({ op: 'add', path: '/data', value: { dry: 'run' } })
    expect((await raw('POST', `${maps}?dryRun=All`, map('m'))).body).toMatchObject({ data: { dry: 'run' } })
    expect(hook.reviews[0]?.request).toMatchObject({ dryRun: true, options: { dryRun: ['All'] } })
    expect((await raw('GET', `${maps}/m`)).code).toBe(404)
  })
})

it('refuses configurations as upstream does', async () => {
  const { code, body } = await raw('POST', `${admission}/validatingwebhookconfigurations`, {
    metadata: { name: 'x' },
    webhooks: [{ name: 'short', clientConfig: { url: 'http://a' }, rules: [{ operations: ['CREATE', '*'], apiGroups: [''], apiVersions: [''], resources: [] }], admissionReviewVersions: ['v9'], timeoutSeconds: 31, matchConditions: [] }],
  })
  expect(code).toBe(422)
  expect(body.details?.causes?.map((c) => c.field)).toEqual([
    'webhooks[0].name', 'webhooks[0].rules[0].operations', 'webhooks[0].rules[0].apiVersions[0]', 'webhooks[0].rules[0].resources', 'webhooks[0].sideEffects', 'webhooks[0].timeoutSeconds',
    'webhooks[0].clientConfig.url', 'webhooks[0].admissionReviewVersions',
  ])
  const cel = await raw('POST', `${admission}/validatingwebhookconfigurations`, {
    metadata: { name: 'x' },
    webhooks: [{ name: 'a.b.c', clientConfig: hook.client(), sideEffects: 'None', admissionReviewVersions: ['v1'], matchConditions: [{ name: 'c', expression: 'nothing' }] }],
  })
  expect(cel).toMatchObject({ code: 422, body: { message: expect.stringContaining('webhooks[0].matchConditions[0].expression: Invalid value: "nothing": compilation failed: ERROR: <input>:1:1: undeclared reference to \'nothing\'') as string } })
})
