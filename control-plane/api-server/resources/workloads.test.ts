import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../shared/api/object.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { errorBody } from '../encode/validation-status.ts'
import type { FieldError, ResourceDefinition, StrategyContext } from './definition.ts'
import { registry } from './registry.ts'

const context: StrategyContext = { now: 0, user: 'jane', groups: ['g'], dryRun: false, subresource: '' }
const said = (found: readonly FieldError[] = []): string[] => found.map((f) => `${f.field}: ${errorBody(f)}`)
type Loose = KubeObject & { spec: Record<string, never>; status: Record<string, never> } & Record<string, never>
const make = (d: ResourceDefinition, body: object): Loose => {
  const object = copyJson({ metadata: { name: 'x', ...(d.namespaced ? { namespace: 'ns' } : {}) }, ...body }) as Loose
  d.strategy.default?.(object)
  return object
}
const judge = (d: ResourceDefinition, body: object): string[] => said(d.strategy.validate?.(make(d, body), context))
const update = (d: ResourceDefinition, old: object, next: object, subresource = ''): { found: string[]; object: Loose } => {
  const [before, object] = [make(d, old), make(d, next)]
  d.strategy.prepareForUpdate?.(object, before, { ...context, subresource })
  return { found: said(d.strategy.validateUpdate?.(object, before, { ...context, subresource })), object }
}
const cells = (d: ResourceDefinition, body: object): unknown[] => d.columns.map((c) => c.value(make(d, body), { now: Date.parse('2024-01-01T00:05:00Z') }))

const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } }
const selector = { matchLabels: { app: 'x' } }

describe('deployments', () => {
  const d = registry.find('apps', 'v1', 'deployments')!
  it('has upstream’s defaults', () => {
    expect(make(d, { spec: { selector, template } }).spec).toMatchObject({
      replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      template: { spec: { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', schedulerName: 'default-scheduler', securityContext: {}, terminationGracePeriodSeconds: 30 } },
    })
    expect(make(d, { spec: { selector, template, strategy: { type: 'Recreate' } } }).spec).toMatchObject({ strategy: { type: 'Recreate' } })
    expect(make(d, { spec: { selector, template } }).spec).not.toHaveProperty('template.spec.enableServiceLinks')
  })
  it.each<[object, string]>([
    [{ replicas: -1 }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'], [{ selector: undefined }, 'spec.selector: Required value'],
    [{ selector: {} }, 'spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    [{ selector: { matchLabels: { app: 'y' } } }, 'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`'],
    [{ template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }, 'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    [{ template: { ...template, spec: { containers: [] } } }, 'spec.template.spec.containers: Required value'],
    [{ strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } }, "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    [{ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }, 'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    [{ strategy: { rollingUpdate: { maxUnavailable: '101%' } } }, 'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    [{ progressDeadlineSeconds: 5, minReadySeconds: 5 }, 'spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds'],
  ])('%j: %s', (more, finding) => { expect(judge(d, { spec: { selector, template, ...more } })).toContain(finding) })
  it('finds nothing in a good one; its selector stays', () => {
    expect(judge(d, { spec: { selector, template } })).toEqual([])
    const other = { matchLabels: { app: 'x', b: 'c' } }
    expect(update(d, { spec: { selector, template } }, { spec: { selector: other, template } }).found).toEqual(['spec.selector: Invalid value: {"matchLabels":{"app":"x","b":"c"}}: field is immutable'])
  })
  it('counts generations of the spec alone', () => {
    const old = { metadata: { name: 'x', namespace: 'ns', generation: 4, labels: { a: 'b' } }, spec: { selector, template }, status: { replicas: 1 } }
    expect(update(d, old, { ...old, metadata: { name: 'x', namespace: 'ns', labels: { a: 'c' } } }).object).toMatchObject({ metadata: { generation: 4, labels: { a: 'c' } }, status: { replicas: 1 } })
    expect(update(d, old, { ...old, spec: { selector, template, replicas: 2 }, status: { replicas: 9 } }).object).toMatchObject({ metadata: { generation: 5 }, status: { replicas: 1 } })
    expect(update(d, old, { ...old, spec: { selector, template, replicas: 2 }, status: { replicas: 2 } }, 'status').object).toMatchObject({ metadata: { generation: 4 }, spec: { replicas: 1 }, status: { replicas: 2 } })
  })
})

it('a replication controller takes selector and labels from its template', () => {
  const d = registry.find('', 'v1', 'replicationcontrollers')!
  expect(make(d, { spec: { template } })).toMatchObject({ metadata: { labels: { app: 'x' } }, spec: { replicas: 1, selector: { app: 'x' } } })
  expect(cells(d, { spec: { template } })).toEqual(['x', 1, 0, 0, '<unknown>', 'c', 'nginx:1', 'app=x'])
  expect(judge(d, { spec: {} })).toEqual(['spec.selector: Required value', 'spec.template: Required value'])
})

describe('services', () => {
  const d = registry.find('', 'v1', 'services')!
  const spec = { ports: [{ port: 80 }], selector: { app: 'x' } }
  it('has upstream’s defaults', () => {
    expect(make(d, { spec }).spec).toEqual({ ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], selector: { app: 'x' }, sessionAffinity: 'None', type: 'ClusterIP', internalTrafficPolicy: 'Cluster' })
    expect(make(d, { spec: { ...spec, type: 'LoadBalancer', sessionAffinity: 'ClientIP' } }).spec).toMatchObject({ externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true, sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } })
  })
  it.each<[object, string]>([
    [{ ports: [] }, 'spec.ports: Required value'], [{ ports: [{ port: 80 }, { port: 81 }] }, 'spec.ports[0].name: Required value'], [{ type: 'Foo' }, 'spec.type: Unsupported value: "Foo": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
    [{ ports: [{ port: 0 }] }, 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'], [{ ports: [{ port: 80, nodePort: 30000 }] }, "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    [{ clusterIP: 'nope' }, 'spec.clusterIPs[0]: Invalid value: "nope": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'], [{ clusterIP: 'None', type: 'NodePort' }, "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
    [{ type: 'ExternalName', ports: [] }, 'spec.externalName: Required value'], [{ externalTrafficPolicy: 'Local' }, 'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
  ])('%j: %s', (more, finding) => { expect(judge(d, { spec: { ...spec, ...more } })).toContain(finding) })
  it('wants a DNS-1035 name', () => { expect(judge(d, { metadata: { name: '1x', namespace: 'ns' }, spec })[0]).toContain('a DNS-1035 label must consist of') })
  it('keeps what it was given', () => {
    const old = { spec: { ...spec, type: 'NodePort', clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30001 }] } }
    expect(update(d, old, { spec: { ...spec, type: 'NodePort' } }).object.spec).toMatchObject({ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: [{ nodePort: 30001 }] })
    expect(update(d, old, { spec: { ...spec, type: 'NodePort', clusterIP: '10.0.0.2' } }).found).toEqual(['spec.clusterIPs[0]: Invalid value: "10.0.0.2": may not change once set'])
    expect(update(d, old, { spec: { ...spec, type: 'ClusterIP', clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30001 }] } }).object.spec).toEqual(expect.objectContaining({ ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] }))
  })
  it('prints as kubectl does', () => {
    expect(cells(d, { spec: { ...spec, type: 'NodePort', clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30001 }] } })).toEqual(['x', 'NodePort', '10.0.0.1', '<none>', '80:30001/TCP', '<unknown>', 'app=x'])
    expect(cells(d, { spec: { type: 'LoadBalancer', clusterIP: '10.0.0.1' } }).slice(1)).toEqual(['LoadBalancer', '10.0.0.1', '<pending>', '<none>', '<unknown>', '<none>'])
    expect(cells(d, { spec: { type: 'ExternalName', externalName: 'a.b' } }).slice(1, 4)).toEqual(['ExternalName', '<none>', 'a.b'])
  })
})

it('nodes print roles, readiness and addresses', () => {
  const d = registry.find('', 'v1', 'nodes')!
  const node = {
    metadata: { name: 'n', labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' }, creationTimestamp: '2024-01-01T00:00:00Z' }, spec: { unschedulable: true },
    status: { conditions: [{ type: 'Ready', status: 'True' }], addresses: [{ type: 'InternalIP', address: '10.0.0.1' }], nodeInfo: { kubeletVersion: 'v1.33.0', osImage: 'Debian', kernelVersion: '6', containerRuntimeVersion: 'containerd://1' }, capacity: { cpu: '4' } },
  }
  expect(cells(d, node)).toEqual(['n', 'Ready,SchedulingDisabled', 'control-plane,worker', '5m', 'v1.33.0', '10.0.0.1', '<none>', 'Debian', '6', 'containerd://1'])
  expect(cells(d, { metadata: { name: 'n' } }).slice(1, 3)).toEqual(['Unknown', '<none>'])
  expect(make(d, node).status).toMatchObject({ allocatable: { cpu: '4' } })
  expect(judge(d, { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }, { key: 'a', effect: 'NoSchedule' }, { key: 'b', effect: 'x' }] } })).toEqual([
    'spec.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: taints must be unique by key and effect pair', 'spec.taints[2].effect: Unsupported value: "x": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"'])
})

it('namespaces carry their finalizer and their name', () => {
  const d = registry.find('', 'v1', 'namespaces')!
  const ns = make(d, { status: { phase: 'Terminating' } })
  d.strategy.prepareForCreate?.(ns, context)
  expect(ns).toEqual({ metadata: { name: 'x', labels: { 'kubernetes.io/metadata.name': 'x' } }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } })
  const old = { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }
  expect(update(d, old, { spec: {}, status: { phase: 'Terminating' } }).object).toMatchObject(old)
  expect(update(d, old, { spec: {}, status: { phase: 'Terminating' } }, 'status').object).toMatchObject({ ...old, status: { phase: 'Terminating' } })
  expect(update(d, old, { spec: {} }, 'finalize').object.spec).toEqual({})
})

it('secrets: stringData is merged, types demand keys, immutable ones stay', () => {
  const d = registry.find('', 'v1', 'secrets')!
  expect(make(d, { stringData: { a: 'hi' }, data: { b: 'aGk=' } })).toMatchObject({ type: 'Opaque', data: { a: 'aGk=', b: 'aGk=' } })
  expect(make(d, { stringData: { a: 'hi' } })).not.toHaveProperty('stringData')
  expect(judge(d, { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } })).toEqual(['data[tls.key]: Required value'])
  expect(update(d, { immutable: true, data: { a: '' } }, { immutable: true, data: { b: '' } }).found).toEqual(['data: Forbidden: field is immutable when `immutable` is set'])
  expect(update(d, { type: 'a/b' }, { type: 'a/c' }).found).toEqual(['type: Invalid value: "a/c": field is immutable'])
})

it('a certificate signing request records who asked, and decisions stay', () => {
  const d = registry.find('certificates.k8s.io', 'v1', 'certificatesigningrequests')!
  const csr = make(d, { spec: { request: '', signerName: 's/x', username: 'root', groups: ['system:masters'], extra: { a: ['b'] } }, status: { certificate: 'x' } })
  d.strategy.prepareForCreate?.(csr, context)
  expect(csr).toMatchObject({ spec: { username: 'jane', groups: ['g'] }, status: {} })
  expect(csr.spec).not.toHaveProperty('extra')
  const approved = { spec: {}, status: { conditions: [{ type: 'Approved', status: 'True' }] } }
  expect(update(d, { spec: {} }, approved, 'status').found).toEqual(['status.conditions: Forbidden: updates may not add a condition of type "Approved"'])
  expect(update(d, { spec: {} }, approved, 'approval').found).toEqual([])
  expect(update(d, approved, { spec: {} }, 'approval').found).toEqual(['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'])
  expect(cells(d, { ...approved, status: { ...approved.status, certificate: 'x' } }).at(-1)).toBe('Approved,Issued')
})

it('roles and bindings are judged', () => {
  const [role, binding] = [registry.find('rbac.authorization.k8s.io', 'v1', 'roles')!, registry.find('rbac.authorization.k8s.io', 'v1', 'rolebindings')!]
  expect(judge(role, { metadata: { name: 'system:a.B', namespace: 'ns' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: [] }, { nonResourceURLs: ['/x'], verbs: ['get'] }] })).toEqual([
    'rules[0].verbs: Required value: verbs must contain at least one value', 'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'])
  const ref = { kind: 'Role', name: 'r' }
  expect(make(binding, { roleRef: ref, subjects: [{ kind: 'User', name: 'u' }] })).toMatchObject({ roleRef: { apiGroup: 'rbac.authorization.k8s.io' }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io' }] })
  expect(judge(binding, { roleRef: { kind: 'Foo', name: '' }, subjects: [{ kind: 'ServiceAccount', name: 'a' }] })).toEqual([
    'roleRef.kind: Unsupported value: "Foo": supported values: "ClusterRole", "Role"', 'roleRef.name: Required value', 'subjects[0].namespace: Required value'])
  expect(update(binding, { roleRef: ref }, { roleRef: { ...ref, name: 's' } }).found).toEqual(['roleRef: Invalid value: {"kind":"Role","name":"s","apiGroup":"rbac.authorization.k8s.io"}: cannot change roleRef'])
})

it('endpoints, slices and events print as kubectl does', () => {
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']
  expect(cells(registry.find('', 'v1', 'endpoints')!, { subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ port: 80 }] }] })[1]).toBe('10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...')
  expect(cells(registry.find('', 'v1', 'endpoints')!, {})[1]).toBe('<none>')
  expect(cells(registry.find('discovery.k8s.io', 'v1', 'endpointslices')!, { addressType: 'IPv4', endpoints: [{ addresses }], ports: [{ port: 80 }] })).toEqual(['x', 'IPv4', '80', '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...', '<unknown>'])
  expect(cells(registry.find('', 'v1', 'events')!, { involvedObject: { kind: 'Pod', name: 'p', namespace: 'ns' }, firstTimestamp: '2024-01-01T00:00:00Z', lastTimestamp: '2024-01-01T00:04:00Z', count: 3, reason: 'BackOff', type: 'Warning', message: ' m\n', source: { component: 'kubelet', host: 'n' } }))
    .toEqual(['60s', 'Warning', 'BackOff', 'pod/p', '', 'kubelet, n', 'm', '5m', '3', 'x'])
  expect(judge(registry.find('', 'v1', 'events')!, { involvedObject: { namespace: 'other' } })).toEqual(['involvedObject.namespace: Invalid value: "other": does not match event.namespace'])
})
