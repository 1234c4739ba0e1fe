import { describe, expect, it } from 'vitest'
import type { PolicyRule } from '../../../../shared/api/rbac-v1.ts'
import { planAggregation } from '../aggregation/plan.ts'
import { clusterRoleBindings, clusterRoles } from '../default-roles/cluster-roles.ts'
import { describeGrant, grantFor, missingIn, ruleAllows, rulesOf } from './rules.ts'
import { compactString, escalation, uncovered } from './escalation-rules.ts'

const ask = (verb: string, resource: string, more: Partial<Parameters<typeof ruleAllows>[1]> & { namespace?: string } = {}) =>
  ({ verb, resource, subresource: '', group: '', namespace: '', name: '', path: '', isResourceRequest: true, ...more })

const summed = new Map(clusterRoles().map((r) => [r.metadata?.name ?? '', r]))
for (const role of planAggregation([...summed.values()])) summed.set(role.metadata?.name ?? '', role)

const objects = {
  clusterRoles: summed, clusterRoleBindings: clusterRoleBindings(),
  roles: new Map([['a/reader', { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: ['one'] }] }]]),
  roleBindings: [
    { metadata: { namespace: 'a', name: 'robots' }, subjects: [{ kind: 'ServiceAccount', name: 'robot' }], roleRef: { apiGroup: '', kind: 'Role', name: 'reader' } },
    { metadata: { namespace: 'a' }, subjects: [{ kind: 'User', name: 'eve' }], roleRef: { apiGroup: '', kind: 'ClusterRole', name: 'view' } },
    { metadata: { namespace: 'a' }, subjects: [{ kind: 'User', name: 'eve' }], roleRef: { apiGroup: '', kind: 'Role', name: 'missing' } },
  ],
}
const may = (user: { name: string; groups?: string[] }, asked: ReturnType<typeof ask>): boolean => grantFor(rulesOf({ groups: [], ...user }, objects), asked) !== undefined

describe('RBAC', () => {
  it('gives a namespace binding its role there and nowhere else', () => {
    expect(may({ name: 'eve' }, ask('list', 'pods', { namespace: 'a' }))).toBe(true)
    expect(may({ name: 'eve' }, ask('list', 'pods', { namespace: 'b' }))).toBe(false)
    expect(may({ name: 'eve' }, ask('list', 'pods'))).toBe(false)
    expect(may({ name: 'eve' }, ask('get', 'secrets', { namespace: 'a' }))).toBe(false)
    expect(may({ name: 'eve' }, ask('delete', 'pods', { namespace: 'a' }))).toBe(false)
  })

  it('takes a service account of the binding\'s namespace and restricts by name', () => {
    const robot = { name: 'system:serviceaccount:a:robot' }
    expect(may(robot, ask('get', 'secrets', { namespace: 'a', name: 'one' }))).toBe(true)
    expect(may(robot, ask('get', 'secrets', { namespace: 'a', name: 'two' }))).toBe(false)
    expect(may(robot, ask('get', 'secrets', { namespace: 'a' }))).toBe(false)
    expect(may({ name: 'system:serviceaccount:b:robot' }, ask('get', 'secrets', { namespace: 'a', name: 'one' }))).toBe(false)
  })

  it('lets anybody see the version, the authenticated discover, and nobody else the rest', () => {
    const path = (p: string) => ask('get', '', { isResourceRequest: false, path: p })
    const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
    expect([path('/version'), path('/apis'), path('/metrics')].map((p) => may(anonymous, p))).toEqual([true, false, false])
    expect(may({ name: 'u', groups: ['system:authenticated'] }, path('/apis/apps/v1'))).toBe(true)
  })

  it('tells subresources from their resource', () => {
    const rule = (resources: string[]): PolicyRule => ({ verbs: ['get'], apiGroups: [''], resources })
    expect(ruleAllows(rule(['pods']), ask('get', 'pods', { subresource: 'log' }))).toBe(false)
    expect(ruleAllows(rule(['pods/log']), ask('get', 'pods', { subresource: 'log' }))).toBe(true)
    expect(ruleAllows(rule(['*/log']), ask('get', 'pods', { subresource: 'log' }))).toBe(true)
    expect(ruleAllows(rule(['*']), ask('get', 'pods', { subresource: 'log' }))).toBe(true)
  })

  it('finds the rights that a grant would add', () => {
    const held: PolicyRule[] = [{ verbs: ['get', 'list'], apiGroups: ['apps'], resources: ['*'] }]
    expect(uncovered(held, [{ verbs: ['get'], apiGroups: ['apps'], resources: ['deployments'] }])).toEqual([])
    expect(uncovered(held, [{ verbs: ['get', 'delete'], apiGroups: ['apps'], resources: ['deployments'] }])).toEqual([{ verbs: ['delete'], apiGroups: ['apps'], resources: ['deployments'] }])
    expect(uncovered([{ ...held[0], verbs: ['*'], resourceNames: ['x'] }], [{ verbs: ['get'], apiGroups: ['apps'], resources: ['deployments'] }])).toHaveLength(1)
  })
  it('says what gave a right, and which role a binding misses', () => {
    const robot = { name: 'system:serviceaccount:a:robot', groups: [] }
    const grant = grantFor(rulesOf(robot, objects), ask('get', 'secrets', { namespace: 'a', name: 'one' }))
    expect(grant && describeGrant(grant)).toBe('RoleBinding "robots/a" of Role "reader" to ServiceAccount "robot/a"')
    const basic = grantFor(rulesOf({ name: 'u', groups: ['system:authenticated'] }, objects), ask('create', 'selfsubjectreviews', { group: 'authentication.k8s.io' }))
    expect(basic && describeGrant(basic)).toBe('ClusterRoleBinding "system:basic-user" of ClusterRole "system:basic-user" to Group "system:authenticated"')
    expect(missingIn(rulesOf({ name: 'eve', groups: [] }, objects), 'a')).toEqual(['role.rbac.authorization.k8s.io "missing" not found'])
  })

  it('names what an escalation would add, as upstream prints it', () => {
    const wanted: PolicyRule[] = [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['secrets', 'pods'] }, { verbs: ['get'], nonResourceURLs: ['/metrics'] }]
    expect(escalation({ name: 'bob', groups: ['dev', 'system:authenticated'] }, [{ verbs: ['*'], apiGroups: [''], resources: ['pods'] }], wanted, [])).toBe(
      'user "bob" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'
      + '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}\n{NonResourceURLs:["/metrics"], Verbs:["get"]}')
    expect(compactString({ verbs: ['approve'], apiGroups: ['a'], resources: ['signers'], resourceNames: ['x/y'] })).toBe('{APIGroups:["a"], Resources:["signers"], ResourceNames:["x/y"], Verbs:["approve"]}')
  })
})
