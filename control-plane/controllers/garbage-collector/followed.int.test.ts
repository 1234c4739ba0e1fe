import { afterEach, expect, it } from 'vitest'
import type { KubeObject, ResourceRef } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { startFakeCluster } from '../../api-server/fake-cluster.ts'
import type { FakeCluster } from '../../api-server/fake-cluster.ts'
import { componentUser } from '../../api-server/authn/user.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import { createSharedInformers } from '../../../shared/reconcile/shared-informers.ts'
import { startControllers } from '../host.ts'
import type { Controllers } from '../host.ts'

let cluster: FakeCluster | undefined
let controllers: Controllers | undefined
let closeInformers: (() => Promise<void>) | undefined
afterEach(async () => {
  await controllers?.close()
  await closeInformers?.()
  await cluster?.close()
})

it('custom resources are collected with their owners, own what is built in, and go with their namespace', async () => {
  const { api, admin } = cluster = await startFakeCluster()
  const host = { clock: systemClock, random: systemRandom, log: silentLog }
  const informers = createSharedInformers({ client: api.client(componentUser('informers')), host })
  closeInformers = () => informers.close()
  controllers = startControllers({
    client: api.client(componentUser('kube-controller-manager')), host, informers,
    config: {
      clusterCidr: '10.42.0.0/16', ca: 'none', resources: () => api.registry.resources, sign: () => Promise.reject(new Error('not in this test')),
      customResources: { list: () => api.registry.resources.filter((d) => d.codec), onChange: (listener: () => void) => api.registry.onChange(listener) },
    } as never,
  })
  const kites: ResourceRef = { group: 'toys.example.com', version: 'v1', resource: 'kites', kind: 'Kite', namespaced: true }
  await admin.create({ group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition', namespaced: false }, {
    metadata: { name: 'kites.toys.example.com' },
    spec: { group: 'toys.example.com', scope: 'Namespaced', names: { plural: 'kites', kind: 'Kite' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] },
  } as never)
  await expect.poll(() => api.registry.find('toys.example.com', 'v1', 'kites')).toBeDefined()
  const gone = (ref: ResourceRef, name: string, namespace = 'default') => expect.poll(() => admin.get(ref, { namespace, name }).then(() => true, (e: { reason?: string }) => e.reason), { timeout: 10_000 }).toBe('NotFound')
  const owned = (name: string, owner: KubeObject, apiVersion: string, kind: string, namespace = 'default') => ({ metadata: { name, namespace, ownerReferences: [{ apiVersion, kind, name: owner.metadata?.name, uid: owner.metadata?.uid }] } }) as never

  const big = await admin.create(kites, { metadata: { name: 'big', namespace: 'default' } } as never)
  await admin.create(refs.ConfigMap, owned('string', big, 'toys.example.com/v1', 'Kite'))
  const map = await admin.create(refs.ConfigMap, { metadata: { name: 'map', namespace: 'default' } } as never)
  await admin.create(kites, owned('small', map, 'v1', 'ConfigMap'))
  await admin.delete(kites, { namespace: 'default', name: 'big' })
  await gone(refs.ConfigMap, 'string')
  await admin.delete(refs.ConfigMap, { namespace: 'default', name: 'map' })
  await gone(kites, 'small')

  await admin.create(refs.Namespace, { metadata: { name: 'attic' } } as never)
  await admin.create(kites, { metadata: { name: 'old', namespace: 'attic' } } as never)
  await admin.delete(refs.Namespace, { name: 'attic' })
  await gone(refs.Namespace, 'attic', '')
  expect((await admin.list(kites, {})).items).toEqual([])
}, 30_000)
