/** Requests as a broken client, a broken proxy or an attacker sends them: a mostly right request of a served kind with something wrong somewhere. */
import type { Call } from '../bench/load-client.ts'
import { served } from './manifests.ts'
import type { Served } from './manifests.ts'
import type { Random } from './random.ts'

export interface Malformed { readonly method: string; readonly path: string; readonly call: Call }

const methods = [...'GET GET GET GET POST POST POST POST POST POST PUT PUT PUT PUT PATCH PATCH PATCH PATCH PATCH PATCH PATCH DELETE HEAD'.split(' ')]
const oddMethods = ['OPTIONS', 'TRACE', 'PURGE', 'CONNECT', 'get']
const pathParts = ['%00', '%2F', '%2e%2e', '..', '.', '%', '%zz', '%c3%28', '%F0%9F%8D%93', '', 'a'.repeat(300), '-', '*', 'a:b', 'https:x:', ':8080', '__proto__', 'constructor', 'toString', '%ff%fe', 'status', 'proxy', 'exec', 'scale', 'watch', '~', ';a=b', '%3F', '%23', 'namespaces', 'fuzz']
const otherPaths = ['/', '/api', '/apis', '/api/v2', '/apis/nope/v1', '/apis/apps/v9/deployments', '/apis/apps', '/openapi/v2', '/openapi/v3', '/openapi/v3/apis/apps/v1?hash=0', '/openapi/v3/apis/nope/v1', '/version', '/healthz', '/livez/nope', '/readyz?verbose&exclude=', '/metrics', '/logs/', '/debug/pprof/', '/.well-known/openid-configuration', '/openid/v1/jwks',
  '/api/v1/watch/pods', '/api/v1/watch/namespaces/fuzz/pods/a', '/api/v1/proxy/nodes/a', '//api/v1//pods', '/API/v1/pods', '/api/v1/componentstatuses/nope', '/api/v1/namespaces/fuzz/pods/a/b/c/d/e/f', '/apis/metrics.k8s.io/v1beta1/pods', '/apis/metrics.k8s.io/v1beta1/nodes/x', '/apis/authorization.k8s.io/v1/namespaces/fuzz/localsubjectaccessreviews', '/mqtt', '/ui']
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const texts = ['', 'a', '-1', '0', '1', '1e9', '99999999999999999999', 'true', 'True', 'null', '%00', '%', 'a=b', 'a in (b', 'a notin (b,c)', '!a', 'a,,b', 'a==b==c', 'a>1', 'metadata.name=a', 'metadata.name!=a', 'spec.nodeName=', 'nope.field=1', '%F0%9F%8D%93', 'x'.repeat(500), 'All', 'None', 'Strict', 'Warn', 'Ignore', 'Foreground', 'Orphan', 'NotOlderThan', 'Exact', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0', 'e30', 'bnVsbA', '..', '2026-01-01T00:00:00Z', 'a%26b', '+', '%2B']
const queryNames = ['limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'labelSelector', 'fieldSelector', 'dryRun', 'fieldValidation', 'fieldManager', 'force', 'watch', 'allowWatchBookmarks', 'sendInitialEvents', 'timeoutSeconds', 'timeout', 'pretty', 'includeObject', 'propagationPolicy', 'gracePeriodSeconds', 'orphanDependents', 'preconditions', 'container', 'command', 'stdin', 'stdout', 'tty', 'tailLines', 'sinceSeconds', 'sinceTime', 'limitBytes', 'previous', 'stream', 'ports', 'path', 'shardSelector', '__proto__', 'nope']
const accepts = ['application/json', '*/*', '', 'text/html', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json', 'application/json;as=Nope;v=v9;g=x', 'application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io', 'application/json;stream=watch', ';;;', 'a/b;q=2,*/*;q=0', 'application/cbor', '\x01\x7f', 'text/plain;version=0.0.4', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf']
const contentTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/merge-patch+json', 'application/json-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml', 'application/apply-patch+cbor', 'text/plain', '', 'application/json; charset=utf-16', 'multipart/form-data; boundary=x', ';', 'application/x-www-form-urlencoded']
const headers = ['Authorization: Bearer a.b.c', 'Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.', 'Authorization: Basic !!!', 'Authorization: Bearer', 'Authorization: ', 'Impersonate-User: system:serviceaccount:fuzz:a', 'Impersonate-User: ', 'Impersonate-Group: system:masters', 'Impersonate-User: a\r\nImpersonate-Extra-%zz: b', 'Impersonate-Uid: x', 'Content-Encoding: gzip', 'Content-Encoding: nope', 'Accept-Encoding: gzip;q=x, br', 'Accept-Encoding: gzip', 'Upgrade: SPDY/3.1\r\nConnection: Upgrade', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 99', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v99.channel.k8s.io', 'X-Remote-User: admin\r\nX-Remote-Group: system:masters', 'If-None-Match: "x', 'Range: bytes=0-1', 'Expect: 100-continue', 'Expect: nope', 'Cookie: ' + 'x'.repeat(3000), 'X-Large: ' + 'x'.repeat(20_000), 'Audit-ID: ' + '\xff'.repeat(100), 'User-Agent: \x80\x81', 'Warning: 299 - "x"', 'X-Forwarded-For: ::', 'Kubectl-Command: \xe9', 'Connection: close']

/** What stands in a manifest's place: each type, each edge of it. */
const values = (random: Random): unknown => random.pick<() => unknown>([
  () => null, () => true, () => 0, () => -1, () => 1.5, () => 1e308, () => 2 ** 53, () => -(2 ** 63), () => '', () => 'a', () => '\u0000', () => '\ud800', () => 'x'.repeat(5000), () => '1Gi', () => '-5%', () => '1e99', () => '99999999999999999999999Ei', () => [], () => [null], () => [[]], () => [{}], () => ({}),
  () => ({ '': null }), () => ({ a: { b: { c: [] } } }), () => 'IfNotPresent', () => '10.0.0.1', () => '::ffff:10.0.0.1/33', () => '2026-13-45T99:99:99Z', () => '((((', () => '^(a+)+$', () => 'AAA', () => 'self.x.all(y, y == self)', () => JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}') as unknown,
])()

type Node = Record<string, unknown> | unknown[]
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null

/** Changes a random place below `root` of its own copy: another value, gone, doubled, an unknown field. */
function breakOnce(random: Random, root: Node): void {
  let at = root
  for (;;) {
    const keys = Object.keys(at)
    if (keys.length === 0) break
    const key = random.pick(keys)
    const child = (at as Record<string, unknown>)[key]
    if (isNode(child) && !random.once(6)) { at = child; continue }
    if (random.once(4)) { if (Array.isArray(at)) at.splice(Number(key), 1); else Reflect.deleteProperty(at, key) }
    else if (Array.isArray(at) && random.once(2)) at.push(structuredClone(child))
    else Object.defineProperty(at, key, { value: values(random), enumerable: true, configurable: true, writable: true })
    return
  }
  if (!Array.isArray(at)) at[random.pick(['nope', 'metadata', 'spec', 'status', 'kind', 'items', 'name', 'finalizers', 'ownerReferences', 'deletionTimestamp', 'managedFields', 'uid'])] = values(random)
}

const metadata = (random: Random, name: string, of: Served): Record<string, unknown> => ({
  name, ...(of.namespaced ? { namespace: 'fuzz' } : {}),
  ...(random.once(3) ? { labels: { app: 'fuzz' }, annotations: { a: 'b' } } : {}),
  ...(random.once(20) ? { resourceVersion: random.pick(['1', '0', 'x', '999999999']) } : {}),
  ...(random.once(30) ? { managedFields: [{ manager: 'm', operation: 'Apply', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'k:{"a"': {}, '.': {}, 'x:': 1 } } }] } : {}),
})

const deep = (open: string, close: string, count: number): string => open.repeat(count) + close.repeat(count)

/** A text that is no honest JSON, built around one. */
function brokenText(random: Random, text: string): string | Buffer {
  return random.pick<() => string | Buffer>([
    () => text.slice(0, random.below(text.length)),
    () => text + text,
    () => `\ufeff${text}`,
    () => text.replace('"', "'"),
    () => text.replace('{', '{"kind":"A","kind":"B",'),
    () => text.replace('{', '{"__proto__":{"polluted":1},'),
    () => deep('[', ']', 20_000),
    () => deep('{"a":', '}', 5000).replace('}', '1}'),
    () => '',
    () => 'null',
    () => '[]',
    () => '"a"',
    () => '1e999',
    () => '{"a": 1e400, "b": -0, "c": 01}',
    () => 'a: &a [x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d]\n',
    () => 'a: [unclosed\n  b: - x\n\t\tc',
    () => '---\n---\n{}\n...\n!!js/function "x"',
    () => Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28]),
    () => Buffer.concat([Buffer.from('k8s\0'), Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)))]),
    () => Buffer.concat([Buffer.from('k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12', 'latin1'), Buffer.from(Array.from({ length: 1 + random.below(60) }, () => random.below(256)))]),
    () => { const bytes = Buffer.from(text); for (let i = 0; i < 3; i++) bytes[random.below(bytes.length)] = random.below(256); return bytes },
  ])()
}

const pointers = ['', '/', '/metadata', '/metadata/name', '/metadata/labels/app', '/spec', '/spec/containers/0', '/spec/containers/-', '/spec/containers/99', '/spec/containers/-1', '/data/a~1b', '/data/~', '/__proto__/x', '/constructor/prototype/x', '/status/conditions/0', 'nope']
function jsonPatch(random: Random): unknown {
  const step = (): unknown => ({
    op: random.pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'nope', null]), path: random.pick<unknown>([...pointers, null, 5]),
    ...(random.once(3) ? { from: random.pick(pointers) } : {}), ...(random.once(4) ? {} : { value: values(random) }),
  })
  return random.once(10) ? values(random) : Array.from({ length: random.once(40) ? 11_000 : 1 + random.below(4) }, step)
}

function mergePatch(random: Random, of: Served): unknown {
  const patch = structuredClone(of.object) as Record<string, unknown>
  if (random.once(3)) patch.$patch = random.pick<unknown>(['replace', 'delete', 'merge', 'nope', 5])
  if (random.once(3)) patch['$setElementOrder/finalizers'] = values(random)
  if (random.once(3)) patch.spec = { containers: [{ name: 'main', $patch: random.pick<unknown>(['delete', 'replace', 'nope', {}]) }, values(random)], '$deleteFromPrimitiveList/x': values(random), '$setElementOrder/containers': random.pick<unknown>([[{ name: 'main' }], [{}], 'x', null]), $retainKeys: random.pick<unknown>([['containers'], 'x', [1]]) }
  breakOnce(random, patch)
  return patch
}

function content(random: Random, of: Served, name: string): Pick<Call, 'body' | 'type'> {
  const object = structuredClone({ ...of.object, metadata: { ...(of.object.metadata as object | undefined), ...metadata(random, name, of) } }) as Record<string, unknown>
  for (let i = random.pick([0, 1, 1, 1, 2, 3]); i > 0; i--) breakOnce(random, object)
  const text = JSON.stringify(object)
  const body = random.once(4) && text.length ? brokenText(random, text) : text
  return { body, type: random.once(8) ? random.pick(contentTypes) : 'application/json' }
}

function patchContent(random: Random, of: Served, name: string): Pick<Call, 'body' | 'type'> {
  if (random.once(4)) return { ...content(random, of, name), type: random.pick(contentTypes) }
  if (random.once(3)) return { body: JSON.stringify(jsonPatch(random)), type: 'application/json-patch+json' }
  if (random.once(3)) return { ...content(random, of, name), type: 'application/apply-patch+yaml' }
  return { body: JSON.stringify(mergePatch(random, of)), type: `application/${random.pick(['strategic-merge-patch', 'merge-patch'])}+json` }
}

function path(random: Random, of: Served, method: string, name: string): string {
  if (random.once(12)) return random.pick(otherPaths)
  const named = method !== 'POST' && !(method === 'GET' && random.once(2)) && !(method === 'DELETE' && random.once(8))
  let parts = [...of.base.split('/').slice(1), ...(of.namespaced && !random.once(20) ? ['namespaces', 'fuzz'] : []), of.resource, ...(named ? [name] : [])]
  if (of.subresources.length && random.once(3)) parts = [...parts, ...(named ? [] : [name]), random.pick(of.subresources)]
  if (random.once(6)) parts.splice(random.below(parts.length + 1), random.below(2), random.pick(pathParts))
  return `/${parts.join('/')}${random.once(30) ? '/' : ''}`
}

const query = (random: Random): string[] => random.once(2) ? [] : Array.from({ length: 1 + random.below(3) }, () => `${random.pick(queryNames)}=${random.pick(texts)}`)

/** The next request. Writes outside the namespace `fuzz` are dry runs, so that what survives breaks nothing else. */
export function malformed(random: Random): Malformed {
  const of = random.pick(served)
  const method = random.pick(random.once(25) ? oddMethods : methods)
  const name = random.pick(names)
  const where = path(random, of, method, name)
  const writes = method === 'POST' || method === 'PUT' || method === 'PATCH' || method === 'DELETE'
  const parameters = [...query(random), ...(method === 'PATCH' && random.once(3) ? ['fieldManager=fuzz'] : []), ...(writes && !where.includes('/namespaces/fuzz/') ? ['dryRun=All'] : [])]
  const full = parameters.length ? `${where}${where.includes('?') ? '&' : '?'}${parameters.join('&')}` : where
  const body = method === 'PATCH' ? patchContent(random, of, name) : method === 'POST' || method === 'PUT' ? content(random, of, name)
    : method === 'DELETE' && random.once(2) ? { body: JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: values(random), propagationPolicy: values(random) }), type: 'application/json' } : {}
  const extra = random.once(6) ? `${random.pick(headers)}\r\n` : ''
  const endless = /watch|follow/.test(full) || extra.startsWith('Upgrade')
  return { method, path: full, call: { ...body, headers: `Accept: ${random.once(4) ? random.pick(accepts) : 'application/json'}\r\nUser-Agent: fuzz\r\n${extra}`, keep: true, ...(endless ? { headOnly: true } : {}) } }
}

const requestLines = ['GET / HTTP/9.9', 'GET', 'get / http/1.1', 'GET  /  HTTP/1.1', '\x16\x03\x01\x02\x00', 'PRI * HTTP/2.0', 'CONNECT a:1 HTTP/1.1', 'GET http://a/ HTTP/1.1', 'OPTIONS * HTTP/1.1', 'POST /api/v1/namespaces/fuzz/configmaps HTTP/1.1', 'GET /a\x00b HTTP/1.1', 'GET /\xff HTTP/1.1', 'GET /' + 'a'.repeat(20_000) + ' HTTP/1.1']
const rawHeaders = ['Host: a', 'Host: a\r\nHost: b', 'Content-Length: 5\r\nContent-Length: 6', 'Content-Length: -1', 'Content-Length: x', 'Content-Length: 99999999999', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked\r\nContent-Length: 3', 'Transfer-Encoding: nope', ': empty', 'a b: c', 'X:\x00', ' folded: x', 'Expect: 100-continue\r\nContent-Length: 4']
const rawBodies = ['', 'abc', '5\r\nhello\r\n', 'zz\r\n', 'ffffffffff\r\n', '0\r\n\r\nGET / HTTP/1.1\r\n\r\n', '\r\n\r\n\r\n']

/** Bytes that are no request of HTTP/1.1, or hardly one; the sender ends its side after them. */
export const malformedBytes = (random: Random): Buffer =>
  Buffer.from(`${random.pick(requestLines)}\r\n${random.pick(rawHeaders)}\r\n${random.once(4) ? '' : '\r\n'}${random.pick(rawBodies)}`, 'latin1')
