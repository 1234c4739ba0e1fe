/** What kubectl prints when the server refuses: each text is what users of Kubernetes know and search for. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Kubectl } from '../testbed/kubectl.ts'
import type { KubectlServer } from './kubectl-server.ts'
import { contractKubectls, startKubectlServer } from './kubectl-server.ts'

const namespace = 'errors'
let server: KubectlServer
afterAll(() => server?.close())

const deployment = (name: string, app = 'a', more: object = {}): object => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { replicas: 0, selector: { matchLabels: { app } }, template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'main', image: 'a' }] } }, ...more },
})
const pod = (name: string, more: object = {}): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'main', image: 'a' }], ...more } })
const map = (name: string, data: object = {}): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data })

/** Arguments, input, and what is said: the exit code is 1. */
type Case = readonly [args: string | readonly string[], input: object | undefined, err: string | RegExp]

const cases: readonly Case[] = [
  ['get pod gone', undefined, 'Error from server (NotFound): pods "gone" not found'],
  ['get deploy/gone svc/gone', undefined, 'Error from server (NotFound): deployments.apps "gone" not found\nError from server (NotFound): services "gone" not found'],
  ['get nothings', undefined, 'error: the server doesn\'t have a resource type "nothings"'],
  ['get --raw /apis/nothing.example.com', undefined, 'Error from server (NotFound): the server could not find the requested resource'],
  ['create -f -', map('here'), 'Error from server (AlreadyExists): error when creating "STDIN": configmaps "here" already exists'],
  ['create configmap here', undefined, 'error: failed to create configmap: configmaps "here" already exists'],
  ['create namespace default', undefined, 'Error from server (AlreadyExists): namespaces "default" already exists'],
  ['create -f -', pod('A'), /^The Pod "A" is invalid: metadata\.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '\.', and must start and end with an alphanumeric character \(e\.g\. 'example\.com', regex used for validation is '.*'\)$/],
  ['create -f -', pod('two', { restartPolicy: 'Now', containers: [{ name: 'main' }] }), 'The Pod "two" is invalid: \n* spec.containers[0].image: Required value\n* spec.restartPolicy: Unsupported value: "Now": supported values: "Always", "OnFailure", "Never"'],
  ['create -f -', deployment('mixed', 'b'), 'The Deployment "mixed" is invalid: spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'],
  ['apply -f -', deployment('here', 'a', { selector: { matchLabels: { app: 'b' } }, template: { metadata: { labels: { app: 'b' } }, spec: { containers: [{ name: 'main', image: 'a' }] } } }), /\nThe Deployment "here" is invalid: spec\.selector: Invalid value: .*: field is immutable$/],
  ['apply -f -', { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'a' } }, 'error: resource mapping not found for name: "a" namespace: "" from "STDIN": no matches for kind "Widget" in version "example.com/v1"\nensure CRDs are installed first'],
  ['create -f -', { ...deployment('strict'), spex: {} }, 'Error from server (BadRequest): error when creating "STDIN": Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spex"'],
  ['replace -f -', map('gone'), 'Error from server (NotFound): error when replacing "STDIN": configmaps "gone" not found'],
  ['replace -f -', { ...map('here'), metadata: { name: 'here', resourceVersion: '1' } }, 'Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on configmaps "here": the object has been modified; please apply your changes to the latest version and try again'],
  ['delete pod gone', undefined, 'Error from server (NotFound): pods "gone" not found'],
  ['delete namespace kube-system', undefined, 'Warning: deleting cluster-scoped resources, not scoped to the provided namespace\nError from server (Forbidden): namespaces "kube-system" is forbidden: this namespace may not be deleted'],
  ['get pods -l a=b=c', undefined, 'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label selector "a=b=c", field selector "": found \'=\', expected: \',\' or \'end of string\''],
  ['get pods --field-selector spec.nothing=1', undefined, 'Error from server (BadRequest): Unable to find "/v1, Resource=pods" that match label selector "", field selector "spec.nothing=1": field label not supported: spec.nothing'],
  ['scale deploy/gone --replicas=2', undefined, /^error: no objects passed to scale( deployments\.apps "gone" not found)?$/],
  ['scale deploy/here --replicas=2 --current-replicas=5', undefined, 'error: Expected replicas to be 5, was 0'],
  ['label configmap here a=b c=d/e', undefined, 'error: invalid label value: "c=d/e": a valid label must be an empty string or consist of alphanumeric characters, \'-\', \'_\' or \'.\', and must start and end with an alphanumeric character (e.g. \'MyValue\',  or \'my_value\',  or \'12345\', regex used for validation is \'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\')'],
  ['logs gone', undefined, /^(error: error|Error) from server \(NotFound\): pods "gone" not found( in namespace "errors")?$/],
  ['exec gone -- true', undefined, 'Error from server (NotFound): pods "gone" not found'],
  ['exec waiting -- true', undefined, /^Error from server \(BadRequest\): pod waiting does not have a host assigned$/],
  ['logs waiting -c nothing', undefined, 'error: container nothing is not valid for pod waiting'],
  ['top nodes', undefined, 'error: metrics not available yet'],
  ['rollout undo deploy/here --to-revision=9', undefined, 'error: unable to find specified revision 9 in history'],
  ['autoscale deploy gone --max=3', undefined, 'Error from server (NotFound): deployments.apps "gone" not found'],
  ['expose deploy here', undefined, 'error: couldn\'t find port via --port flag or introspection'],
  ['patch configmap here --type=json -p [{"op":"test","path":"/data/x","value":"y"}]', undefined, /^The request is invalid: (the server rejected our request due to an error in our request|patch: test)/],
  ['patch configmap here -p {"data":5}', undefined, /^The request is invalid: patch: Invalid value: /],
  ['certificate approve gone', undefined, 'Error from server (NotFound): certificatesigningrequests.certificates.k8s.io "gone" not found'],
  ['create token gone', undefined, 'error: failed to create token: serviceaccounts "gone" not found'],
  ['create -f -', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { ports: [{ port: 0 }] } }, 'The Service "a" is invalid: \n* spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive\n* spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive'],
  ['create quota q --hard=cpu=much', undefined, 'error: quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\''],
  ['apply --server-side --field-manager=second -f -', map('owned', { a: 'other' }), 'error: Apply failed with 1 conflict: conflict with "first": .data.a\nPlease review the fields above--they currently have other managers. Here\nare the ways you can resolve this warning:\n* If you intend to manage all of these fields, please re-run the apply\n  command with the `--force-conflicts` flag.\n* If you do not intend to manage all of the fields, please edit your\n  manifest to remove references to the fields that should keep their\n  current managers.\n* You may co-own fields by updating your manifest to match the existing\n  value; in this case, you\'ll become the manager if the other manager(s)\n  stop managing the field (remove it from their configuration).\nSee https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts'],
  ['wait --for=condition=Available deploy/never --timeout=1s', undefined, 'Error from server (NotFound): deployments.apps "never" not found'],
  ['get pods --as=nobody', undefined, 'Error from server (Forbidden): pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace "errors"'],
  ['delete node gone --as=nobody', undefined, 'Warning: deleting cluster-scoped resources, not scoped to the provided namespace\nError from server (Forbidden): nodes "gone" is forbidden: User "nobody" cannot delete resource "nodes" in API group "" at the cluster scope'],
  ['create role r --verb=get --resource=secrets --as=system:serviceaccount:errors:maker', undefined, /^(error: failed to create role|Error from server \(Forbidden\)): roles\.rbac\.authorization\.k8s\.io "r" is forbidden: user "system:serviceaccount:errors:maker" \(groups=\["system:serviceaccounts" "system:serviceaccounts:errors" "system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/],
]

/** Refusals change nothing: all versions meet the same objects. */
beforeAll(async () => {
  server = await startKubectlServer()
  const maker = await server.kubectl(namespace)
  await maker.run('create -f -', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [map('here'), deployment('here'), pod('waiting')] }) })
  await maker.run('apply --server-side --field-manager=first -f -', { input: JSON.stringify(map('owned', { a: 'mine' })) })
  await maker.run('create serviceaccount maker')
  await maker.run('create role maker --verb=create --resource=roles.rbac.authorization.k8s.io')
  await maker.run('create rolebinding maker --role=maker --serviceaccount=errors:maker')
})

describe.concurrent.each(contractKubectls)('kubectl $version', (binary) => {
  let kubectl: Kubectl
  beforeAll(async () => {
    kubectl = (await server.kubectl(undefined, binary)).in(namespace)
  })

  it.each(cases)('%s %j', async (args, input, expected) => {
    const { code, out, err } = await kubectl.said(args, input)
    if (typeof expected === 'string') expect(err).toBe(expected)
    else expect(err).toMatch(expected)
    expect(out).toBe('')
    expect(code).toBe(1)
  })
})
