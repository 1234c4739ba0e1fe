/** Connections that switch protocols are in the audit log: when they are asked for, begin and end, and where they are refused. */
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { StatusError } from '../../../shared/base/errors.ts'
import { startFakeCluster, type FakeCluster } from '../fake-cluster.ts'

let cluster: FakeCluster
let lines: Record<string, unknown>[] = []
const notHere = (): Promise<never> => Promise.reject(new StatusError('NotFound', 'not here'))

beforeAll(async () => {
  cluster = await startFakeCluster({ deps: {
    audit: { policy: { rules: [{ level: 'Metadata', resources: [{ group: '', resources: ['pods/exec', 'pods/attach'] }] }] }, sink: { write: (line) => { lines.push(JSON.parse(line) as Record<string, unknown>); return true }, close: async () => undefined } },
    streams: {
      logs: notHere, proxy: notHere,
      async handle({ subresource }, _req, socket) {
        if (subresource === 'attach') throw new StatusError('NotFound', 'no such container')
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
        socket.pipe(socket)
      },
    },
  } })
})
afterAll(() => cluster.close())
beforeEach(() => { lines = [] })

async function open(user: string, groups: readonly string[], subresource: string): Promise<[string, { statusCode: number }, Duplex]> {
  const { certPem, keyPem } = await cluster.credentials(user, groups)
  const agent = new Agent({ ca: cluster.ca.certPem, cert: certPem, key: keyPem })
  const req = request(`${cluster.url}/api/v1/namespaces/default/pods/p/${subresource}?command=ls`, { agent, headers: { Connection: 'Upgrade', Upgrade: 'echo' } }).end()
  return Promise.race(['upgrade', 'response'].map(async (event) => [event, ...await once(req, event) as unknown[]])) as Promise<[string, { statusCode: number }, Duplex]>
}

it('a stream: asked for, begun, over', async () => {
  const [event, , socket] = await open('admin', ['system:masters'], 'exec')
  expect(event).toBe('upgrade')
  const common = { verb: 'get', user: { username: 'admin' }, objectRef: { resource: 'pods', subresource: 'exec', name: 'p', namespace: 'default' }, auditID: lines[0]?.auditID }
  await vi.waitFor(() => expect(lines).toMatchObject([{ ...common, stage: 'RequestReceived' }, { ...common, stage: 'ResponseStarted', responseStatus: { code: 101 } }]), { timeout: 15_000 })
  socket.end()
  await vi.waitFor(() => expect(lines.slice(2)).toMatchObject([{ ...common, stage: 'ResponseComplete', responseStatus: { code: 101 }, annotations: { 'authorization.k8s.io/decision': 'allow' } }]), { timeout: 15_000 })
})

it.each([
  ['that fails', 'admin', ['system:masters'], 'attach', 404, { message: 'no such container', reason: 'NotFound' }], ['that is forbidden', 'jane', [], 'exec', 403, { reason: 'Forbidden' }],
] as const)('one %s, with what was said', async (_what, user, groups, subresource, code, said) => {
  const [event, { statusCode }] = await open(user, groups, subresource)
  expect([event, statusCode]).toEqual(['response', code])
  await vi.waitFor(() => expect(lines).toMatchObject([{ stage: 'RequestReceived' }, { stage: 'ResponseComplete', user: { username: user }, responseStatus: { code, status: 'Failure', ...said } }]), { timeout: 15_000 })
})
