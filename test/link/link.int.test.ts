import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConfigMap, Pod } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import { refs } from '../../shared/api/refs.ts'
import { StatusError } from '../../shared/base/errors.ts'
import { Decoder } from '../../shared/mqtt/codec.ts'
import { decodeDown, type DownMessage } from '../../shared/mqtt/messages.ts'
import type { StatusOutbox } from '../../node-agent/link/status-outbox.ts'
import { until, World } from './harness.ts'

let world: World
beforeEach(async () => { world = await World.create() })
afterEach(async () => { await world.close() })

const api = () => world.api.client()
const container = { name: 'main', image: 'busybox' }
async function addPod(name: string, node: string, spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Stored<Pod>> {
  return await api().create(refs.Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'default', name }, spec: { containers: [container], nodeName: node, ...spec } })
}
const addConfig = (name: string, value: string) => api().create(refs.ConfigMap, { metadata: { namespace: 'default', name }, data: { value } })

/** What was sent down to a node since `from`, decoded. */
function sentTo(node: string, from = 0): DownMessage[] {
  const decoder = new Decoder()
  return world.sent.slice(from).filter((m) => m.topic === `bramble/v1/nodes/${node}/down`).flatMap((m) => { const v = decoder.accept(m.payload); return v === undefined ? [] : [decodeDown(v)] })
}
const statesTo = (node: string, from = 0) => sentTo(node, from).filter((m) => m.type === 'state')

describe('desired state', () => {
  test('a node gets its own pods and what they refer to, and nothing of other nodes', async () => {
    await addConfig('mine', 'a')
    await addConfig('theirs', 'b')
    await api().create(refs.Service, { metadata: { namespace: 'default', name: 'web' }, spec: {} })
    await addPod('here', 'n1', { volumes: [{ name: 'v', projected: { sources: [{ configMap: { name: 'mine' } }, { secret: { name: 'late' } }] } }] })
    await addPod('there', 'n2', { containers: [{ ...container, envFrom: [{ configMapRef: { name: 'theirs' } }] }] })
    const link = await world.link('n1')
    await until(() => link.desired.get('Pod', 'default', 'here') !== undefined && link.desired.get('Node', '', 'n1') !== undefined, 'pod and node')
    expect(link.desired.list('Pod').map((p) => p.metadata.name)).toEqual(['here'])
    expect(link.desired.list('ConfigMap').map((p) => p.metadata.name)).toEqual(['mine'])
    expect(link.desired.list('Service').map((p) => p.metadata.name)).toEqual(['web'])
    // A Secret made after the pod that refers to it comes by itself; one that nobody refers to does not.
    await api().create(refs.Secret, { metadata: { namespace: 'default', name: 'unrelated' } })
    await api().create(refs.Secret, { metadata: { namespace: 'default', name: 'late' } })
    await until(() => link.desired.list('Secret').length > 0, 'secret')
    expect(link.desired.list('Secret').map((p) => p.metadata.name)).toEqual(['late'])
    // With the pod goes what only it referred to.
    world.api.remove(refs.Pod, { namespace: 'default', name: 'here' })
    await until(() => link.desired.list('Pod').length === 0, 'pod gone')
    expect(link.desired.list('ConfigMap')).toEqual([])
    expect(link.desired.list('Secret')).toEqual([])
  })

  test('a reconnected node gets the changes it missed and no more; its own status does not come back', async () => {
    await addPod('a', 'n1')
    for (let i = 0; i < 50; i++) await api().create(refs.Service, { metadata: { namespace: 'default', name: `s${i}` }, spec: {} })
    let link = await world.link('n1')
    await until(() => link.desired.list('Pod').length === 1 && link.desired.list('Service').length === 50, 'first state')
    await world.drop(link)
    const from = world.sent.length
    await addPod('b', 'n1')
    link = await world.link('n1')
    expect(link.desired.known).toBe(true)
    expect(link.desired.list('Pod').map((p) => p.metadata.name)).toEqual(['a'])
    await until(() => link.desired.list('Pod').length === 2, 'missed pod')
    const states = statesTo('n1', from)
    expect(states.every((m) => m.type === 'state' && m.from !== null)).toBe(true)
    expect(states.flatMap((m) => (m.type === 'state' ? m.put.map(([kind]) => kind) : []))).toEqual(['Pod'])

    const pod = link.desired.get<Pod>('Pod', 'default', 'a') as Stored<Pod>
    const before = world.sent.length
    link.sink.podStatus({ namespace: 'default', name: 'a', uid: pod.metadata.uid }, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] })
    await until(() => world.api.all(refs.Pod).some((p) => p.status?.phase === 'Running'), 'status written')
    await addPod('c', 'n1')
    await until(() => link.desired.list('Pod').length === 3, 'third pod')
    expect(statesTo('n1', before).flatMap((m) => (m.type === 'state' ? m.put.map(([, o]) => o.metadata?.name) : []))).toEqual(['c'])
  })

  test('a restarted control plane asks for the inventory and sends the difference', async () => {
    await addPod('a', 'n1')
    await addPod('b', 'n1')
    const link = await world.link('n1')
    await until(() => link.desired.list('Pod').length === 2, 'first state')
    await until(() => world.api.all(refs.Node).length === 1 && link.desired.list('Node').length === 1, 'registered')
    await world.stop()
    world.api.remove(refs.Pod, { namespace: 'default', name: 'a' })
    await addPod('c', 'n1')
    const from = world.sent.length
    await world.start()
    await until(() => link.desired.list('Pod').map((p) => p.metadata.name).sort().join() === 'b,c', 'difference', 15_000)
    expect(sentTo('n1', from).filter((m) => m.type === 'inventory')).toHaveLength(1)
    const put = statesTo('n1', from).flatMap((m) => (m.type === 'state' ? m.put.map(([, o]) => o.metadata?.name) : []))
    expect(put).toEqual(['c'])
  })

  test('a position that is compacted leads to the difference, a fresh node to a snapshot', async () => {
    await addConfig('cm', '0')
    await addPod('a', 'n1', { containers: [{ ...container, envFrom: [{ configMapRef: { name: 'cm' } }] }] })
    let link = await world.link('n1')
    await until(() => link.desired.list('ConfigMap').length === 1, 'first state')
    expect(statesTo('n1').some((m) => m.type === 'state' && m.from === null)).toBe(true)
    await world.drop(link)
    for (let i = 1; i <= 1200; i++) world.api.edit(refs.ConfigMap, { namespace: 'default', name: 'cm' }, (c) => { c.data = { value: String(i) } })
    await until(() => world.informers.for(refs.ConfigMap).get('default', 'cm')?.data?.['value'] === '1200', 'informer')
    const from = world.sent.length
    link = await world.link('n1')
    await until(() => link.desired.get<ConfigMap>('ConfigMap', 'default', 'cm')?.data?.['value'] === '1200', 'newest')
    expect(sentTo('n1', from).some((m) => m.type === 'inventory')).toBe(true)
    expect(statesTo('n1', from).flatMap((m) => (m.type === 'state' ? m.put.map(([, o]) => o.metadata?.name) : []))).toEqual(['cm'])
  })

  test('lost and repeated messages, and messages of several parts and frames', async () => {
    const link = await world.link('n1')
    await until(() => link.desired.list('Node').length === 1, 'first state')
    const seen: string[] = []
    using _ = link.desired.onChange((changes) => { for (const c of changes) seen.push(c.name) })
    // The whole answer is lost: the change after it reveals nothing, for nothing is sent before an acknowledgement; the next greeting mends it.
    let lost = 0
    world.lose = (topic, payload) => topic.endsWith('/down') && payload.includes('"type":"state"') && lost++ === 0
    await addPod('a', 'n1')
    await until(() => lost === 1, 'a message lost')
    world.lose = () => false
    await addPod('b', 'n1')
    link.connection.input({ on: 'resync' })
    await until(() => link.desired.list('Pod').length === 2, 'both pods')
    // Incompressible and larger than a packet: cut into frames. Its second frame is lost once.
    const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('base64')
    let frames = 0
    world.lose = (_topic, payload) => payload[0] === 2 && frames++ === 1
    await api().create(refs.ConfigMap, { metadata: { namespace: 'default', name: 'big' }, data: { a: Array.from({ length: 8 }, () => Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('base64')).join(''), noise } })
    await addPod('c', 'n1', { volumes: [{ name: 'v', configMap: { name: 'big' } }] })
    await until(() => frames >= 2, 'frames')
    // The gateway would ask for a new greeting when its time for the acknowledgement is over; not waited for here.
    link.connection.input({ on: 'resync' })
    await until(() => link.desired.list('ConfigMap').length === 1, 'large object', 20_000)
    expect(link.desired.get<ConfigMap>('ConfigMap', 'default', 'big')?.data?.['noise']).toBe(noise)
    // The same transfer twice changes nothing and is acknowledged twice.
    const twice = world.sent.filter((m) => m.topic.endsWith('n1/down')).slice(-1)[0]
    seen.length = 0
    await world.broker.publish(twice as { topic: string; payload: Buffer })
    await addPod('d', 'n1')
    await until(() => link.desired.list('Pod').length === 4, 'one more')
    expect(seen).toEqual(['d'])
  })

  test('a hundred nodes greet at once', async () => {
    for (let i = 0; i < 60; i++) await api().create(refs.Service, { metadata: { namespace: 'default', name: `s${i}` }, spec: { selector: { app: `app-${i}` }, ports: [{ port: 80 }] } })
    const links = await Promise.all(Array.from({ length: 100 }, (_, i) => world.link(`n${i}`)))
    await until(() => links.every((l) => l.desired.list('Service').length === 60 && l.desired.list('Node').length === 1), 'all have all', 40_000)
    expect(links.every((l, i) => l.desired.list('Node')[0]?.metadata.name === `n${i}`)).toBe(true)
    await api().create(refs.Service, { metadata: { namespace: 'default', name: 'new' }, spec: {} })
    await until(() => links.every((l) => l.desired.list('Service').length === 61), 'change everywhere')
  }, 90_000)
})

describe('reports', () => {
  test('a node registers, reports, falls silent and comes back', async () => {
    const link = await world.link('n1')
    link.sink.nodeStatus({ capacity: { cpu: '4' }, conditions: [{ type: 'MemoryPressure', status: 'False' }] }, { 'topology.kubernetes.io/zone': 'shed', 'node-restriction.kubernetes.io/x': 'no' })
    await until(() => world.api.all(refs.Node)[0]?.status?.capacity?.['cpu'] === '4', 'node status')
    const node = world.api.all(refs.Node)[0]
    expect(node?.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': 'n1', 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': 'shed' })
    expect(node?.metadata.labels).not.toHaveProperty('node-restriction.kubernetes.io/x')
    expect(node?.status?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({ status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' })
    await until(() => world.gateway.online('n1'), 'online')
    await world.drop(link)
    await until(() => !world.gateway.online('n1'), 'offline')
  })

  test('status reaches the API with what others wrote kept; a pod of another uid or node is refused; gone removes it', async () => {
    const pod = await addPod('a', 'n1')
    const foreign = await addPod('x', 'n2')
    world.api.edit(refs.Pod, { namespace: 'default', name: 'a' }, (p) => { p.status = { conditions: [{ type: 'PodScheduled', status: 'True' }] } })
    const link = await world.link('n1')
    await until(() => link.desired.list('Pod').length === 1, 'pod')
    const ref = { namespace: 'default', name: 'a', uid: pod.metadata.uid }
    link.sink.podStatus({ ...ref, uid: 'other' }, { phase: 'Failed' })
    link.sink.podStatus({ namespace: 'default', name: 'x', uid: foreign.metadata.uid }, { phase: 'Failed' })
    link.sink.podStatus(ref, { phase: 'Pending' })
    link.sink.podStatus(ref, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] })
    await until(() => world.api.all(refs.Pod).some((p) => p.status?.phase === 'Running'), 'running')
    await until(() => (link.sink as StatusOutbox).unconfirmed === 0, 'all receipts')
    const stored = (name: string) => world.api.all(refs.Pod).find((p) => p.metadata.name === name)
    expect(stored('a')?.status?.conditions?.map((c) => c.type)).toEqual(['PodScheduled', 'Ready'])
    expect(stored('x')?.status?.phase).toBe('Pending')

    world.api.edit(refs.Pod, { namespace: 'default', name: 'a' }, (p) => { p.metadata = { ...p.metadata, deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: 30 } })
    link.sink.podGone(ref)
    await until(() => stored('a') === undefined, 'removed')
  })

  test('what was said while there was no connection, or to a control plane that failed, arrives; the newest wins', async () => {
    const pod = await addPod('a', 'n1')
    const link = await world.link('n1')
    await until(() => link.desired.list('Pod').length === 1, 'pod')
    const ref = { namespace: 'default', name: 'a', uid: pod.metadata.uid }
    await world.stop()
    await until(() => link.connection.state !== 'live', 'connection noticed lost')
    for (let i = 0; i < 100; i++) link.sink.podStatus(ref, { phase: 'Running', message: `v${i}` })
    world.api.injectConflicts(refs.Pod, 2)
    await world.start()
    await until(() => world.api.all(refs.Pod)[0]?.status?.message === 'v99', 'newest', 15_000)
    expect(world.api.requests.filter((r) => r.subresource === 'status' && r.ref.kind === 'Pod' && (r.body as Pod).status?.message !== 'v99')).toHaveLength(0)
  })

  test('events are made once and counted after', async () => {
    const pod = await addPod('a', 'n1')
    const link = await world.link('n1')
    await until(() => link.connection.state === 'live', 'live')
    const event = { regarding: { kind: 'Pod', namespace: 'default', name: 'a', uid: pod.metadata.uid }, type: 'Warning', reason: 'BackOff', message: 'Back-off', at: Date.now() } as const
    link.sink.event(event)
    await until(() => world.api.all(refs.Event).length === 1, 'event')
    link.sink.event(event)
    link.sink.event(event)
    await until(() => world.api.all(refs.Event)[0]?.count === 3, 'counted')
    expect(world.api.all(refs.Event)).toHaveLength(1)
    expect(world.api.all(refs.Event)[0]).toMatchObject({ source: { component: 'kubelet', host: 'n1' }, involvedObject: { name: 'a' }, reason: 'BackOff' })
  })
})

describe('calls', () => {
  test('results, errors with their reasons, unknown methods, nodes that are not there or go away', async () => {
    const link = await world.link('n1')
    link.rpc.register('echo', async (params, { dial }) => ({ params, dial }))
    link.rpc.register('fail', async () => { throw new StatusError('NotFound', 'container not found') })
    link.rpc.register('never', (_params, { signal }) => new Promise((_resolve, reject) => { signal.addEventListener('abort', () => reject(new Error('aborted'))) }))
    await until(() => world.gateway.online('n1'), 'online')
    const { rpc } = world.gateway
    expect(await rpc.call('n1', 'echo', { a: 1 }, { dial: '/streams/1' })).toEqual({ params: { a: 1 }, dial: '/streams/1' })
    await expect(rpc.call('n1', 'fail', null)).rejects.toMatchObject({ reason: 'NotFound', message: 'container not found' })
    await expect(rpc.call('n1', 'nothing', null)).rejects.toMatchObject({ reason: 'NotFound' })
    await expect(rpc.call('n9', 'echo', null)).rejects.toMatchObject({ reason: 'ServiceUnavailable' })
    await expect(rpc.call('n1', 'never', null, { timeout: 50 })).rejects.toMatchObject({ reason: 'Timeout' })
    const waiting = rpc.call('n1', 'never', null)
    const refused = expect(waiting).rejects.toMatchObject({ reason: 'ServiceUnavailable' })
    await world.drop(link)
    await refused
  })
})
