import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { ValidatingAdmissionPolicy } from '../../../../shared/api/admissionregistration-v1.ts'
import type { ResourceRef } from '../../../../shared/api/object.ts'
import type { FakeCluster } from '../../fake-cluster.ts'
import { startFakeCluster } from '../../fake-cluster.ts'
import type { Raw } from '../fake-raw-client.ts'
import { rawRequests } from '../fake-raw-client.ts'

const admission = '/apis/admissionregistration.k8s.io/v1'
const deployments = '/apis/apps/v1/namespaces/default/deployments'
const maps = '/api/v1/namespaces/default/configmaps'

let cluster: FakeCluster
let raw: Raw
beforeAll(async () => {
  cluster = await startFakeCluster()
  raw = await rawRequests(cluster)
})
afterAll(() => cluster.close())
afterEach(async () => {
  for (const path of [`${admission}/validatingadmissionpolicybindings`, `${admission}/validatingadmissionpolicies`, deployments, maps]) await raw('DELETE', path)
})

const onDeployments = { resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] }] }
const onMaps = { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['configmaps'] }] }

async function policy(name: string, spec: object, binding: object = {}): Promise<void> {
  const made = await raw('POST', `${admission}/validatingadmissionpolicies`, { metadata: { name }, spec: { matchConstraints: onMaps, ...spec } })
  expect(made.code, made.body.message).toBe(201)
  const bound = await raw('POST', `${admission}/validatingadmissionpolicybindings`, { metadata: { name: `${name}-binding` }, spec: { policyName: name, validationActions: ['Deny'], ...binding } })
  expect(bound.code, bound.body.message).toBe(201)
}
/** The status of a policy once there is one. */
async function observed(name: string): Promise<NonNullable<ValidatingAdmissionPolicy['status']>> {
  const stop = new AbortController()
  const ref: ResourceRef<ValidatingAdmissionPolicy> = { group: 'admissionregistration.k8s.io', version: 'v1', resource: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy', namespaced: false }
  try {
    for await (const { type, object } of cluster.admin.watch(ref, { fieldSelector: `metadata.name=${name}`, resourceVersion: '' }, stop.signal)) {
      if (type !== 'BOOKMARK' && object.status?.typeChecking) return object.status
    }
  } finally {
    stop.abort()
  }
  throw new Error('the watch ended')
}
const deployment = (name: string, replicas: number): object =>
  ({ metadata: { name }, spec: { replicas, selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } } })
const map = (name: string, data: Record<string, string> = {}): object => ({ metadata: { name }, data })

it('denies what an expression finds wrong, in upstream\'s words', async () => {
  await policy('replicas', {
    matchConstraints: onDeployments, variables: [{ name: 'replicas', expression: 'object.spec.replicas' }, { name: 'odd', expression: 'variables.replicas % 2 == 1' }],
    validations: [{ expression: 'variables.replicas > 1', messageExpression: '"at least 2, not " + string(variables.replicas)' }, { expression: 'variables.odd', reason: 'Forbidden' }],
  })
  expect(await raw('POST', deployments, deployment('one', 1))).toMatchObject({
    code: 422, body: { reason: 'Invalid', message: 'deployments.apps "one" is forbidden: ValidatingAdmissionPolicy \'replicas\' with binding \'replicas-binding\' denied request: at least 2, not 1' },
  })
  expect(await raw('POST', deployments, deployment('two', 2))).toMatchObject({ code: 403, body: { reason: 'Forbidden', message: expect.stringMatching(/denied request: failed expression: variables\.odd$/) as string } })
  expect((await raw('POST', deployments, deployment('three', 3))).code).toBe(201)
})

it('warns and audits without refusing', async () => {
  await policy('soft', { validations: [{ expression: 'size(object.data) < 2', message: 'too many keys' }] }, { validationActions: ['Warn', 'Audit'] })
  expect(await raw('POST', maps, map('m', { a: '', b: '' }))).toMatchObject({ code: 201, warnings: ['Validation failed for ValidatingAdmissionPolicy \'soft\' with binding \'soft-binding\': too many keys'] })
})

it('fails or passes where an expression fails, as the policy says', async () => {
  await policy('broken', { validations: [{ expression: 'object.data.missing == "x"' }] })
  expect((await raw('POST', maps, map('m', { a: '' }))).body.message).toMatch(/denied request: expression 'object\.data\.missing == "x"' resulted in error: no such key: missing$/)
  await raw('DELETE', `${admission}/validatingadmissionpolicies/broken`)
  await raw('DELETE', `${admission}/validatingadmissionpolicybindings/broken-binding`)
  await policy('lenient', { failurePolicy: 'Ignore', validations: [{ expression: 'object.data.missing == "x"' }] })
  expect((await raw('POST', maps, map('m', { a: '' }))).code).toBe(201)
})

it('takes parameters from an object that the binding names', async () => {
  await raw('POST', maps, map('limits', { max: '3' }))
  await policy('limited', { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConditions: [{ name: 'not-params', expression: 'object == null || object.metadata.name != "limits"' }], validations: [{ expression: 'object == null || size(object.data) <= int(params.data.max)', messageExpression: '"no more than " + params.data.max' }] },
    { paramRef: { name: 'limits', namespace: 'default', parameterNotFoundAction: 'Deny' } })
  expect((await raw('POST', maps, map('m', { a: '', b: '', c: '', d: '' }))).body.message).toMatch(/denied request: no more than 3$/)
  expect((await raw('POST', maps, map('n', { a: '' }))).code).toBe(201)
  await raw('DELETE', `${maps}/limits`)
  expect((await raw('POST', maps, map('o', { a: '' }))).body.message).toMatch(/denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction$/)
})

it('sees the request, the user\'s rights and the namespace; conditions choose', async () => {
  await raw('PATCH', '/api/v1/namespaces/default', { metadata: { labels: { tier: 'gold' } } }, 'application/merge-patch+json')
  await policy('context', {
    matchConditions: [{ name: 'creates', expression: 'request.operation == "CREATE"' }],
    validations: [
      { expression: 'request.userInfo.username == "admin" && "system:masters" in request.userInfo.groups && request.namespace == "default"', message: 'user' },
      { expression: 'namespaceObject.metadata.labels["tier"] == "gold"', message: 'namespace' },
      { expression: 'authorizer.group("").resource("pods").namespace("default").check("create").allowed() && authorizer.requestResource.check("delete").allowed()', message: 'rights' },
      { expression: '!authorizer.serviceAccount("default", "nobody").path("/metrics").check("get").allowed()', message: 'account' },
      { expression: 'object.metadata.name != "bad"', message: 'name' },
    ],
  })
  expect((await raw('POST', maps, map('good'))).code).toBe(201)
  expect((await raw('POST', maps, map('bad'))).body.message).toMatch(/denied request: name$/)
  // The condition is about creations only.
  expect((await raw('DELETE', `${maps}/good`)).code).toBe(200)
})

it('holds for deletions, with the object as it was', async () => {
  await raw('POST', maps, map('kept', { keep: 'yes' }))
  await policy('keep', { validations: [{ expression: 'object != null || !("keep" in oldObject.data)', message: 'it is to be kept' }] })
  expect((await raw('DELETE', `${maps}/kept`)).code).toBe(422)
  await raw('PUT', `${maps}/kept`, map('kept', { other: 'x' }))
  expect((await raw('DELETE', `${maps}/kept`)).code).toBe(200)
})

it('stops what costs too much', async () => {
  const items = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`k${i}`, 'v']))
  await policy('costly', { validations: [{ expression: 'object.data.all(a, object.data.all(b, object.data.all(c, a + b != c)))' }] })
  expect((await raw('POST', maps, map('m', items))).body.message).toMatch(/resulted in error: operation cancelled: actual cost limit exceeded$/)
})

it('refuses policies that do not compile', async () => {
  const refused = await raw('POST', `${admission}/validatingadmissionpolicies`, {
    metadata: { name: 'x' },
    spec: {
      matchConstraints: onMaps, variables: [{ name: 'n', expression: '1 +' }, { name: 'not ok', expression: '1' }],
      validations: [{ expression: 'object.x' }, { expression: '1', messageExpression: '2' }, { expression: 'params.x == 1' }], auditAnnotations: [{ key: 'k', valueExpression: '1' }],
    },
  })
  expect(refused.code).toBe(422)
  expect(refused.body.details?.causes?.map((c) => c.field)).toEqual(['spec.variables[1].name'])
  const cel = await raw('POST', `${admission}/validatingadmissionpolicies`, {
    metadata: { name: 'x' },
    spec: { matchConstraints: onMaps, variables: [{ name: 'n', expression: '1 +' }], validations: [{ expression: 'object.x' }, { expression: '1', messageExpression: '2' }, { expression: 'params.x == 1' }], auditAnnotations: [{ key: 'k', valueExpression: '1' }] },
  })
  expect(cel.body.details?.causes?.map((c) => [c.field, c.message?.split('\n')[0]])).toEqual([
    ['spec.variables[0].expression', expect.stringContaining('compilation failed: ERROR: <input>:1:4: Syntax error: mismatched input')],
    ['spec.validations[1].expression', 'Invalid value: "1": must evaluate to bool'], ['spec.validations[1].messageExpression', 'Invalid value: "2": must evaluate to string'],
    ['spec.validations[2].expression', expect.stringContaining('undeclared reference to \'params\'')], ['spec.auditAnnotations[0].valueExpression', 'Invalid value: "1": must evaluate to one of [string null_type]'],
  ])
})

it('says in the status of a policy what its types have against it', async () => {
  await raw('POST', `${admission}/validatingadmissionpolicies`, {
    metadata: { name: 'typed' },
    spec: { matchConstraints: onDeployments, variables: [{ name: 'n', expression: 'object.spec.replicas' }], validations: [{ expression: 'variables.n > "1"' }, { expression: 'object.spec.replicas > 1 && has(object.metadata.labels.app)' }, { expression: 'object.spec.nope == 1' }] },
  })
  const status = await observed('typed')
  expect(status.observedGeneration).toBe(1)
  expect(status.typeChecking?.expressionWarnings?.map((w) => [w.fieldRef, w.warning.split('\n')[0]])).toEqual([
    ['spec.validations[0].expression', 'apps/v1, Kind=Deployment: compilation failed: ERROR: <input>:1:13: found no matching overload for \'_>_\' applied to \'(int, string)\''],
    ['spec.validations[2].expression', 'apps/v1, Kind=Deployment: compilation failed: ERROR: <input>:1:12: undefined field \'nope\''],
  ])
})
