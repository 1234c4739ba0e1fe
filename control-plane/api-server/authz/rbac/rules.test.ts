import { describe, expect, it } from 'vitest'
import type { PolicyRule } from '../../../../shared/api/rbac-v1.ts'
import { defaultClusterRoleBindings, defaultClusterRoles } from '../default-roles.ts'
import { allows, ruleAllows, rulesOf, uncovered } from './rules.ts'

const ask = (verb: string, resource: string, more: Partial<Parameters<typeof ruleAllows>[1]> & { namespace?: string } = {}) =>
  ({ verb, resource, subresource: '', group: '', namespace: '', name: '', path: '', isResourceRequest: true, ...more })

const objects = {
  clusterRoles: new Map(defaultClusterRoles.map((r) => [r.metadata?.name ?? '', r])), clusterRoleBindings: defaultClusterRoleBindings,
  roles: new Map([['a/reader', { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: ['one'] }] }]]),
  roleBindings: [
    { metadata: { namespace: 'a' }, subjects: [{ kind: 'ServiceAccount', name: 'robot' }], roleRef: { apiGroup: '', kind: 'Role', name: 'reader' } },
    { metadata: { namespace: 'a' }, subjects: [{ kind: 'User', name: 'eve' }], roleRef: { apiGroup: '', kind: 'ClusterRole', name: 'view' } },
    { metadata: { namespace: 'a' }, subjects: [{ kind: 'User', name: 'eve' }], roleRef: { apiGroup: '', kind: 'Role', name: 'missing' } },
  ],
}
const may = (user: { name: string; groups?: string[] }, asked: ReturnType<typeof ask>): boolean => allows(rulesOf({ groups: [], ...user }, objects), asked)

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
})
