import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refs } from '../shared/api/refs.ts'
import { silentLog } from '../shared/host/log.ts'
import { startFakeCluster, type FakeCluster } from './api-server/fake-cluster.ts'
import { endpointAddress, publishKubernetesEndpoints } from './kubernetes-endpoints.ts'

describe('the address of the API server for pods', () => {
  const v4 = (address: string, internal = false) => ({ address, family: 'IPv4', internal })
  it.each([
    ['the advertised one', '192.0.2.7', { eth0: [v4('192.0.2.1')] }, '192.0.2.7'],
    ['the first of the machine where that is loopback', '127.0.0.1', { lo: [v4('127.0.0.1', true)], bramble0: [v4('10.244.0.1')], eth0: [{ address: 'fe80::1', family: 'IPv6', internal: false }, v4('192.0.2.1')] }, '192.0.2.1'],
    ['the first of the machine where that is a name', 'pi.local', { wlan0: [v4('169.254.3.4'), v4('192.0.2.2')] }, '192.0.2.2'],
    ['none without a network', '127.0.0.1', { lo: [v4('127.0.0.1', true)] }, undefined],
  ])('is %s', (_what, advertise, interfaces, expected) => expect(endpointAddress(advertise, interfaces)).toBe(expected))
})

describe('Service default/kubernetes', () => {
  let cluster: FakeCluster
  beforeAll(async () => { cluster = await startFakeCluster() })
  afterAll(() => cluster.close())
  const key = { namespace: 'default', name: 'kubernetes' }
  const publish = (address: string | undefined, port: number) => publishKubernetesEndpoints({ client: cluster.admin, log: silentLog, address, port })
  const state = async () => {
    const [endpoints, slice, service] = [await cluster.admin.get(refs.Endpoints, key), await cluster.admin.get(refs.EndpointSlice, key), await cluster.admin.get(refs.Service, key)]
    return { endpoints, slice, service, revisions: [endpoints, slice, service].map((o) => o.metadata.resourceVersion) }
  }

  it('has this server behind it, follows its address, and is left alone where nothing changed', async () => {
    await publish('192.0.2.1', 6443)
    const first = await state()
    expect(first.endpoints).toMatchObject({ metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }, subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] }] })
    expect(first.slice).toMatchObject({ metadata: { labels: { 'kubernetes.io/service-name': 'kubernetes' } }, addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] })
    await publish('192.0.2.1', 6443)
    await publish(undefined, 1)
    expect((await state()).revisions).toEqual(first.revisions)
    await publish('192.0.2.2', 7443)
    const moved = await state()
    expect(moved.endpoints.subsets).toMatchObject([{ addresses: [{ ip: '192.0.2.2' }], ports: [{ port: 7443 }] }])
    expect(moved.slice).toMatchObject({ endpoints: [{ addresses: ['192.0.2.2'] }], ports: [{ port: 7443 }] })
    expect(moved.service.spec).toMatchObject({ clusterIP: '10.96.0.1', ports: [{ port: 443, targetPort: 7443 }] })
  })
})
