/** Every kind through the life of an object, as the generic object client of `@kubernetes/client-node` leads it: each verb, each type of patch. */
import { CoreV1Api, KubernetesObjectApi, PatchStrategy } from '@kubernetes/client-node'
import type { KubernetesObject } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { customResourceDefinitionRef } from '../../control-plane/api-server/custom-resources/follower.ts'
import { startFakeCluster } from '../../control-plane/api-server/fake-cluster.ts'
import type { FakeCluster } from '../../control-plane/api-server/fake-cluster.ts'
import { served, widgetDefinition } from '../fuzz/manifests.ts'
import { clientOf, refusal } from './client.ts'

const namespace = 'fuzz'
/** Not objects, or signed by who sends them, or of a server that is not there. */
const kinds = served.filter(({ resource }) => !/reviews$|^certificatesigningrequests$|^apiservices$|^customresourcedefinitions$/.test(resource))

let cluster: FakeCluster
let objects: KubernetesObjectApi
beforeAll(async () => {
  cluster = await startFakeCluster()
  const config = await clientOf(cluster)
  objects = KubernetesObjectApi.makeApiClient(config)
  await config.makeApiClient(CoreV1Api).createNamespace({ body: { metadata: { name: namespace } } })
  await config.makeApiClient(CoreV1Api).createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'default' } } })
  // Past the client, which writes `x-kubernetes-` fields under names of its own.
  await cluster.admin.create(customResourceDefinitionRef, widgetDefinition as never)
  await vi.waitFor(() => { expect(cluster.api.registry.find('fuzz.example.com', 'v1', 'widgets')).toBeDefined() }, { timeout: 15_000 })
})
afterAll(() => cluster.close())

describe.each(kinds)('$base/$resource', ({ object, namespaced, base, resource }) => {
  const head = { apiVersion: object.apiVersion as string, kind: object.kind as string }
  const metadata = { name: `life-${resource}`, ...(namespaced ? { namespace } : {}) }
  const whole = { ...object, ...head, metadata } as KubernetesObject & { metadata: { name: string } }
  const bare = { ...head, metadata }
  const patch = (body: object, strategy: PatchStrategy, manager = 'contract'): Promise<KubernetesObject> => objects.patch(body as KubernetesObject, undefined, undefined, manager, strategy === PatchStrategy.ServerSideApply ? true : undefined, strategy)

  it('is made, read, listed, patched in each way, replaced and deleted', async () => {
    const made = await objects.create(whole)
    expect(made.metadata).toMatchObject({ ...metadata, uid: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown, resourceVersion: expect.stringMatching(/^\d+$/) as unknown })
    expect(await objects.read(bare)).toMatchObject({ ...head, metadata: { name: metadata.name, uid: made.metadata?.uid } })
    const list = await objects.list(head.apiVersion, head.kind, namespaced ? namespace : undefined)
    expect(list.items.filter((o) => o.metadata?.name === metadata.name)).toHaveLength(1)
    expect(await refusal(objects.create(whole))).toMatchObject({ code: 409, reason: 'AlreadyExists' })

    const annotated = (value: string): object => ({ ...bare, metadata: { ...metadata, annotations: { [value]: value } } })
    await patch(annotated('merged'), PatchStrategy.MergePatch)
    if (base.includes('fuzz.example.com')) expect((await refusal(patch(annotated('strategic'), PatchStrategy.StrategicMergePatch))).code).toBe(415)
    else await patch(annotated('strategic'), PatchStrategy.StrategicMergePatch)
    const applied = await patch(annotated('applied'), PatchStrategy.ServerSideApply)
    expect(applied.metadata?.annotations).toMatchObject({ merged: 'merged', applied: 'applied' })
    expect(applied.metadata?.managedFields?.map((m) => m.operation)).toContain('Apply')
    // What an applier no longer says and nobody else owns goes.
    expect((await patch(bare, PatchStrategy.ServerSideApply)).metadata?.annotations).not.toHaveProperty('applied')

    const latest = await objects.read(bare)
    const replaced = await objects.replace({ ...latest, metadata: { ...latest.metadata, labels: { replaced: 'yes' } } } as KubernetesObject)
    expect(replaced.metadata?.labels).toMatchObject({ replaced: 'yes' })
    expect(await refusal(objects.replace({ ...latest, metadata: { ...latest.metadata, labels: { late: 'yes' } } } as KubernetesObject))).toMatchObject({ code: 409, reason: 'Conflict' })

    await objects.delete(bare, undefined, undefined, 0, undefined, 'Background')
    // A namespace ends when its contents are gone, and a claim when nothing uses it: others see to that.
    if (resource !== 'namespaces' && !resource.startsWith('persistentvolume')) expect(await refusal(objects.read(bare))).toMatchObject({ code: 404, reason: 'NotFound' })
    else expect((await objects.read(bare)).metadata?.deletionTimestamp).toBeDefined()
  })
})
