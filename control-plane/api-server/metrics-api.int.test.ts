/** What an autoscaler needs of the API from inside the process: scales of any kind, and the metrics APIs with its own rights. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Scale } from '../../shared/api/autoscaling-v1.ts'
import type { KubeObject, ResourceRef } from '../../shared/api/object.ts'
import { refs } from '../../shared/api/refs.ts'
import type { NodeUsage } from '../../shared/streams/usage.ts'
import { eventually } from '../../test/testbed/cluster.ts'
import { startFakeCluster, type FakeCluster } from './fake-cluster.ts'

const autoscaler = { name: 'system:serviceaccount:kube-system:horizontal-pod-autoscaler', groups: ['system:serviceaccounts', 'system:authenticated'] }
const crds: ResourceRef = { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition', namespaced: false }
const widgets: ResourceRef = { group: 'example.com', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true }
const key = { namespace: 'default', name: 'w' }
const scaleOf = (ref: ResourceRef): ResourceRef<Scale & KubeObject> => ref as ResourceRef<Scale & KubeObject>

let cluster: FakeCluster
const asked: string[] = []
const usage = async (node: string): Promise<NodeUsage> => {
  asked.push(node)
  const { uid } = (await cluster.admin.get(refs.Pod, { namespace: 'default', name: 'p' })).metadata
  return { node, time: '2026-01-01T00:00:00Z', windowSeconds: 10, startTime: '2026-01-01T00:00:00Z', cpuNanos: 0, usageNanoCores: 1, workingSetBytes: 1, memoryBytes: 1, containers: [{ namespace: 'default', pod: 'p', uid, container: 'c', startTime: '', cpuNanos: 0, usageNanoCores: 250_000_000, workingSetBytes: 1 << 20, memoryBytes: 1 << 20 }] }
}

beforeAll(async () => {
  const refuse = (): Promise<never> => Promise.reject(new Error('not here'))
  cluster = await startFakeCluster({ deps: { streams: { handle: refuse, logs: refuse, proxy: refuse, usage } } })
  await cluster.admin.create(crds, {
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }, subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' } } }],
    },
  } as never)
  await eventually('widgets are served', async () => { await cluster.admin.create(widgets, { metadata: { ...key }, spec: { replicas: 2 } } as never); return true })
  await cluster.admin.create(refs.ServiceAccount, { metadata: { name: 'default', namespace: 'default' } })
  await cluster.admin.create(refs.Pod, { metadata: { name: 'p', namespace: 'default', labels: { app: 'x' } }, spec: { nodeName: 'pi-1', containers: [{ name: 'c', image: 'i' }] } })
  await cluster.admin.update(refs.Pod, { ...await cluster.admin.get(refs.Pod, { namespace: 'default', name: 'p' }), status: { phase: 'Running' } }, { subresource: 'status' })
})
afterAll(() => cluster.close())

it('the scale of a custom resource is read and written with the autoscaler\'s rights', async () => {
  const client = cluster.api.client(autoscaler)
  const scale = await client.get(scaleOf(widgets), key, { subresource: 'scale' })
  expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 2 } })
  await client.update(scaleOf(widgets), { ...scale, spec: { replicas: 5 } }, { subresource: 'scale' })
  expect((await cluster.admin.get(scaleOf(widgets), key, { subresource: 'scale' })).spec?.replicas).toBe(5)
  await expect(client.get(refs.Pod, { namespace: 'default', name: 'p' })).rejects.toThrow(/forbidden/)
  await expect(client.get(scaleOf(refs.Deployment), key, { subresource: 'scale' })).rejects.toThrow('deployments/scale.apps "w" not found')
  await expect(client.get(scaleOf(widgets), { ...key, name: 'none' }, { subresource: 'scale' })).rejects.toThrow('widgets.example.com "none" not found')
  await expect(client.get(scaleOf(refs.DaemonSet), key, { subresource: 'scale' })).rejects.toThrow('the server could not find the requested resource')
})

it('readings come from the nodes of the pods that are asked for, and from nobody else', async () => {
  const metrics = cluster.api.metrics(autoscaler)
  expect(await metrics.get('/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dother')).toMatchObject({ items: [] })
  expect(asked).toEqual([])
  expect(await metrics.get('/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dx')).toMatchObject({ items: [{ metadata: { name: 'p' }, containers: [{ name: 'c', usage: { cpu: '250000000n' } }] }] })
  expect(asked).toEqual(['pi-1'])
  await expect(metrics.get('/apis/metrics.k8s.io/v1beta1/nodes')).rejects.toThrow(/forbidden/)
  await expect(metrics.get('/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue')).rejects.toThrow('the server could not find the requested resource')
  expect(metrics.versions('custom.metrics.k8s.io')).toEqual([])
})

it('a status with a metric that could not be read is taken, and shown by both versions', async () => {
  const spec = { scaleTargetRef: { kind: 'Widget', name: 'w', apiVersion: 'example.com/v1' }, maxReplicas: 3, metrics: [{ type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '3' } } }] }
  const made = await cluster.admin.create(refs.HorizontalPodAutoscaler, { metadata: { name: 'h', namespace: 'default' }, spec })
  const status = { currentReplicas: 2, desiredReplicas: 0, currentMetrics: [{ type: '' }], conditions: [{ type: 'ScalingActive', status: 'False', reason: 'FailedGetExternalMetric', message: 'x', lastTransitionTime: '2026-01-01T00:00:00Z' }] }
  expect((await cluster.api.client(autoscaler).update(refs.HorizontalPodAutoscaler, { ...made, status }, { subresource: 'status' })).status).toEqual(status)
  const old = { ...refs.HorizontalPodAutoscaler, version: 'v1' } as ResourceRef
  expect((await cluster.admin.get(old, { namespace: 'default', name: 'h' })).metadata.annotations?.['autoscaling.alpha.kubernetes.io/conditions']).toContain('FailedGetExternalMetric')
})
