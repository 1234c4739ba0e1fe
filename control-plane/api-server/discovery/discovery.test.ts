import { describe, expect, it } from 'vitest'
import { registry } from '../resources/registry.ts'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList } from './groups.ts'
import type { Served } from './groups.ts'
import { loadDocs } from './openapi-docs.ts'
import { Documents } from './documents.ts'
import { openApiV2Document } from './openapi-v2.ts'
import { openApiV3Document, openApiV3Index } from './openapi-v3.ts'

const pod = { group: '', version: 'v1', kind: 'Pod' }
const served: Served = {
  registry, subresources: [{ group: '', version: 'v1', resource: 'pods', name: 'log', kind: pod, verbs: ['get'] }],
  virtual: [{ group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectaccessreviews', singular: 'selfsubjectaccessreview', kind: 'SelfSubjectAccessReview', namespaced: false, verbs: ['create'] }],
}

describe('groups', () => {
  it('lists groups and resources', () => {
    expect(apiGroupList(served).groups.map((g) => g.name)).toEqual(expect.arrayContaining(['apps', 'events.k8s.io', 'autoscaling', 'batch', 'networking.k8s.io', 'policy', 'storage.k8s.io', 'authorization.k8s.io']))
    expect(apiGroup(served, 'autoscaling')).toMatchObject({ preferredVersion: { version: 'v2' }, versions: [{ version: 'v2' }, { version: 'v1' }] })
    expect(apiGroup(served, 'apps')).toMatchObject({ kind: 'APIGroup', preferredVersion: { groupVersion: 'apps/v1', version: 'v1' } })
    expect([apiGroup(served, ''), apiGroup(served, 'nope'), apiResourceList(served, 'apps', 'v9')]).toEqual([undefined, undefined, undefined])
    const core = apiResourceList(served, '', 'v1')
    expect(core?.resources.filter((r) => r.name.startsWith('pods'))).toEqual([
      { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'], shortNames: ['po'], categories: ['all'], storageVersionHash: 'xPOwRZ+Yhw8=' },
      { name: 'pods/log', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get'] }, { name: 'pods/status', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get', 'patch', 'update'] },
    ])
    expect(apiResourceList(served, 'apps', 'v1')?.resources.find((r) => r.name === 'deployments/scale')).toEqual({ name: 'deployments/scale', singularName: '', namespaced: true, group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] })
    expect(apiResourceList(served, 'authorization.k8s.io', 'v1')?.resources.map((r) => r.name)).toEqual(['selfsubjectaccessreviews'])
  })
  it('aggregates', () => {
    expect(aggregatedDiscovery(served, 'api', 'v2')).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', items: [{ metadata: { name: '' }, versions: [{ version: 'v1', freshness: 'Current' }] }] })
    const apps = (aggregatedDiscovery(served, 'apis', 'v2beta1') as { items: { metadata: { name: string }; versions: { resources: { resource: string }[] }[] }[] }).items.find((i) => i.metadata.name === 'apps')
    expect(apps?.versions[0]?.resources.find((r) => r.resource === 'deployments')).toMatchObject({
      resource: 'deployments', responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' }, scope: 'Namespaced', singularResource: 'deployment', shortNames: ['deploy'],
      subresources: [{ subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' } }, { subresource: 'status' }],
    })
  })
})

type Any = Record<string, never>
/** Every `$ref` of a document; a field of that name (in JSONSchemaProps) is none. */
const refsIn = (value: unknown): string[] => (Array.isArray(value) ? value.flatMap(refsIn) : typeof value === 'object' && value !== null
  ? Object.entries(value).flatMap(([k, v]) => (k === '$ref' && typeof v === 'string' ? [v] : refsIn(v))) : [])

describe('OpenAPI', () => {
  it('explains every served kind', async () => {
    const docsOf = await loadDocs()
    expect(registry.all.filter((d) => d.schema && !docsOf(d.schema)['']).map((d) => d.schema)).toEqual([])
  })
  it('v3: kubectl finds kinds, query parameters and merge keys', async () => {
    expect(openApiV3Index(new Documents(registry, 'x').hashes()).paths['apis/apps/v1']?.serverRelativeURL).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{64}$/)
    expect(await openApiV3Document(registry, 'nope', 'v1')).toBeUndefined()
    const doc = JSON.parse(String(await openApiV3Document(registry, '', 'v1'))) as { paths: Record<string, Record<string, Any>>; components: { schemas: Record<string, Any> } }
    const patch = doc.paths['/api/v1/namespaces/{namespace}/pods/{name}']?.patch as unknown as { parameters: { name: string }[]; 'x-kubernetes-group-version-kind': object }
    expect(patch['x-kubernetes-group-version-kind']).toEqual(pod)
    expect(patch.parameters.map((p) => p.name)).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force'])
    expect(doc.components.schemas['io.k8s.api.core.v1.Pod']).toMatchObject({ 'x-kubernetes-group-version-kind': [pod] })
    expect(doc.components.schemas['io.k8s.api.core.v1.PodSpec']).toMatchObject({ required: ['containers'], properties: { containers: { type: 'array', 'x-kubernetes-patch-merge-key': 'name', 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] } } })
    const dangling = refsIn(doc).filter((r) => !doc.components.schemas[r.slice('#/components/schemas/'.length)])
    expect(dangling).toEqual([])
  })
  it('v2: JSON without dangling references, and a protobuf that starts as gnostic’s does', async () => {
    const doc = JSON.parse(String(await openApiV2Document(registry, 'json'))) as { definitions: Record<string, Any> }
    expect(refsIn(doc).filter((r) => !doc.definitions[r.slice('#/definitions/'.length)])).toEqual([])
    const bytes = await openApiV2Document(registry, 'protobuf')
    expect(bytes.subarray(0, 5)).toEqual(Buffer.from([0x0a, 3, 0x32, 0x2e, 0x30]))
    expect(bytes.includes('io.k8s.api.apps.v1.Deployment')).toBe(true)
  })
})
