/** Who a request is and what it may, over real HTTPS: bound tokens, reviews, impersonation, escalation. */
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { TokenRequest, TokenReview } from '../../../shared/api/authentication-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import { createKeyAndCsr } from '../../../shared/pki/certificates.ts'
import { createServiceAccountTokens } from '../../service-account-tokens.ts'
import type { ServiceAccountTokens } from '../../service-account-tokens.ts'
import { startFakeCluster, type FakeCluster } from '../fake-cluster.ts'

let cluster: FakeCluster
let tokens: ServiceAccountTokens
let admin: { cert: string; key: string }
let eve: { cert: string; key: string }
beforeAll(async () => {
  tokens = createServiceAccountTokens({ keyPem: (await createKeyAndCsr({ commonName: 'sa' })).keyPem, clock: systemClock, random: systemRandom })
  cluster = await startFakeCluster({ deps: { tokens } })
  const pair = async (name: string, groups: string[]) => { const { certPem, keyPem } = await cluster.credentials(name, groups); return { cert: certPem, key: keyPem } }
  admin = await pair('admin', ['system:masters'])
  eve = await pair('eve', ['dev'])
  await cluster.admin.create(refs.ServiceAccount, { metadata: { name: 'robot', namespace: 'default' } })
})
afterAll(() => cluster.close())

interface Answer { code: number; body: { message?: string; status?: Record<string, unknown>; [k: string]: unknown } }
function call(method: string, path: string, options: { body?: object; headers?: Record<string, string | string[]>; as?: { cert: string; key: string } | 'nobody' } = {}): Promise<Answer> {
  const credentials = options.as === 'nobody' ? {} : options.as ?? admin
  return new Promise((resolve, reject) => {
    const req = request(`${cluster.url}${path}`, { method, ca: cluster.ca.certPem, agent: false, headers: { 'content-type': 'application/json', ...options.headers }, ...credentials }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (d: string) => { text += d }).on('end', () => resolve({ code: res.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] })).on('error', reject)
    })
    req.on('error', reject).end(options.body ? JSON.stringify(options.body) : undefined)
  })
}
const issue = async (spec: object = {}, account = 'robot'): Promise<string> =>
  ((await cluster.admin.post(refs.ServiceAccount, { namespace: 'default', name: account }, 'token', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec })) as TokenRequest).status?.token ?? ''
const bearer = (token: string) => ({ as: 'nobody' as const, headers: { authorization: `Bearer ${token}` } })
const whoami = async (options: Parameters<typeof call>[2]): Promise<Answer> => call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' }, ...options })
const review = async (token: string, audiences?: string[]): Promise<TokenReview['status']> =>
  (await call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token, ...(audiences ? { audiences } : {}) } } })).body.status as TokenReview['status']

describe('a token', () => {
  it('bound to a Secret or a Node dies with it', async () => {
    await cluster.admin.create(refs.Secret, { metadata: { name: 'lease-of-life', namespace: 'default' } })
    await cluster.admin.create(refs.Node, { metadata: { name: 'pi-1' } })
    const bySecret = await issue({ boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'lease-of-life' } })
    const byNode = await issue({ boundObjectRef: { apiVersion: 'v1', kind: 'Node', name: 'pi-1' } })
    expect((await whoami(bearer(byNode))).body.status).toMatchObject({ userInfo: { extra: { 'authentication.kubernetes.io/node-name': ['pi-1'], 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)] } } })
    expect((await whoami(bearer(bySecret))).code).toBe(201)
    await cluster.admin.delete(refs.Secret, { namespace: 'default', name: 'lease-of-life' })
    await cluster.admin.create(refs.Secret, { metadata: { name: 'lease-of-life', namespace: 'default' } })
    await cluster.admin.delete(refs.Node, { name: 'pi-1' })
    expect([(await whoami(bearer(bySecret))).code, (await whoami(bearer(byNode))).code]).toEqual([401, 401])
  })

  it('is reviewed for the audiences it was made for, and for no others', async () => {
    const vault = await issue({ audiences: ['vault', 'other'] })
    expect(await review(vault, ['vault', 'consul'])).toMatchObject({ authenticated: true, audiences: ['vault'], user: { username: 'system:serviceaccount:default:robot', groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] } })
    expect(await review(vault)).toEqual({ user: {}, error: 'invalid bearer token' })
    expect(await review(await issue(), ['vault'])).toMatchObject({ error: '[invalid bearer token, token audiences ["https://kubernetes.default.svc.cluster.local"] is invalid for the target audiences ["vault"]]' })
    expect((await whoami(bearer(vault))).code).toBe(401)
  })

  it('of the old kind is good while its Secret holds it', async () => {
    const account = await cluster.admin.get(refs.ServiceAccount, { namespace: 'default', name: 'robot' })
    const old = tokens.issueLegacy({ namespace: 'default', serviceAccount: { name: 'robot', uid: account.metadata.uid }, secret: 'old' })
    expect((await whoami(bearer(old))).code).toBe(401)
    await cluster.admin.create(refs.Secret, { metadata: { name: 'old', namespace: 'default', annotations: { 'kubernetes.io/service-account.name': 'robot' } }, type: 'kubernetes.io/service-account-token', data: { token: Buffer.from(old).toString('base64') } })
    expect((await whoami(bearer(old))).code).toBe(201)
    const label = async (name: string) => (await cluster.admin.get(refs.Secret, { namespace: 'default', name: 'old' })).metadata.labels?.[`kubernetes.io/legacy-token-${name}`]
    await vi.waitFor(async () => expect(await label('last-used')).toMatch(/^\d{4}-\d\d-\d\d$/), { timeout: 15_000 })
    const mark = (value: string | null) => cluster.admin.patch(refs.Secret, { namespace: 'default', name: 'old' }, 'application/merge-patch+json', { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': value } } })
    await mark('2026-01-01')
    expect((await whoami(bearer(old))).code).toBe(401)
    await mark(null)
    expect((await whoami(bearer(old))).code).toBe(201)
    await cluster.admin.delete(refs.Secret, { namespace: 'default', name: 'old' })
    expect((await whoami(bearer(old))).code).toBe(401)
  })

  it('outlives a rotation of the key, and the new key is published beside the old', async () => {
    const before = await issue()
    const [first] = tokens.keySet().keys as { kid: string }[]
    tokens.signWith((await createKeyAndCsr({ commonName: 'sa' })).keyPem)
    const after = await issue()
    expect([(await whoami(bearer(before))).code, (await whoami(bearer(after))).code]).toEqual([201, 201])
    const { body } = await call('GET', '/openid/v1/jwks', bearer(after))
    expect((body.keys as { kid: string }[]).map((k) => k.kid)).toContain(first?.kid)
    expect(body.keys).toHaveLength(2)
    expect((await call('GET', '/openid/v1/jwks', { as: 'nobody' })).code).toBe(403)
  })
})

describe('impersonation', () => {
  it('makes an administrator whom they name, with the groups that belong to it', async () => {
    const as = async (headers: Record<string, string | string[]>) => ((await whoami({ headers })).body.status as { userInfo: object }).userInfo
    expect(await as({ 'Impersonate-User': 'jane', 'Impersonate-Group': ['a', 'b'], 'Impersonate-Uid': '7', 'Impersonate-Extra-acme.com%2Fscope': 'x' }))
      .toEqual({ username: 'jane', uid: '7', groups: ['a', 'b', 'system:authenticated'], extra: { 'acme.com/scope': ['x'] } })
    expect(await as({ 'Impersonate-User': 'system:serviceaccount:default:robot' })).toEqual({ username: 'system:serviceaccount:default:robot', groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] })
    expect(await call('GET', '/api', { headers: { 'Impersonate-User': 'system:anonymous' } })).toMatchObject({ code: 403, body: { message: 'forbidden: User "system:anonymous" cannot get path "/api"' } })
  })

  it('is a right for each part of the name', async () => {
    const jane = { as: eve, headers: { 'Impersonate-User': 'jane' } as Record<string, string> }
    expect(await whoami(jane)).toMatchObject({ code: 403, body: { message: 'users "jane" is forbidden: User "eve" cannot impersonate resource "users" in API group "" at the cluster scope' } })
    await cluster.admin.create(refs.ClusterRole, { metadata: { name: 'as-jane' }, rules: [{ verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['jane'] }] })
    await cluster.admin.create(refs.ClusterRoleBinding, { metadata: { name: 'as-jane' }, subjects: [{ kind: 'Group', name: 'dev' }], roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'as-jane' } })
    expect((await whoami(jane)).code).toBe(201)
    expect(await whoami({ ...jane, headers: { ...jane.headers, 'Impersonate-Group': 'system:masters' } })).toMatchObject({ code: 403, body: { message: expect.stringContaining('cannot impersonate resource "groups"') } })
    expect(await whoami({ ...jane, headers: { 'Impersonate-Group': 'dev' } })).toMatchObject({ code: 400 })
  })
})

describe('a review', () => {
  const ask = (kind: string, spec: object, path = `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`) => call('POST', path, { body: { kind, apiVersion: 'authorization.k8s.io/v1', spec } })
  it('says yes with what gave the right, and no', async () => {
    expect((await ask('SubjectAccessReview', { user: 'eve', groups: ['dev'], resourceAttributes: { verb: 'impersonate', resource: 'users', name: 'jane' } })).body.status)
      .toEqual({ allowed: true, reason: 'RBAC: allowed by ClusterRoleBinding "as-jane" of ClusterRole "as-jane" to Group "dev"' })
    expect((await ask('SubjectAccessReview', { user: 'eve', resourceAttributes: { verb: 'get', resource: 'pods' } })).body.status).toEqual({ allowed: false })
  })

  it('refuses questions that make no sense, in upstream\'s words', async () => {
    expect((await ask('SubjectAccessReview', { resourceAttributes: { verb: 'get', resource: 'pods' } })).body.message).toBe('SubjectAccessReview.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified')
    expect((await ask('SelfSubjectAccessReview', {})).body.message).toContain('exactly one of nonResourceAttributes or resourceAttributes must be specified')
    expect(await ask('LocalSubjectAccessReview', { user: 'x', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'b' } }, '/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews'))
      .toMatchObject({ code: 422, body: { message: expect.stringContaining('spec.resourceAttributes.namespace: Invalid value: "b": must match metadata.namespace') } })
    expect(await ask('SelfSubjectRulesReview', {})).toMatchObject({ code: 400, body: { message: 'no namespace on request' } })
  })
})

describe('a node', () => {
  it('reads what its pods refer to, its own Node, and nothing else', async () => {
    const make = (name: string, node: string) => cluster.admin.create(refs.Pod, {
      metadata: { name, namespace: 'default' },
      spec: { serviceAccountName: 'robot', automountServiceAccountToken: false, nodeName: node, containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: `${name}-env` } }] }] },
    })
    for (const node of ['n1', 'n2']) await cluster.admin.create(refs.Node, { metadata: { name: node } })
    for (const name of ['one-env', 'two-env']) await cluster.admin.create(refs.Secret, { metadata: { name, namespace: 'default' } })
    await make('one', 'n1')
    const n1 = await cluster.as('system:node:n1', ['system:nodes'])
    const secret = (name: string) => n1.get(refs.Secret, { namespace: 'default', name })
    await secret('one-env')
    await expect(secret('two-env')).rejects.toMatchObject({ code: 403, message: expect.stringContaining("no relationship found between node 'n1' and this object") })
    await n1.get(refs.Node, { name: 'n1' })
    await expect(n1.get(refs.Node, { name: 'n2' })).rejects.toMatchObject({ code: 403, message: expect.stringContaining("node 'n1' cannot read 'n2', only its own Node object") })
    await expect(n1.list(refs.Pod)).rejects.toMatchObject({ message: expect.stringContaining('can only list/watch pods with spec.nodeName field selector') })
    expect((await n1.list(refs.Pod, { fieldSelector: 'spec.nodeName=n1' })).items).toHaveLength(1)
    await make('two', 'n1')
    await secret('two-env')
    await cluster.admin.delete(refs.Pod, { namespace: 'default', name: 'one' }, { gracePeriodSeconds: 0 })
    await expect(secret('one-env')).rejects.toMatchObject({ code: 403 })
  })
})
