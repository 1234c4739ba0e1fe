import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LimitRange, Pod, ResourceQuota } from '../../../shared/api/core-v1.ts'
import type { ResourceRef } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import type { PriorityClass } from '../../../shared/api/scheduling-v1.ts'
import type { StorageClass } from '../../../shared/api/storage-v1.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import { componentUser } from '../authn/user.ts'
import type { FakeCluster } from '../fake-cluster.ts'
import { startFakeCluster } from '../fake-cluster.ts'

const ref = <T extends object>(group: string, resource: string, kind: string, namespaced: boolean) => ({ group, version: 'v1', resource, kind, namespaced }) as ResourceRef<T>
const quotas = ref<ResourceQuota>('', 'resourcequotas', 'ResourceQuota', true)
const ranges = ref<LimitRange>('', 'limitranges', 'LimitRange', true)
const priorities = ref<PriorityClass>('scheduling.k8s.io', 'priorityclasses', 'PriorityClass', false)
const classes = ref<StorageClass>('storage.k8s.io', 'storageclasses', 'StorageClass', false)

let cluster: FakeCluster
let client: ApiClient
beforeAll(async () => {
  cluster = await startFakeCluster()
  client = cluster.api.client(componentUser('test'))
})
afterAll(() => cluster.close())

async function space(name: string, labels: Record<string, string> = {}): Promise<string> {
  await client.create(refs.Namespace, { metadata: { name, labels } })
  await client.create(refs.ServiceAccount, { metadata: { name: 'default', namespace: name } })
  return name
}
const pod = (namespace: string, name: string, spec: Partial<NonNullable<Pod['spec']>> = {}): Pod & { metadata: { namespace: string } } =>
  ({ metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } })
const withResources = (requests: Record<string, string>, limits: Record<string, string> = {}) => ({ containers: [{ name: 'c', image: 'i', resources: { requests, limits } }] })
const usedOf = async (namespace: string): Promise<Record<string, string> | undefined> => (await client.get(quotas, { namespace, name: 'q' })).status?.used

/** Waits for the state the follower brings about; each look gives it a turn. */
async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1000; i++) if (await check()) return
  throw new Error('not reached')
}

describe('a quota', () => {
  it('is never exceeded by creations at the same time, and gives back what is deleted', async () => {
    const ns = await space('many')
    await client.create(quotas, { metadata: { name: 'q', namespace: ns }, spec: { hard: { 'count/configmaps': '7', secrets: '3' } } })
    const results = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => client.create(refs.ConfigMap, { metadata: { name: `m${i}`, namespace: ns } })))
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(7)
    expect((results.find((r) => r.status === 'rejected') as PromiseRejectedResult).reason).toMatchObject({
      reason: 'Forbidden', message: expect.stringMatching(/^configmaps "m\d+" is forbidden: exceeded quota: q, requested: count\/configmaps=1, used: count\/configmaps=7, limited: count\/configmaps=7$/),
    })
    const [first] = (await client.list(refs.ConfigMap, { namespace: ns })).items
    await client.delete(refs.ConfigMap, { namespace: ns, name: first?.metadata.name ?? '' })
    await eventually(async () => (await usedOf(ns))?.['count/configmaps'] === '6')
    await client.create(refs.ConfigMap, { metadata: { name: 'again', namespace: ns } })
  })

  it('gives back what was refused after it was entered', async () => {
    const ns = await space('refused')
    await client.create(quotas, { metadata: { name: 'q', namespace: ns }, spec: { hard: { 'count/configmaps': '5' } } })
    await client.create(refs.ConfigMap, { metadata: { name: 'one', namespace: ns } })
    for (let i = 0; i < 10; i++) await expect(client.create(refs.ConfigMap, { metadata: { name: 'one', namespace: ns } })).rejects.toMatchObject({ reason: 'AlreadyExists' })
    expect((await usedOf(ns))?.['count/configmaps']).toBe('1')
  })

  it('counts what pods ask for, demands that they say it, and looks at their scopes', async () => {
    const ns = await space('pods')
    await client.create(quotas, { metadata: { name: 'q', namespace: ns }, spec: { hard: { pods: '5', 'requests.cpu': '1', 'limits.memory': '1Gi' } } })
    await client.create(quotas, { metadata: { name: 'best', namespace: ns }, spec: { hard: { pods: '0' }, scopes: ['BestEffort'] } })
    await expect(client.create(refs.Pod, pod(ns, 'silent'))).rejects.toMatchObject({ message: 'pods "silent" is forbidden: exceeded quota: best, requested: pods=1, used: pods=0, limited: pods=0' })
    await expect(client.create(refs.Pod, pod(ns, 'half', withResources({ cpu: '100m' })))).rejects.toMatchObject({ message: 'pods "half" is forbidden: failed quota: q: must specify limits.memory for: c' })
    await client.create(refs.Pod, pod(ns, 'a', withResources({ cpu: '600m' }, { memory: '512Mi' })))
    await expect(client.create(refs.Pod, pod(ns, 'b', withResources({ cpu: '600m' }, { memory: '256Mi' })))).rejects.toMatchObject({
      message: 'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1',
    })
    expect(await usedOf(ns)).toEqual({ 'limits.memory': '512Mi', pods: '1', 'requests.cpu': '600m' })
  })
})

describe('a limit range', () => {
  it('gives defaults and holds containers to its bounds', async () => {
    const ns = await space('ranged')
    await client.create(ranges, { metadata: { name: 'r', namespace: ns }, spec: { limits: [{ type: 'Container', default: { memory: '64Mi' }, defaultRequest: { memory: '32Mi' }, max: { memory: '128Mi' } }] } })
    const made = await client.create(refs.Pod, pod(ns, 'plain'))
    expect(made.spec?.containers[0]?.resources).toEqual({ limits: { memory: '64Mi' }, requests: { memory: '32Mi' } })
    expect(made.metadata.annotations?.['kubernetes.io/limit-ranger']).toBe('LimitRanger plugin set: memory request for container c; memory limit for container c')
    await expect(client.create(refs.Pod, pod(ns, 'large', withResources({ memory: '200Mi' }, { memory: '256Mi' })))).rejects.toMatchObject({
      reason: 'Forbidden', message: 'pods "large" is forbidden: maximum memory usage per Container is 128Mi, but limit is 256Mi',
    })
  })
})

describe('pod security', () => {
  it('refuses at the level of the namespace, in the words of upstream', async () => {
    const ns = await space('tight', { 'pod-security.kubernetes.io/enforce': 'restricted' })
    await expect(client.create(refs.Pod, pod(ns, 'p', { hostNetwork: true }))).rejects.toMatchObject({
      message: 'pods "p" is forbidden: violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true), allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
        + 'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
        + 'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    })
    const safe = { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }, containers: [{ name: 'c', image: 'i', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }] }
    await client.create(refs.Pod, pod(ns, 'safe', safe))
  })
  it('refuses labels that say nothing', async () => {
    await expect(client.create(refs.Namespace, { metadata: { name: 'odd', labels: { 'pod-security.kubernetes.io/enforce': 'strict' } } })).rejects.toMatchObject({
      code: 422, message: expect.stringContaining('metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted'),
    })
  })
})

describe('classes', () => {
  it('of priority give pods their value; one is the default', async () => {
    const ns = await space('prio')
    await client.create(priorities, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' } as PriorityClass & { metadata: { name: string } })
    await client.create(priorities, { metadata: { name: 'usual' }, value: 5, globalDefault: true } as PriorityClass & { metadata: { name: string } })
    expect((await client.create(refs.Pod, pod(ns, 'a', { priorityClassName: 'high' }))).spec).toMatchObject({ priority: 1000, preemptionPolicy: 'Never' })
    expect((await client.create(refs.Pod, pod(ns, 'b'))).spec).toMatchObject({ priority: 5, priorityClassName: 'usual' })
    await expect(client.create(refs.Pod, pod(ns, 'c', { priorityClassName: 'none' }))).rejects.toMatchObject({ message: 'pods "c" is forbidden: no PriorityClass with name none was found' })
    await expect(client.create(priorities, { metadata: { name: 'other' }, value: 6, globalDefault: true } as PriorityClass & { metadata: { name: string } })).rejects.toMatchObject({ message: expect.stringContaining('PriorityClass usual is already marked as default') })
  })
  it('of storage are filled in, and claims are protected', async () => {
    const ns = await space('claims')
    await client.create(classes, { metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } }, provisioner: 'x' } as StorageClass & { metadata: { name: string } })
    const claim = await client.create(refs.PersistentVolumeClaim, { metadata: { name: 'c', namespace: ns }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } })
    expect(claim.spec?.storageClassName).toBe('local')
    expect(claim.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection'])
  })
})

describe('a node', () => {
  it('starts tainted, and may not give itself labels that place pods, nor another node anything', async () => {
    const self = cluster.api.client({ name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] })
    await expect(self.create(refs.Node, { metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/master': '' } } })).rejects.toMatchObject({
      message: 'nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: node-role.kubernetes.io/master',
    })
    const made = await self.create(refs.Node, { metadata: { name: 'n1' } })
    expect(made.spec?.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }])
    await expect(self.create(refs.Node, { metadata: { name: 'n2' } })).rejects.toMatchObject({ message: 'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"' })
  })
})
