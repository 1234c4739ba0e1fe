import { expect, it } from 'vitest'
import { classify, inOrder } from './rules.ts'
import { suggestedLevels, suggestedSchemas } from './suggested.ts'

const schemas = inOrder(suggestedSchemas)
const asked = (user: string, groups: string[], rest: object) => ({
  user: { name: user, groups }, verb: 'get', isResourceRequest: true, group: '', resource: 'pods', subresource: '', namespace: 'd', path: '', ...rest })
const known = 'system:authenticated'
const account = (ns: string): string[] => ['system:serviceaccounts', `system:serviceaccounts:${ns}`, known]

it.each([
  ['an administrator', asked('admin', ['system:masters', known], {}), 'exempt exempt '],
  ['a probe', asked('system:anonymous', ['system:unauthenticated'], { isResourceRequest: false, resource: '', path: '/readyz' }), 'probes exempt '],
  ['one check of a probe', asked('system:anonymous', ['system:unauthenticated'], { isResourceRequest: false, resource: '', path: '/readyz/ping' }), 'global-default global-default system:anonymous'],
  ['a node about itself', asked('system:node:a', ['system:nodes', known], { resource: 'nodes', subresource: 'status', verb: 'patch', namespace: '' }), 'system-node-high node-high system:node:a'],
  ['a node\'s lease', asked('system:node:a', ['system:nodes', known], { group: 'coordination.k8s.io', resource: 'leases', verb: 'update', namespace: 'kube-node-lease' }), 'system-node-high node-high system:node:a'],
  ['a node about pods', asked('system:node:a', ['system:nodes', known], {}), 'system-nodes system system:node:a'],
  ['a system account', asked('system:serviceaccount:kube-system:x', account('kube-system'), {}), 'kube-system-service-accounts workload-high d'],
  ['its lease', asked('system:serviceaccount:kube-system:x', account('kube-system'), { group: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-system' }), 'system-leader-election leader-election system:serviceaccount:kube-system:x'],
  ['an operator', asked('system:serviceaccount:d:op', account('d'), {}), 'service-accounts workload-low system:serviceaccount:d:op'],
  ['a person', asked('jane', [known], {}), 'global-default global-default jane'],
])('%s', (_name, attributes, expected) => {
  const found = classify(schemas, attributes)
  expect(`${found?.schema.metadata?.name} ${found?.level} ${found?.flow}`).toBe(expected)
})

it('every suggested schema has a suggested level', () => {
  const levels = new Set(suggestedLevels.map((l) => l.metadata?.name))
  expect(suggestedSchemas.filter((s) => !levels.has(s.spec?.priorityLevelConfiguration.name))).toEqual([])
})
