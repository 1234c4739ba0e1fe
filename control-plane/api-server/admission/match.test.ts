import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../shared/api/object.ts'
import { registry } from '../resources/registry.ts'
import { admissionRequest } from '../verbs/admission-request.ts'
import type { AdmissionRequest, Operation } from './chain.ts'
import { matchesNamespace, matchesObject, matchRules } from './match.ts'

interface Asked { readonly group?: string; readonly version?: string; readonly resource: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string; readonly operation?: Operation; readonly object?: KubeObject; readonly old?: KubeObject }

function requestOf({ group = '', version = 'v1', resource, subresource = '', namespace = '', name = 'x', operation = 'CREATE', object, old }: Asked): AdmissionRequest {
  const asked = registry.find(group, version, resource)
  if (!asked) throw new Error(`no ${resource}`)
  const definition = asked.storage?.definition ?? asked
  return admissionRequest({ definition, asked, namespace, name, subresource, user: { name: 'u', groups: [] }, dryRun: false }, operation, { object, old })
}
const rule = (resources: string[], more: object = {}) => ({ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources, ...more })

describe('rules', () => {
  it.each<[string[], Asked, boolean]>([
    [['pods'], { resource: 'pods', namespace: 'a' }, true], [['pods'], { resource: 'pods', subresource: 'status', namespace: 'a' }, false], [['pods/*'], { resource: 'pods', namespace: 'a' }, true],
    [['pods/*'], { resource: 'pods', subresource: 'status', namespace: 'a' }, true], [['*'], { resource: 'pods', subresource: 'status', namespace: 'a' }, false], [['*'], { resource: 'nodes' }, true],
    [['*/status'], { resource: 'nodes', subresource: 'status' }, true], [['*/status'], { resource: 'nodes' }, false], [['*/*'], { resource: 'nodes', subresource: 'proxy' }, true],
  ])('%j choose %j: %s', (resources, asked, expected) => { expect(matchRules({ rules: [rule(resources)], matchPolicy: 'Exact' }, requestOf(asked), registry) !== undefined).toBe(expected) })

  it.each<[string, Asked, boolean]>([
    ['Namespaced', { resource: 'pods', namespace: 'a' }, true], ['Namespaced', { resource: 'namespaces', name: 'a' }, false], ['Cluster', { resource: 'namespaces', name: 'a' }, true], ['Cluster', { resource: 'pods', namespace: 'a' }, false], ['*', { resource: 'nodes' }, true],
  ])('scope %s and %j: %s', (scope, asked, expected) => { expect(matchRules({ rules: [rule(['*'], { scope })], matchPolicy: 'Exact' }, requestOf(asked), registry) !== undefined).toBe(expected) })

  it('look at operation, group, version and names', () => {
    const web = requestOf({ group: 'apps', resource: 'deployments', namespace: 'a', name: 'web' })
    const chosen = (more: object): boolean => matchRules({ rules: [rule(['deployments'], more)], matchPolicy: 'Exact' }, web, registry) !== undefined
    expect([{}, { operations: ['UPDATE'] }, { apiGroups: [''] }, { apiVersions: ['v2'] }, { resourceNames: ['web'] }, { resourceNames: ['other'] }].map(chosen)).toEqual([true, false, false, false, true, false])
  })

  it('see equivalent versions unless told to be exact', () => {
    const v2 = requestOf({ group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers', namespace: 'a' })
    const rules = [rule(['horizontalpodautoscalers'], { apiVersions: ['v1'] })]
    expect(matchRules({ rules, matchPolicy: 'Equivalent' }, v2, registry)?.definition.version).toBe('v1')
    expect(matchRules({ rules, matchPolicy: 'Exact' }, v2, registry)).toBeUndefined()
    const both = [rule(['horizontalpodautoscalers'])]
    expect(matchRules({ rules: both, matchPolicy: 'Equivalent' }, v2, registry)?.definition.version).toBe('v2')
  })

  it('may be excluded, and never choose what configures admission', () => {
    const pod = requestOf({ resource: 'pods', namespace: 'a' })
    expect(matchRules({ rules: [rule(['*'])], exclude: [rule(['pods'])], matchPolicy: 'Equivalent' }, pod, registry)).toBeUndefined()
    expect(matchRules({ rules: [], exclude: [rule(['nodes'])], matchPolicy: 'Equivalent' }, pod, registry)).toBeDefined()
    expect(matchRules({ rules: [rule(['*/*'])], matchPolicy: 'Exact' }, requestOf({ group: 'admissionregistration.k8s.io', resource: 'validatingwebhookconfigurations' }), registry)).toBeUndefined()
  })
})

describe('selectors', () => {
  const selector = { matchLabels: { a: 'b' } }
  const labelled = (labels?: Record<string, string>): KubeObject => ({ metadata: { name: 'x', ...(labels ? { labels } : {}) } })
  it('of namespaces ask the namespace, its own labels where it is the object, and let through what has none', () => {
    const asked: string[] = []
    const labelsOf = (name: string): Record<string, string> => { asked.push(name); return name === 'good' ? { a: 'b' } : {} }
    const matches = (request: Asked): boolean => matchesNamespace(selector, requestOf(request), labelsOf)
    expect([matches({ resource: 'pods', namespace: 'good' }), matches({ resource: 'pods', namespace: 'bad' }), matches({ resource: 'nodes' })]).toEqual([true, false, true])
    expect([matches({ resource: 'namespaces', name: 'bad', object: labelled({ a: 'b' }) }), matches({ resource: 'namespaces', name: 'good', operation: 'DELETE' })]).toEqual([true, true])
    expect(asked).toEqual(['good', 'bad', 'good'])
  })
  it('of objects look at the object as it is and as it was', () => {
    const matches = (object: KubeObject | undefined, old?: KubeObject): boolean => matchesObject(selector, requestOf({ resource: 'pods', namespace: 'a', ...(object ? { object } : {}), ...(old ? { old } : {}) }))
    expect([matches(labelled({ a: 'b' })), matches(labelled(), labelled({ a: 'b' })), matches(undefined, labelled({ a: 'b' })), matches(labelled({ a: 'c' })), matches({})]).toEqual([true, true, true, false, false])
    expect(matchesObject({}, requestOf({ resource: 'pods', namespace: 'a', object: {} }))).toBe(true)
  })
})
