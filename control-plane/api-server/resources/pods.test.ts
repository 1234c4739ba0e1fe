import { describe, expect, it } from 'vitest'
import type { Pod, PodStatus } from '../../../shared/api/core-v1.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { errorBody } from '../encode/validation-status.ts'
import type { FieldError } from './definition.ts'
import { qosClassOf } from './pod-qos.ts'
import { pods } from './pods.ts'

const context = { now: 0, user: 'admin', dryRun: false, subresource: '' }
const said = (found: readonly FieldError[] = []): string[] => found.map((f) => `${f.field}: ${errorBody(f)}`)
const make = (spec: object, metadata: object = {}): Pod => {
  const pod = copyJson({ metadata: { name: 'p', namespace: 'd', ...metadata }, spec }) as unknown as Pod
  pods.strategy.default?.(pod)
  return pod
}
const judge = (spec: object): string[] => said(pods.strategy.validate?.(make(spec), context))
const c = (more: object = {}): object => ({ name: 'c', image: 'nginx', ...more })

it('has the defaults of v1.33', () => {
  const pod = make({
    serviceAccountName: 'sa', containers: [c({ ports: [{ containerPort: 80 }], livenessProbe: { httpGet: { port: 80 } }, resources: { limits: { cpu: '1' } }, env: [{ name: 'N', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }] })],
    volumes: [{ name: 'e' }, { name: 's', secret: { secretName: 'x' } }, { name: 'h', hostPath: { path: '/x' } }, { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
  })
  pods.strategy.prepareForCreate?.(pod, context)
  expect(pod).toEqual({
    metadata: { name: 'p', namespace: 'd', generation: 1 },
    spec: {
      containers: [{
        name: 'c', image: 'nginx', imagePullPolicy: 'Always', terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', ports: [{ containerPort: 80, protocol: 'TCP' }],
        livenessProbe: { httpGet: { port: 80, path: '/', scheme: 'HTTP' }, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
        resources: { limits: { cpu: '1' }, requests: { cpu: '1' } }, env: [{ name: 'N', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName', apiVersion: 'v1' } } }],
      }],
      volumes: [{ name: 'e', emptyDir: {} }, { name: 's', secret: { secretName: 'x', defaultMode: 420 } }, { name: 'h', hostPath: { path: '/x', type: '' } }, { name: 'p', projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] } }],
      dnsPolicy: 'ClusterFirst', restartPolicy: 'Always', securityContext: {}, terminationGracePeriodSeconds: 30, schedulerName: 'default-scheduler', serviceAccountName: 'sa', serviceAccount: 'sa', enableServiceLinks: true,
    },
    status: { phase: 'Pending', qosClass: 'Burstable' },
  })
})

it.each([['nginx', 'Always'], ['nginx:latest', 'Always'], ['nginx:1.25', 'IfNotPresent'], ['r:5000/nginx', 'Always'], ['r:5000/nginx:1', 'IfNotPresent'], ['nginx@sha256:abc', 'IfNotPresent']])('pulls %s %s', (image, policy) => {
  expect(make({ containers: [{ name: 'c', image }] }).spec?.containers[0]?.imagePullPolicy).toBe(policy)
})

it.each<[object, string]>([
  [{}, 'spec.containers: Required value'], [{ containers: [c(), c()] }, 'spec.containers[1].name: Duplicate value: "c"'], [{ containers: [{ name: 'c' }] }, 'spec.containers[0].image: Required value'],
  [{ containers: [c({ ports: [{ containerPort: 99999 }] })] }, 'spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive'],
  [{ containers: [c({ ports: [{ containerPort: 80, protocol: 'tcp' }] })] }, 'spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"'],
  [{ containers: [c({ imagePullPolicy: 'Sometimes' })] }, 'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"'],
  [{ containers: [c({ volumeMounts: [{ name: 'x', mountPath: '/x' }] })] }, 'spec.containers[0].volumeMounts[0].name: Not found: "x"'],
  [{ containers: [c({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } })] }, 'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  [{ containers: [c({ resources: { limits: { cpu: '-1' } } })] }, 'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'],
  [{ containers: [c({ livenessProbe: {} })] }, 'spec.containers[0].livenessProbe: Required value: must specify a handler type'],
  [{ containers: [c({ livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } })] }, 'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
  [{ containers: [c({ readinessProbe: { tcpSocket: { port: 80 }, httpGet: { port: 80 } } })] }, 'spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type'],
  [{ containers: [c({ env: [{ name: '' }] })] }, 'spec.containers[0].env[0].name: Required value'],
  [{ containers: [c({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] })] }, 'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
  [{ containers: [c({ securityContext: { privileged: true, allowPrivilegeEscalation: false } })] }, 'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true'],
  [{ containers: [c()], restartPolicy: 'Sometimes' }, 'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
  [{ containers: [c()], volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }, 'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  [{ containers: [c()], volumes: [{ name: 'v' }, { name: 'v' }] }, 'spec.volumes[1].name: Duplicate value: "v"'],
  [{ containers: [c()], tolerations: [{ operator: 'Equal' }] }, 'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"'],
  [{ containers: [c()], hostNetwork: true, initContainers: [c({ name: 'i', livenessProbe: { tcpSocket: { port: 80 } } })] }, 'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always'],
  [{ containers: [c({ ports: [{ containerPort: 80, hostPort: 80 }] }), c({ name: 'd', ports: [{ containerPort: 80, hostPort: 80 }] })] }, 'spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//80"'],
])('%j: %s', (spec, finding) => { expect(judge(spec)).toContain(finding) })
it('finds nothing in a good pod', () => { expect(judge({ containers: [c()], initContainers: [c({ name: 'i', restartPolicy: 'Always', startupProbe: { exec: { command: ['true'] } } })] })).toEqual([]) })

describe('update', () => {
  const update = (change: (pod: Pod) => void, subresource = '', old = make({ containers: [c()], tolerations: [{ key: 'a', operator: 'Exists' }] })): string[] => {
    const next = copyJson(old)
    change(next)
    pods.strategy.prepareForUpdate?.(next, old, { ...context, subresource })
    return said(pods.strategy.validateUpdate?.(next, old, { ...context, subresource })).map((s) => s.split('`')[0] as string)
  }
  it('lets images, tolerations and labels change', () => {
    expect(update((p) => { p.spec!.containers[0]!.image = 'x'; p.spec!.tolerations!.push({ key: 'b', operator: 'Exists' }); p.metadata!.labels = { a: 'b' } })).toEqual([])
    expect(update((p) => { p.spec!.activeDeadlineSeconds = 5 })).toEqual([])
  })
  it('refuses the rest', () => {
    expect(update((p) => { p.spec!.containers[0]!.command = ['x'] })).toEqual(['spec: Forbidden: pod updates may not change fields other than '])
    expect(update((p) => { p.spec!.nodeName = 'n' })).toEqual(['spec: Forbidden: pod updates may not change fields other than '])
    expect(update((p) => { p.spec!.containers.push({ name: 'd', image: 'x' }) })).toEqual(['spec.containers: Forbidden: pod updates may not add or remove containers'])
    expect(update((p) => { p.spec!.tolerations = [] })).toEqual(['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'])
    expect(update((p) => { p.spec!.activeDeadlineSeconds = 9 }, '', make({ containers: [c()], activeDeadlineSeconds: 5 }))).toEqual(['spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value'])
  })
  it('splits spec and status; a binding writes the node', () => {
    const old = make({ containers: [c()] })
    const spec = copyJson(old)
    spec.status = { phase: 'Failed' }
    spec.spec!.containers[0]!.image = 'x'
    pods.strategy.prepareForUpdate?.(spec, { ...old, metadata: { ...old.metadata, generation: 1 } }, context)
    expect([spec.status, spec.metadata?.generation]).toEqual([old.status, 2])
    const status = copyJson(old)
    status.status = { phase: 'Running' }
    status.spec!.containers[0]!.image = 'x'
    pods.strategy.prepareForUpdate?.(status, old, { ...context, subresource: 'status' })
    expect([status.status.phase, status.spec]).toEqual(['Running', old.spec])
    expect(update((p) => { p.spec!.nodeName = 'n' }, 'binding')).toEqual([])
  })
})

it.each<[object, string]>([[{}, 'BestEffort'], [{ limits: { cpu: '1', memory: '1Gi' } }, 'Guaranteed'], [{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }, 'Burstable'], [{ limits: { cpu: '1' } }, 'Burstable'], [{ requests: { cpu: '0' } }, 'BestEffort']])(
  'QoS of %j is %s', (resources, expected) => { expect(qosClassOf({ containers: [{ name: 'c', resources }] })).toBe(expected) })

it.each<[object, string, number | undefined, number]>([
  [{ nodeName: 'n', terminationGracePeriodSeconds: 30 }, 'Running', undefined, 30], [{ nodeName: 'n', terminationGracePeriodSeconds: 30 }, 'Running', 5, 5], [{ nodeName: 'n' }, 'Running', 0, 0],
  [{ terminationGracePeriodSeconds: 30 }, 'Pending', undefined, 0], [{ nodeName: 'n', terminationGracePeriodSeconds: 30 }, 'Succeeded', undefined, 0], [{ nodeName: 'n', terminationGracePeriodSeconds: -1 }, 'Running', undefined, 1],
])('grace of %j %s %s: %d', (spec, phase, requested, grace) => {
  expect(pods.strategy.gracePeriod?.({ spec: { containers: [], ...spec }, status: { phase } } as Pod, requested)).toBe(grace)
})

describe('columns', () => {
  const cells = (status: PodStatus, spec: object = { containers: [c()] }, metadata: object = {}): unknown[] =>
    pods.columns.slice(1, 4).map((col) => col.value({ metadata: { name: 'p', ...metadata }, spec, status } as Pod, { now: Date.parse('2024-01-01T01:00:00Z') }))
  const status = (more: object): never => ({ name: 'c', ready: false, restartCount: 0, image: '', imageID: '', ...more }) as never
  const init = { initContainers: [{ name: 'i' }, { name: 'j' }], containers: [c()] }
  it.each<[string, unknown[], PodStatus, (object | undefined)?, object?]>([
    ['pending', ['0/1', 'Pending', '0'], { phase: 'Pending' }],
    ['running', ['1/1', 'Running', '0'], { phase: 'Running', containerStatuses: [status({ ready: true, state: { running: {} } })] }],
    ['crash loop', ['0/1', 'CrashLoopBackOff', '3 (5s ago)'], { phase: 'Running', containerStatuses: [status({ restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 1, finishedAt: '2024-01-01T00:59:55Z' } } })] }],
    ['completed', ['0/1', 'Completed', '0'], { phase: 'Succeeded', containerStatuses: [status({ state: { terminated: { exitCode: 0, reason: 'Completed' } } })] }],
    ['killed', ['0/1', 'Signal:9', '0'], { phase: 'Failed', containerStatuses: [status({ state: { terminated: { exitCode: 137, signal: 9 } } })] }],
    ['one of two completed', ['1/2', 'NotReady', '0'], { phase: 'Running', containerStatuses: [status({ state: { terminated: { exitCode: 0, reason: 'Completed' } } }), status({ name: 'd', ready: true, state: { running: {} } })] }, { containers: [c(), c({ name: 'd' })] }],
    ['first init container', ['0/1', 'Init:0/2', '0'], { phase: 'Pending', initContainerStatuses: [status({ name: 'i', state: { running: {} } }), status({ name: 'j' })] }, init],
    ['second init container', ['0/1', 'Init:1/2', '0'], { phase: 'Pending', initContainerStatuses: [status({ name: 'i', state: { terminated: { exitCode: 0 } } }), status({ name: 'j', state: { waiting: { reason: 'PodInitializing' } } })] }, init],
    ['failed init container', ['0/1', 'Init:ExitCode:3', '2'], { phase: 'Pending', initContainerStatuses: [status({ name: 'i', restartCount: 2, state: { terminated: { exitCode: 3 } } })] }, init],
    ['init image', ['0/1', 'Init:ImagePullBackOff', '0'], { phase: 'Pending', initContainerStatuses: [status({ name: 'i', state: { waiting: { reason: 'ImagePullBackOff' } } })] }, init],
    ['sidecar', ['2/2', 'Running', '1'], { phase: 'Running', initContainerStatuses: [status({ name: 'i', started: true, ready: true, restartCount: 1, state: { running: {} } })], containerStatuses: [status({ ready: true, state: { running: {} } })] }, { initContainers: [{ name: 'i', restartPolicy: 'Always' }], containers: [c()] }],
    ['evicted', ['0/1', 'Evicted', '0'], { phase: 'Failed', reason: 'Evicted' }],
    ['terminating', ['1/1', 'Terminating', '0'], { phase: 'Running', containerStatuses: [status({ ready: true, state: { running: {} } })] }, undefined, { deletionTimestamp: '2024-01-01T00:00:00Z' }],
    ['lost', ['0/1', 'Unknown', '0'], { phase: 'Running', reason: 'NodeLost' }, undefined, { deletionTimestamp: '2024-01-01T00:00:00Z' }],
    ['gated', ['0/1', 'SchedulingGated', '0'], { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }],
  ])('%s', (_, expected, s, spec, metadata) => { expect(cells(s, spec, metadata)).toEqual(expected) })
  it('are kubectl’s', () => { expect(pods.columns.map((x) => `${x.name}${x.priority ? '*' : ''}`)).toEqual(['Name', 'Ready', 'Status', 'Restarts', 'Age', 'IP*', 'Node*', 'Nominated Node*', 'Readiness Gates*']) })
})
