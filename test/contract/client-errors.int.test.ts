/** Refusals as a program sees them: code, reason, message, details and causes are upstream's, each in the words that users search for. */
import { AdmissionregistrationV1Api, ApiextensionsV1Api, AppsV1Api, BatchV1Api, CoreV1Api, CustomObjectsApi, PolicyV1Api, RbacAuthorizationV1Api } from '@kubernetes/client-node'
import type { KubeConfig, V1Pod } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startFakeCluster } from '../../control-plane/api-server/fake-cluster.ts'
import type { FakeCluster } from '../../control-plane/api-server/fake-cluster.ts'
import { clientOf, refusal } from './client.ts'

const namespace = 'default'
const labels = { app: 'a' }
const pod = (name: string, spec: object = {}): V1Pod => ({ metadata: { name, labels }, spec: { containers: [{ name: 'main', image: 'a' }], ...spec } })

class Clients {
  readonly core: CoreV1Api
  readonly apps: AppsV1Api
  readonly batch: BatchV1Api
  readonly policy: PolicyV1Api
  readonly rbac: RbacAuthorizationV1Api
  readonly crds: ApiextensionsV1Api
  readonly hooks: AdmissionregistrationV1Api
  readonly custom: CustomObjectsApi
  constructor(config: KubeConfig) {
    this.core = config.makeApiClient(CoreV1Api)
    this.apps = config.makeApiClient(AppsV1Api)
    this.batch = config.makeApiClient(BatchV1Api)
    this.policy = config.makeApiClient(PolicyV1Api)
    this.rbac = config.makeApiClient(RbacAuthorizationV1Api)
    this.crds = config.makeApiClient(ApiextensionsV1Api)
    this.hooks = config.makeApiClient(AdmissionregistrationV1Api)
    this.custom = config.makeApiClient(CustomObjectsApi)
  }
}

let cluster: FakeCluster
let admin: Clients
let nobody: Clients
beforeAll(async () => {
  cluster = await startFakeCluster()
  admin = new Clients(await clientOf(cluster))
  nobody = new Clients(await clientOf(cluster, 'nobody', []))
  await admin.core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'default' } } })
  await admin.core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'here' }, data: { a: 'b' } } })
  await admin.core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'fixed' }, immutable: true, data: { a: 'b' } } })
  await admin.core.createNamespacedPod({ namespace, body: pod('here') })
  await admin.core.createNamespacedService({ namespace, body: { metadata: { name: 'here' }, spec: { ports: [{ port: 80 }], selector: labels } } })
  await admin.apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'here' }, spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod('x').spec as object as never } } } })
})
afterAll(() => cluster.close())

interface Refused { readonly code: number; readonly reason?: string; readonly message: string; readonly details?: object }
type Case = readonly [string, () => Promise<unknown>, Refused]
const cause = (reason: string, field: string, message: string): object => ({ reason, field, message })

const cases: readonly Case[] = [
  ['what is not there', () => admin.core.readNamespacedPod({ name: 'gone', namespace }),
    { code: 404, reason: 'NotFound', message: 'pods "gone" not found', details: { name: 'gone', kind: 'pods' } }],
  ['what is not there, of a group', () => admin.apps.readNamespacedDeployment({ name: 'gone', namespace }),
    { code: 404, reason: 'NotFound', message: 'deployments.apps "gone" not found', details: { name: 'gone', group: 'apps', kind: 'deployments' } }],
  ['a namespace that is not there', () => admin.core.createNamespacedConfigMap({ namespace: 'gone', body: { metadata: { name: 'a' } } }),
    { code: 404, reason: 'NotFound', message: 'namespaces "gone" not found', details: { name: 'gone', kind: 'namespaces' } }],
  ['a kind that is not served', () => admin.custom.listClusterCustomObject({ group: 'example.com', version: 'v1', plural: 'widgets' }),
    { code: 404, reason: 'NotFound', message: 'the server could not find the requested resource' }],
  ['what is there already', () => admin.core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'here' } } }),
    { code: 409, reason: 'AlreadyExists', message: 'configmaps "here" already exists', details: { name: 'here', kind: 'configmaps' } }],
  ['an old resourceVersion', () => admin.core.replaceNamespacedConfigMap({ name: 'here', namespace, body: { metadata: { name: 'here', resourceVersion: '1' } } }),
    { code: 409, reason: 'Conflict', message: 'Operation cannot be fulfilled on configmaps "here": the object has been modified; please apply your changes to the latest version and try again', details: { name: 'here', kind: 'configmaps' } }],
  ['a precondition on another object', () => admin.core.deleteNamespacedConfigMap({ name: 'here', namespace, body: { preconditions: { uid: 'another' } } }),
    { code: 409, reason: 'Conflict', message: expect.stringMatching(/^Operation cannot be fulfilled on configmaps "here": Precondition failed: UID in precondition: another, UID in object meta: [0-9a-f-]{36}$/) as unknown as string }],
  ['no name', () => admin.core.createNamespacedConfigMap({ namespace, body: { metadata: {} } }),
    { code: 422, reason: 'Invalid', message: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required', details: { kind: 'ConfigMap', causes: [cause('FieldValueRequired', 'metadata.name', 'Required value: name or generateName is required')] } }],
  ['a name that is none', () => admin.core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'A_b' } } }),
    { code: 422, reason: 'Invalid', message: 'ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \'-\' or \'.\', and must start and end with an alphanumeric character (e.g. \'example.com\', regex used for validation is \'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\')' }],
  ['another namespace than the path\'s', () => admin.core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'a', namespace: 'kube-system' } } }),
    { code: 400, reason: 'BadRequest', message: 'the namespace of the provided object does not match the namespace sent on the request' }],
  ['another name than the path\'s', () => admin.core.replaceNamespacedConfigMap({ name: 'here', namespace, body: { metadata: { name: 'b' } } }),
    { code: 400, reason: 'BadRequest', message: 'the name of the object (b) does not match the name on the URL (here)' }],
  ['a pod without containers', () => admin.core.createNamespacedPod({ namespace, body: { metadata: { name: 'a' }, spec: { containers: [] } } }),
    { code: 422, reason: 'Invalid', message: 'Pod "a" is invalid: spec.containers: Required value', details: { name: 'a', kind: 'Pod', causes: [cause('FieldValueRequired', 'spec.containers', 'Required value')] } }],
  ['several mistakes, all named', () => admin.core.createNamespacedPod({ namespace, body: pod('a', { restartPolicy: 'Sometimes', containers: [{ name: 'A', image: '' }] }) }),
    { code: 422, reason: 'Invalid', message: expect.stringMatching(/^Pod "a" is invalid: \[.*spec\.containers\[0\]\.image: Required value.*\]$/) as unknown as string, details: expect.objectContaining({
      causes: expect.arrayContaining([
        cause('FieldValueInvalid', 'spec.containers[0].name', 'Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \'-\', and must start and end with an alphanumeric character (e.g. \'my-name\',  or \'123-abc\', regex used for validation is \'[a-z0-9]([-a-z0-9]*[a-z0-9])?\')'),
        cause('FieldValueRequired', 'spec.containers[0].image', 'Required value'),
        cause('FieldValueNotSupported', 'spec.restartPolicy', 'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'),
      ]) as unknown,
    }) as object }],
  ['a quantity that is none', () => admin.core.createNamespacedPod({ namespace, body: pod('a', { containers: [{ name: 'a', image: 'a', resources: { limits: { cpu: 'much' } } }] }) }),
    { code: 400, reason: 'BadRequest', message: expect.stringContaining('quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\'') as unknown as string }],
  ['what may not change', () => admin.core.patchNamespacedPod({ name: 'here', namespace, body: [{ op: 'replace', path: '/spec/restartPolicy', value: 'Never' }] }),
    { code: 422, reason: 'Invalid', message: expect.stringContaining('Pod "here" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`') as unknown as string }],
  ['an immutable selector', () => admin.apps.patchNamespacedDeployment({ name: 'here', namespace, body: [{ op: 'replace', path: '/spec/selector/matchLabels', value: { app: 'b' } }] }),
    { code: 422, reason: 'Invalid', message: expect.stringContaining('field is immutable') as unknown as string }],
  ['an immutable map', () => admin.core.patchNamespacedConfigMap({ name: 'fixed', namespace, body: [{ op: 'replace', path: '/data/a', value: 'c' }] }),
    { code: 422, reason: 'Invalid', message: 'ConfigMap "fixed" is invalid: data: Forbidden: field is immutable when `immutable` is set', details: { name: 'fixed', kind: 'ConfigMap', causes: [cause('FieldValueForbidden', 'data', 'Forbidden: field is immutable when `immutable` is set')] } }],
  ['a selector that does not match its template', () => admin.apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'a' }, spec: { selector: { matchLabels: { b: 'c' } }, template: { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a' }] } } } } }),
    { code: 422, reason: 'Invalid', message: 'Deployment.apps "a" is invalid: spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`' }],
  ['a JSON patch whose test fails', () => admin.core.patchNamespacedConfigMap({ name: 'here', namespace, body: [{ op: 'test', path: '/data/a', value: 'no' }] }),
    { code: 422, reason: 'Invalid', message: 'the server rejected our request due to an error in our request' }],
  ['an unknown field under Strict', () => admin.core.createNamespacedConfigMap({ namespace, fieldValidation: 'Strict', body: Object.assign({ metadata: { name: 'a' } }, { data: { a: 1 } }) as never }),
    { code: 400, reason: 'BadRequest', message: expect.stringContaining('cannot unmarshal number into Go struct field ConfigMap.data of type string') as unknown as string }],
  ['no right', () => nobody.core.listNamespacedSecret({ namespace }),
    { code: 403, reason: 'Forbidden', message: 'secrets is forbidden: User "nobody" cannot list resource "secrets" in API group "" in the namespace "default"', details: { kind: 'secrets' } }],
  ['no right to one', () => nobody.apps.deleteNamespacedDeployment({ name: 'here', namespace }),
    { code: 403, reason: 'Forbidden', message: 'deployments.apps "here" is forbidden: User "nobody" cannot delete resource "deployments" in API group "apps" in the namespace "default"', details: { name: 'here', group: 'apps', kind: 'deployments' } }],
  ['no right in the cluster', () => nobody.core.listNode(),
    { code: 403, reason: 'Forbidden', message: 'nodes is forbidden: User "nobody" cannot list resource "nodes" in API group "" at the cluster scope', details: { kind: 'nodes' } }],
  ['a selector that is none', () => admin.core.listNamespacedPod({ namespace, labelSelector: 'a=b=c' }),
    { code: 400, reason: 'BadRequest', message: 'found \'=\', expected: \',\' or \'end of string\'' }],
  ['a field nobody selects by', () => admin.core.listNamespacedPod({ namespace, fieldSelector: 'spec.priority=1' }),
    { code: 400, reason: 'BadRequest', message: 'field label not supported: spec.priority' }],
  ['a continue token of nobody', () => admin.core.listNamespacedPod({ namespace, limit: 1, _continue: 'bm9uc2Vuc2U' }),
    { code: 400, reason: 'BadRequest', message: expect.stringContaining('continue key is not valid') as unknown as string }],
  ['a list of the future', () => admin.core.listNamespacedPod({ namespace, resourceVersion: '99999999', resourceVersionMatch: 'NotOlderThan' }),
    { code: 504, reason: 'Timeout', message: expect.stringMatching(/^Timeout: Too large resource version: 99999999, current: \d+$/) as unknown as string }],
  ['a role with more than its maker has', () => nobody.rbac.createNamespacedRole({ namespace, body: { metadata: { name: 'a' }, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }] } }),
    { code: 403, reason: 'Forbidden', message: 'roles.rbac.authorization.k8s.io is forbidden: User "nobody" cannot create resource "roles" in API group "rbac.authorization.k8s.io" in the namespace "default"' }],
  ['an eviction of what is not there', () => admin.core.createNamespacedPodEviction({ name: 'gone', namespace, body: { metadata: { name: 'gone' } } }),
    { code: 404, reason: 'NotFound', message: 'pods "gone" not found' }],
  ['a budget with both bounds', () => admin.policy.createNamespacedPodDisruptionBudget({ namespace, body: { metadata: { name: 'a' }, spec: { minAvailable: 1, maxUnavailable: 1, selector: { matchLabels: labels } } } }),
    { code: 422, reason: 'Invalid', message: 'PodDisruptionBudget.policy "a" is invalid: spec: Invalid value: {"maxUnavailable":1,"minAvailable":1,"selector":{"matchLabels":{"app":"a"}}}: minAvailable and maxUnavailable cannot be both set' }],
  ['a schedule that is none', () => admin.batch.createNamespacedCronJob({ namespace, body: { metadata: { name: 'a' }, spec: { schedule: 'often', jobTemplate: { spec: { template: { spec: { containers: [{ name: 'a', image: 'a' }], restartPolicy: 'Never' } } } } } } }),
    { code: 422, reason: 'Invalid', message: expect.stringContaining('CronJob.batch "a" is invalid: spec.schedule: Invalid value: "often": ') as unknown as string }],
  ['a port of another Service', () => admin.core.createNamespacedService({ namespace, body: { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }], clusterIP: '10.96.0.1' } } }),
    { code: 422, reason: 'Invalid', message: expect.stringContaining('provided IP is already allocated') as unknown as string }],
  ['a definition whose name is not its own', () => admin.crds.createCustomResourceDefinition({ body: { metadata: { name: 'a.b' }, spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] } } }),
    { code: 422, reason: 'Invalid', message: expect.stringContaining('metadata.name: Invalid value: "a.b": must be spec.names.plural+"."+spec.group') as unknown as string }],
  ['a namespace of the system', () => admin.core.deleteNamespace({ name: 'kube-system' }),
    { code: 403, reason: 'Forbidden', message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted' }],
]

describe('a refusal', () => {
  it.each(cases)('%s', async (_, call, expected) => {
    expect(await refusal(call())).toMatchObject({ ...expected, ...(expected.reason ? { kind: 'Status', status: 'Failure', apiVersion: 'v1' } : {}) })
  })
})
