/** What the API server leaves to others, with the real others: service-account tokens, stream handlers; and its own limits. */
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TokenRequest } from '../../shared/api/authentication-v1.ts'
import type { Pod } from '../../shared/api/core-v1.ts'
import { refs } from '../../shared/api/refs.ts'
import { StatusError } from '../../shared/base/errors.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import { systemRandom } from '../../shared/host/random.ts'
import { createKeyAndCsr } from '../../shared/pki/certificates.ts'
import { createServiceAccountTokens } from '../service-account-tokens.ts'
import { startFakeCluster, type FakeCluster } from './fake-cluster.ts'
import { createStreamHandlers, type StreamServer } from './streams/stream-handlers.ts'
import { componentUser } from './authn/user.ts'

const host = { clock: systemClock, random: systemRandom, log: silentLog }
let cluster: FakeCluster
let credentials: { cert: string; key: string }
beforeAll(async () => {
  const { keyPem } = await createKeyAndCsr({ commonName: 'service-account' })
  const streams: StreamServer = createStreamHandlers({
    host, client: () => cluster.api.client(componentUser('apiserver')),
    rpc: { call: (node) => Promise.reject(new StatusError('ServiceUnavailable', `node ${node} is not connected`)) },
  })
  cluster = await startFakeCluster({ deps: { tokens: createServiceAccountTokens({ keyPem, clock: systemClock, random: systemRandom }), streams } })
  const { certPem, keyPem: key } = await cluster.credentials('admin', ['system:masters'])
  credentials = { cert: certPem, key }
  await cluster.admin.create(refs.ServiceAccount, { metadata: { name: 'default', namespace: 'default' } })
})
afterAll(() => cluster.close())

interface Answer { readonly code: number; readonly headers: Record<string, string | string[] | undefined>; readonly body: string; readonly status: { reason?: string; message?: string } }
/** One request on a connection of its own. */
function call(path: string, options: { headers?: Record<string, string>; anonymous?: boolean; method?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(`${cluster.url}${path}`, { ca: cluster.ca.certPem, agent: false, method: options.method ?? 'GET', headers: options.headers ?? {}, ...(options.anonymous ? {} : credentials) }, (res) => {
      let body = ''
      res.setEncoding('utf8').on('data', (d: string) => { body += d }).on('error', reject)
      res.on('end', () => resolve({ code: res.statusCode ?? 0, headers: res.headers, body, status: body.startsWith('{') ? JSON.parse(body) as Answer['status'] : {} }))
    })
    req.on('upgrade', (res, socket) => { socket.destroy(); resolve({ code: res.statusCode ?? 0, headers: res.headers, body: '', status: {} }) })
    req.on('error', reject).end()
  })
}
const pod = (name: string, more: object = {}): Pod & { metadata: { namespace: string } } =>
  ({ metadata: { name, namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }], ...more } })
const token = async (account: string, spec: object = {}): Promise<TokenRequest> =>
  await cluster.admin.post(refs.ServiceAccount, { namespace: 'default', name: account }, 'token', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }) as TokenRequest

describe('a service-account token', () => {
  it('is its account: known by name, with the rights bound to it and no more', async () => {
    const { status, spec } = await token('default', { expirationSeconds: 600 })
    expect(Date.parse(status?.expirationTimestamp ?? '') - Date.now()).toBeGreaterThan(580_000)
    expect(spec).toMatchObject({ audiences: ['https://kubernetes.default.svc.cluster.local'], expirationSeconds: 600 })
    const client = cluster.with({ token: () => status?.token ?? '' })
    await expect(client.list(refs.ConfigMap, { namespace: 'default' })).rejects.toMatchObject({ code: 403, message: expect.stringContaining('User "system:serviceaccount:default:default" cannot list resource "configmaps"') })
    await cluster.admin.create(refs.RoleBinding, {
      metadata: { name: 'reader', namespace: 'default' }, subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    })
    await client.list(refs.ConfigMap, { namespace: 'default' })
    await expect(client.list(refs.Secret, { namespace: 'default' })).rejects.toMatchObject({ code: 403 })
  })

  it('is nobody\'s when altered or made for another audience', async () => {
    const { status } = await token('default')
    const whole = status?.token ?? ''
    const [head, , signature] = whole.split('.')
    const forged = [head, Buffer.from(JSON.stringify({ sub: 'system:serviceaccount:kube-system:default' })).toString('base64url'), signature].join('.')
    const foreign = (await token('default', { audiences: ['vault'] })).status?.token ?? ''
    for (const bad of [forged, foreign]) await expect(cluster.with({ token: () => bad }).list(refs.ConfigMap, { namespace: 'default' })).rejects.toMatchObject({ code: 401, reason: 'Unauthorized' })
  })

  it('dies with its account, also where a new one has its name', async () => {
    await cluster.admin.create(refs.ServiceAccount, { metadata: { name: 'brief', namespace: 'default' } })
    const client = cluster.with({ token: ((t) => () => t)((await token('brief')).status?.token ?? '') })
    await expect(client.list(refs.Secret)).rejects.toMatchObject({ code: 403 })
    await cluster.admin.delete(refs.ServiceAccount, { namespace: 'default', name: 'brief' })
    await expect(client.list(refs.Secret)).rejects.toMatchObject({ code: 401 })
    await cluster.admin.create(refs.ServiceAccount, { metadata: { name: 'brief', namespace: 'default' } })
    await expect(client.list(refs.Secret)).rejects.toMatchObject({ code: 401 })
  })

  it('bound to a pod dies with the pod', async () => {
    const made = await cluster.admin.create(refs.Pod, pod('holder'))
    const bound = await token('default', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'holder', uid: made.metadata.uid } })
    const client = cluster.with({ token: () => bound.status?.token ?? '' })
    await client.list(refs.Pod, { namespace: 'default' })
    await cluster.admin.delete(refs.Pod, { namespace: 'default', name: 'holder' }, { gracePeriodSeconds: 0 })
    await expect(client.list(refs.Pod, { namespace: 'default' })).rejects.toMatchObject({ code: 401 })
  })

  it('is refused for what is not there or not the account\'s', async () => {
    await expect(token('none')).rejects.toMatchObject({ code: 404, message: 'serviceaccounts "none" not found' })
    await expect(token('default', { expirationSeconds: 10 })).rejects.toMatchObject({ code: 422, message: expect.stringContaining('may not specify a duration less than 10 minutes') })
    await expect(token('default', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'none' } })).rejects.toMatchObject({ code: 404, message: 'pods "none" not found' })
    await cluster.admin.create(refs.Pod, pod('other'))
    await expect(token('default', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'other', uid: 'wrong' } })).rejects.toMatchObject({ code: 409 })
    await cluster.admin.create(refs.ServiceAccount, { metadata: { name: 'second', namespace: 'default' } })
    await expect(token('second', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'other' } })).rejects.toMatchObject({ code: 400 })
  })
})

describe('without asking who it is, the server', () => {
  it('gives its CA', async () => {
    const answer = await call('/cacerts', { anonymous: true })
    expect([answer.code, answer.body]).toEqual([200, cluster.ca.certPem])
    expect(answer.headers['content-type']).toBe('application/x-pem-file')
    expect((await call('/cacerts', { anonymous: true, method: 'POST' })).code).toBe(403)
  })

  it('answers a method of nobody\'s HTTP with a Status', async () => {
    const { connect } = await import('node:tls')
    const text = await new Promise<string>((resolve, reject) => {
      let got = ''
      const socket = connect({ port: Number(new URL(cluster.url).port), host: '127.0.0.1', ca: cluster.ca.certPem }, () => socket.write('BREW /api HTTP/1.1\r\nHost: x\r\n\r\n'))
      socket.on('data', (d) => { got += d.toString() }).on('end', () => resolve(got)).on('error', reject)
    })
    expect(text).toMatch(/^HTTP\/1\.1 405 MethodNotAllowed\r\n[\s\S]*"reason":"MethodNotAllowed"[\s\S]*"code":405/)
  })
})

describe('logs and exec', () => {
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'), 'Sec-WebSocket-Protocol': 'v5.channel.k8s.io' }
  const log = (name: string, query = ''): Promise<Answer> => call(`/api/v1/namespaces/default/pods/${name}/log${query}`)
  const exec = (name: string, query: string): Promise<Answer> => call(`/api/v1/namespaces/default/pods/${name}/exec?stdout=1&${query}`, { headers: upgrade })
  beforeAll(async () => {
    await cluster.admin.create(refs.Pod, pod('two', { containers: [{ name: 'a', image: 'i' }, { name: 'b', image: 'i' }] }))
    await cluster.admin.create(refs.Pod, pod('waiting'))
    await cluster.admin.create(refs.Pod, pod('placed', { nodeName: 'pi-1' }))
  })
  it.each([
    ['a pod that is not there', 'none', '', 404, 'pods "none" not found'],
    ['a pod with several containers, none named', 'two', '', 400, 'a container name must be specified for pod two, choose one of: [a b]'],
    ['a container the pod does not have', 'two', 'container=c', 400, 'container c is not valid for pod two'],
    ['a pod without a node', 'waiting', '', 400, 'pod waiting does not have a host assigned'],
    ['a node that is not connected', 'placed', '', 503, 'node pi-1 is not connected'],
  ])('refuse %s', async (_what, name, query, code, message) => {
    for (const answer of [await log(name, `?${query}`), await exec(name, `command=sh&${query}`)]) {
      expect([answer.code, answer.status.message]).toEqual([code, message])
    }
  })

  it('refuse options that make no sense, and exec without a command, a stream or an upgrade', async () => {
    expect(await log('placed', '?tailLines=-1')).toMatchObject({ code: 422, status: { message: expect.stringContaining('tailLines: Invalid value: -1: must be greater than or equal to 0') } })
    expect(await exec('placed', '')).toMatchObject({ code: 400, status: { message: 'you must specify at least 1 command' } })
    expect(await call('/api/v1/namespaces/default/pods/placed/exec?command=sh', { headers: upgrade })).toMatchObject({ code: 400, status: { message: 'you must specify at least 1 of stdin, stdout, stderr' } })
    expect(await call('/api/v1/namespaces/default/pods/placed/exec?command=sh&stdout=1')).toMatchObject({ code: 400, status: { message: 'Upgrade request required' } })
  })
})
