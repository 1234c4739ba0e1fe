/** Defaults, findings, updates and cells of the kinds of apps, storage, networking, policy, autoscaling, scheduling, node, flow control and quotas, as tables. */
import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../shared/api/object.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { errorBody } from '../encode/validation-status.ts'
import type { FieldError, ResourceDefinition, StrategyContext } from './definition.ts'
import { canonicalAddress } from './ip-blocks.ts'
import { registry } from './registry.ts'

const context: StrategyContext = { now: Date.parse('2024-01-01T00:00:00Z'), user: 'jane', dryRun: false, subresource: '' }
const said = (found: readonly FieldError[] = []): string[] => found.map((f) => `${f.field}: ${errorBody(f)}`)
const kind = (resource: string, group = ''): ResourceDefinition => {
  const d = registry.all.find((r) => r.resource === resource && r.group === group)
  if (!d) throw new Error(`${resource}.${group} is not served`)
  return d
}
const networking = (r: string): ResourceDefinition => kind(r, 'networking.k8s.io')
const storage = (r: string): ResourceDefinition => kind(r, 'storage.k8s.io')
const flow = (r: string): ResourceDefinition => kind(r, 'flowcontrol.apiserver.k8s.io')
const [sets, daemons, hpa, budgets, classes] = [kind('statefulsets', 'apps'), kind('daemonsets', 'apps'), kind('horizontalpodautoscalers', 'autoscaling'), kind('poddisruptionbudgets', 'policy'), kind('priorityclasses', 'scheduling.k8s.io')]
const [volumes, claims, quotas, ranges, runtimes] = [kind('persistentvolumes'), kind('persistentvolumeclaims'), kind('resourcequotas'), kind('limitranges'), kind('runtimeclasses', 'node.k8s.io')]

type Loose = KubeObject & { spec: Record<string, unknown>; status: Record<string, unknown> } & Record<string, unknown>
const make = (d: ResourceDefinition, body: object): Loose => {
  const object = copyJson({ metadata: { name: 'x', uid: 'u', ...(d.namespaced ? { namespace: 'ns' } : {}) }, ...body }) as unknown as Loose
  d.strategy.default?.(object)
  return object
}
const judge = (d: ResourceDefinition, body: object): string[] => said(d.strategy.validate?.(make(d, body), context))
const update = (d: ResourceDefinition, old: object, next: object, subresource = ''): string[] => {
  const [before, object] = [make(d, old), make(d, next)]
  d.strategy.prepareForUpdate?.(object, before, { ...context, subresource, updating: true })
  return said(d.strategy.validateUpdate?.(object, before, { ...context, subresource, updating: true }))
}
const selector = { matchLabels: { a: 'b' } }
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } }
const resources = { requests: { storage: '1Gi' } }
const claim = { accessModes: ['ReadWriteOnce'], resources }
const volume = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } }
const backend = { service: { name: 'web', port: { number: 80 } } }
const ingress = (path: object): object => ({ spec: { rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend, ...path }] } }] } })
const scale = { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd' } }
const subjects = [{ kind: 'User', user: { name: 'u' } }]
const level = (limited: object): object => ({ spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' }, ...limited } } })

describe('findings', () => {
  it.each<[ResourceDefinition, object, string]>([
    [sets, { spec: { selector, template, podManagementPolicy: 'x' } }, "spec.podManagementPolicy: Invalid value: \"x\": must be 'OrderedReady' or 'Parallel'"],
    [sets, { spec: { selector, template, updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } } }, 'spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy \'RollingUpdate\''],
    [sets, { spec: { selector: {}, template } }, 'spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
    [sets, { spec: { selector, template, persistentVolumeClaimRetentionPolicy: { whenScaled: 'x' } } }, 'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "x": supported values: "Retain", "Delete"'],
    [sets, { metadata: { name: 'a.b', namespace: 'ns' }, spec: { selector, template } }, 'metadata.name: Invalid value: "a.b": must not contain dots'],
    [daemons, { spec: { selector: { matchLabels: { a: 'x' } }, template } }, 'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'],
    [daemons, { spec: { selector, template, updateStrategy: { rollingUpdate: { maxSurge: 1 } } } }, 'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero'],
    [daemons, { spec: { selector, template, updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } } }, 'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
    [kind('controllerrevisions', 'apps'), { revision: -1 }, 'data: Required value: data is mandatory'],
    [claims, { spec: { resources } }, 'spec.accessModes: Required value: at least 1 access mode is required'],
    [claims, { spec: { ...claim, accessModes: ['ReadWriteOncePod', 'ReadWriteMany'] } }, 'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes'],
    [claims, { spec: { ...claim, resources: { requests: { storage: '0' } } } }, 'spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    [claims, { spec: { ...claim, dataSource: { kind: 'Pod', name: 'p' } } }, "spec.dataSource: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup"],
    [volumes, { spec: { ...volume, hostPath: undefined } }, 'spec: Required value: must specify a volume type'],
    [volumes, { spec: { ...volume, nfs: { server: 's', path: '/' } } }, 'spec.nfs: Forbidden: may not specify more than 1 volume type'],
    [volumes, { spec: { ...volume, capacity: { storage: '1Gi', cpu: '1' } } }, 'spec.capacity: Unsupported value: {"storage":"1Gi","cpu":"1"}: supported values: "storage"'],
    [volumes, { spec: { ...volume, hostPath: undefined, local: { path: '/x' } } }, 'spec.nodeAffinity: Required value: Local volume requires node affinity'],
    [volumes, { spec: { ...volume, hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' } }, "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    [storage('storageclasses'), {}, 'provisioner: Required value'],
    [storage('storageclasses'), { provisioner: 'p', volumeBindingMode: 'x' }, 'volumeBindingMode: Unsupported value: "x": supported values: "Immediate", "WaitForFirstConsumer"'],
    [storage('volumeattachments'), { spec: { attacher: 'a', nodeName: 'n', source: {} } }, 'spec.source: Required value: exactly one of inlineVolumeSpec and persistentVolumeName must be specified'],
    [storage('csidrivers'), { spec: { volumeLifecycleModes: ['x'] } }, 'spec.volumeLifecycleModes: Unsupported value: "x": supported values: "Ephemeral", "Persistent"'],
    [storage('csidrivers'), { spec: { tokenRequests: [{ audience: 'a' }, { audience: 'a', expirationSeconds: 1 }] } }, 'spec.tokenRequests[1].audience: Duplicate value: "a"'],
    [storage('csinodes'), { spec: { drivers: [{ name: 'd', nodeID: '' }] } }, 'spec.drivers[0].nodeID: Required value'],
    [networking('ingresses'), { spec: {} }, 'spec: Invalid value: []: either `defaultBackend` or `rules` must be specified'],
    [networking('ingresses'), ingress({ pathType: undefined }), 'spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified'],
    [networking('ingresses'), ingress({ path: '/a//b' }), "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b\": must not contain '//'"],
    [networking('ingresses'), ingress({ backend: { service: { name: 'web', port: { name: 'a', number: 1 } } } }), 'spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both port name & port number'],
    [networking('ingresses'), { spec: { rules: [{ host: '10.0.0.1' }] } }, 'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
    [networking('ingresses'), { metadata: { name: 'x', namespace: 'ns', annotations: { 'kubernetes.io/ingress.class': 'a' } }, spec: { ingressClassName: 'b', defaultBackend: backend } }, 'annotations.kubernetes.io/ingress.class: Invalid value: "a": can not be set when the class field is also set'],
    [networking('ingressclasses'), { spec: { controller: 'nope' } }, 'spec.controller: Invalid value: "nope": must be a domain-prefixed path (such as "acme.io/foo")'],
    [networking('ingressclasses'), { spec: { controller: 'a.b/c', parameters: { kind: 'K', name: 'n', scope: 'Namespace' } } }, "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    [networking('networkpolicies'), { spec: { ingress: [{ from: [{}] }] } }, 'spec.ingress[0].from[0]: Required value: must specify a peer'],
    [networking('networkpolicies'), { spec: { egress: [{ ports: [{ port: 80, endPort: 70 }] }] } }, 'spec.egress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`'],
    [networking('networkpolicies'), { spec: { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/24', except: ['10.1.0.0/25'] } }] }] } }, 'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.1.0.0/25": must be a strict subset of `cidr`'],
    [networking('ipaddresses'), { metadata: { name: 'fd00:0::1' }, spec: { parentRef: { resource: 'services', name: 'a' } } }, 'metadata.name: Invalid value: "fd00:0::1": must be in canonical form ("fd00::1")'],
    [networking('servicecidrs'), { spec: { cidrs: ['10.0.0.0/8', '11.0.0.0/8'] } }, 'spec.cidrs: Invalid value: {"cidrs":["10.0.0.0/8","11.0.0.0/8"]}: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'],
    [budgets, { spec: { minAvailable: 1, maxUnavailable: 1 } }, 'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set'],
    [budgets, { spec: { minAvailable: '120%' } }, 'spec.minAvailable: Invalid value: "120%": must not be greater than 100%'],
    [hpa, { spec: { ...scale, minReplicas: 5 } }, 'spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`'],
    [hpa, { spec: { ...scale, minReplicas: 0 } }, 'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1'],
    [hpa, { spec: { ...scale, metrics: [{ type: 'Resource' }] } }, 'spec.metrics[0].resource: Required value: must populate information for the given metric source'],
    [hpa, { spec: { ...scale, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }] } }, 'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization'],
    [hpa, { spec: { ...scale, metrics: [{ type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '1' } }, resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } } }] } }, 'spec.metrics[0].resource: Forbidden: must populate the given metric source only'],
    [hpa, { spec: { ...scale, behavior: { scaleUp: { policies: [{ type: 'Pods', value: 0, periodSeconds: 2000 }] } } } }, 'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 2000: must be less than or equal to 1800'],
    [classes, { metadata: { name: 'system-mine' }, value: 1 }, "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class"],
    [classes, { value: 1_000_000_001 }, 'value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    [runtimes, { handler: 'A' }, "handler: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"],
    [ranges, { spec: { limits: [{ type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } }] } }, 'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
    [ranges, { spec: { limits: [{ type: 'Pod', default: { cpu: '2' } }] } }, "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
    [ranges, { spec: { limits: [{ type: 'PersistentVolumeClaim' }] } }, 'spec.limits: Required value: either minimum or maximum storage value is required, but neither was provided'],
    [ranges, { spec: { limits: [{ type: 'Pod', max: { cpu: '2' }, min: { cpu: '1' }, maxLimitRequestRatio: { cpu: '3' } }] } }, 'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000'],
    [quotas, { spec: { hard: { nope: '1' } } }, 'spec.hard[nope]: Invalid value: "nope": must be a standard resource for quota'],
    [quotas, { spec: { hard: { pods: '1500m' } } }, 'spec.hard[pods]: Invalid value: "1500m": must be an integer'],
    [quotas, { spec: { hard: { pods: '1' }, scopes: ['BestEffort', 'NotBestEffort'] } }, 'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'],
    [quotas, { spec: { hard: { cpu: '1' }, scopes: ['BestEffort'] } }, 'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
    [flow('flowschemas'), { spec: { matchingPrecedence: 1, priorityLevelConfiguration: { name: 'a' } } }, "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"],
    [flow('flowschemas'), { spec: { priorityLevelConfiguration: {}, rules: [{ subjects }] } }, 'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty'],
    [flow('prioritylevelconfigurations'), { spec: { type: 'Limited' } }, 'spec.limited: Required value: must not be empty when type is Limited'],
    [flow('prioritylevelconfigurations'), level({ limitResponse: { type: 'Queue', queuing: { queues: 512, handSize: 30 } } }), 'spec.limited.limitResponse.queuing.handSize: Invalid value: 30: required entropy bits of deckSize 512 and handSize 30 should not be greater than 60'],
  ])('$resource %j: %s', (d, body, finding) => { expect(judge(d, body)).toContain(finding) })
  it.each<[ResourceDefinition, object]>([
    [sets, { spec: { selector, template } }], [daemons, { spec: { selector, template } }], [claims, { spec: claim }], [volumes, { spec: volume }], [networking('ingresses'), ingress({})], [networking('ingresses'), ingress({ pathType: 'ImplementationSpecific', path: undefined })],
    [networking('ingresses'), { spec: { tls: [{ hosts: ['*.a.com'] }], rules: [{ host: '*.a.com' }] } }], [hpa, { spec: { ...scale, behavior: { scaleDown: { selectPolicy: 'Disabled' } } } }], [budgets, { spec: { minAvailable: 0 } }], [ranges, { spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '1' } }] } }],
    [quotas, { spec: { hard: { 'count/deployments.apps': '2', 'requests.nvidia.com/gpu': '1', 'limits.cpu': '1' }, scopes: ['NotTerminating'] } }], [flow('prioritylevelconfigurations'), level({})], [networking('servicecidrs'), { spec: { cidrs: ['10.0.0.0/8', 'fd00::/108'] } }],
  ])('$resource finds nothing in %j', (d, body) => { expect(judge(d, body)).toEqual([]) })
})

describe('updates', () => {
  it.each<[ResourceDefinition, object, object, string, string[]]>([
    [sets, { spec: { selector, template } }, { spec: { selector, template, replicas: 3, minReadySeconds: 2, revisionHistoryLimit: 2 } }, '', []],
    [sets, { spec: { selector, template } }, { spec: { selector, template, serviceName: 'x' } }, '', ["spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"]],
    [sets, { spec: {} }, { status: { replicas: 1, readyReplicas: 2 } }, 'status', ['status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas']],
    [daemons, { spec: { selector, template } }, { spec: { selector: { matchLabels: { a: 'b', c: 'd' } }, template } }, '', ['spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable']],
    [daemons, { status: { collisionCount: 2 } }, { status: { collisionCount: 1 } }, 'status', ['status.collisionCount: Invalid value: 1: cannot be decremented']],
    [kind('controllerrevisions', 'apps'), { data: { a: 1 } }, { data: { a: 2 } }, '', ['data: Invalid value: {"a":2}: field is immutable']],
    [claims, { spec: claim }, { spec: { ...claim, volumeName: 'v', storageClassName: 'c' } }, '', []],
    [claims, { spec: { ...claim, volumeName: 'v' } }, { spec: { ...claim, volumeName: 'w' } }, '', ['spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n']],
    [claims, { spec: claim, status: { phase: 'Bound', capacity: { storage: '1Gi' } } }, { spec: { ...claim, resources: { requests: { storage: '2Gi' } } }, status: { phase: 'Bound' } }, '', []],
    [claims, { spec: claim }, { spec: { ...claim, resources: { requests: { storage: '2Gi' } } } }, '', ['spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n']],
    [claims, { spec: claim, status: { phase: 'Bound', capacity: { storage: '1Gi' } } }, { spec: { ...claim, resources: { requests: { storage: '512Mi' } } }, status: { phase: 'Bound' } }, '', ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity']],
    [volumes, { spec: volume }, { spec: { ...volume, hostPath: { path: '/y' } } }, '', ['spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n']],
    [volumes, { spec: volume }, { spec: { ...volume, claimRef: { name: 'c' }, persistentVolumeReclaimPolicy: 'Delete' } }, '', []],
    [storage('storageclasses'), { provisioner: 'a', parameters: { a: 'b' } }, { provisioner: 'b', reclaimPolicy: 'Retain' }, '', ['parameters: Forbidden: updates to parameters are forbidden.', 'provisioner: Forbidden: updates to provisioner are forbidden.', 'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.']],
    [storage('csinodes'), { spec: { drivers: [{ name: 'd', nodeID: 'a' }] } }, { spec: { drivers: [{ name: 'd', nodeID: 'b' }] } }, '', ['spec.drivers[0]: Invalid value: {"name":"d","nodeID":"b"}: field is immutable']],
    [classes, { value: 1 }, { value: 2 }, '', ['value: Forbidden: may not be changed in an update.']], [runtimes, { handler: 'a' }, { handler: 'b' }, '', ['handler: Invalid value: "b": field is immutable']],
    [quotas, { spec: { scopes: ['BestEffort'] } }, { spec: {} }, '', ['spec.scopes: Invalid value: []: field is immutable']],
    [networking('servicecidrs'), { spec: { cidrs: ['10.0.0.0/8'] } }, { spec: { cidrs: ['10.0.0.0/8', 'fd00::/108'] } }, '', []], [networking('servicecidrs'), { spec: { cidrs: ['10.0.0.0/8'] } }, { spec: { cidrs: ['11.0.0.0/8'] } }, '', ['spec.cidrs: Invalid value: ["11.0.0.0/8"]: field is immutable']],
    [budgets, {}, { status: { conditions: [{ type: 'A', status: 'True', reason: 'R', lastTransitionTime: 't' }, { type: 'A', status: 'x' }] } }, 'status', ['status.conditions[1].type: Duplicate value: "A"', 'status.conditions[1].status: Unsupported value: "x": supported values: "False", "True", "Unknown"', 'status.conditions[1].lastTransitionTime: Required value: must be set', 'status.conditions[1].reason: Required value: must be set']],
  ])('$resource %j to %j %s', (d, old, next, subresource, findings) => { expect(update(d, old, next, subresource)).toEqual(findings) })
  it('a daemon set’s template has a generation of its own', () => {
    const old = make(daemons, { spec: { selector, template } })
    daemons.strategy.prepareForCreate?.(old, context)
    const next = copyJson(old)
    ;(next.spec.template as { metadata: { labels: object } }).metadata.labels = { a: 'b', c: 'd' }
    delete next.metadata?.annotations
    daemons.strategy.prepareForUpdate?.(next, old, context)
    expect([old, next].map((o) => [o.metadata?.generation, o.metadata?.annotations])).toEqual([[1, { 'deprecated.daemonset.template.generation': '1' }], [2, { 'deprecated.daemonset.template.generation': '2' }]])
  })
  it('a volume notes when its phase changed', () => {
    const old = make(volumes, { spec: volume })
    volumes.strategy.prepareForCreate?.(old, context)
    const next = { ...copyJson(old), status: { phase: 'Available' } } as unknown as Loose
    volumes.strategy.prepareForUpdate?.(next, old, { ...context, now: context.now + 5000, subresource: 'status' })
    expect([old.status, next.status]).toEqual([{ phase: 'Pending', lastPhaseTransitionTime: '2024-01-01T00:00:00Z' }, { phase: 'Available', lastPhaseTransitionTime: '2024-01-01T00:00:05Z' }])
  })
})

it.each<[ResourceDefinition, object, object]>([
  [sets, { spec: { volumeClaimTemplates: [{ metadata: { name: 'd' }, spec: {} }] } }, {
    spec: { podManagementPolicy: 'OrderedReady', updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } }, persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' }, replicas: 1, revisionHistoryLimit: 10, volumeClaimTemplates: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec: { volumeMode: 'Filesystem' }, status: { phase: 'Pending' } }] },
  }],
  [daemons, {}, { spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } }, revisionHistoryLimit: 10 }, status: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 } }],
  [hpa, { spec: scale }, { spec: { minReplicas: 1, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }] } }],
  [hpa, { spec: { ...scale, behavior: {} } }, { spec: { behavior: { scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, { type: 'Percent', value: 100, periodSeconds: 15 }] }, scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } } } }],
  [networking('networkpolicies'), { spec: { egress: [{ ports: [{ port: 1 }] }] } }, { spec: { policyTypes: ['Ingress', 'Egress'], egress: [{ ports: [{ port: 1, protocol: 'TCP' }] }] } }],
  [ranges, { spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }] } }, { spec: { limits: [{ default: { cpu: '2' }, defaultRequest: { cpu: '2', memory: '1Mi' } }] } }],
  [storage('csidrivers'), {}, { spec: { attachRequired: true, podInfoOnMount: false, storageCapacity: false, fsGroupPolicy: 'ReadWriteOnceWithFSType', volumeLifecycleModes: ['Persistent'], requiresRepublish: false, seLinuxMount: false } }],
  [flow('flowschemas'), {}, { spec: { matchingPrecedence: 1000 } }],
])('$resource: the defaults of %j', (d, body, expected) => { expect(make(d, body)).toMatchObject(expected) })

it.each<[ResourceDefinition, object, unknown[]]>([
  [volumes, { spec: { ...volume, storageClassName: 'fast', claimRef: { namespace: 'a', name: 'b' } } }, ['x', '1Gi', 'RWO', 'Retain', 'Pending', 'a/b', 'fast', '<unset>', '', '<unknown>', 'Filesystem']],
  [claims, { spec: { ...claim, volumeName: 'v' }, status: { phase: 'Bound', capacity: { storage: '2Gi' }, accessModes: ['ReadWriteMany', 'ReadWriteOnce'] } }, ['x', 'Bound', 'v', '2Gi', 'RWO,RWX', '', '<unset>', '<unknown>', 'Filesystem']],
  [quotas, { status: { hard: { pods: '4', 'limits.cpu': '2' }, used: { pods: '1' } } }, ['x', 'pods: 1/4', 'limits.cpu: 0/2', '<unknown>']],
  [networking('ingresses'), { spec: { rules: ['a', 'b', 'c', 'd'].map((host) => ({ host })) }, status: { loadBalancer: { ingress: [{ ip: '2.2.2.2' }, { hostname: 'h' }] } } }, ['x', '<none>', 'a,b,c + 1 more...', '2.2.2.2,h', '80', '<unknown>']],
  [storage('storageclasses'), { metadata: { name: 'x', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } }, provisioner: 'p' }, ['x (default)', 'p', 'Delete', 'Immediate', false, '<unknown>']],
  [kind('controllerrevisions', 'apps'), { metadata: { name: 'x', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', controller: true }] }, revision: 2 }, ['x', 'statefulset.apps/web', 2, '<unknown>']],
  [hpa, { spec: { ...scale, metrics: [1, 2, 3].map(() => ({ type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '5' } } })) }, status: { currentMetrics: [{ type: 'Pods', pods: { current: { averageValue: '3' } } }] } }, ['x', 'Deployment/d', '3/5, <unknown>/5 + 1 more...', '1', 3, 0, '<unknown>']],
  [hpa, { spec: { ...scale, metrics: [{ type: 'Object', object: { target: { type: 'AverageValue', averageValue: '7' } } }] } }, ['x', 'Deployment/d', '<unknown>/7 (avg)', '1', 3, 0, '<unknown>']],
])('$resource prints %j', (d, body, cells) => { expect(d.columns.map((c) => c.value(make(d, body), { now: 0 }))).toEqual(cells) })

it.each([['::1', '::1'], ['0:0:0:0:0:0:0:0', '::'], ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], ['fd00:0:1::', 'fd00:0:1::'], ['10.0.0.1', '10.0.0.1'], ['::ffff:1.2.3.4', '::ffff:102:304'], ['x', undefined]])('%s is written %s', (text, canonical) => { expect(canonicalAddress(text)).toBe(canonical) })
