/** Properties of ownership: sets, comparison, merge and apply, over generated documents and the type of a Deployment's kind. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../shared/api/object.ts'
import { StatusError } from '../../../shared/base/errors.ts'
import { copyJson, equalJson, freezeJson } from '../../../shared/values/json-value.ts'
import type { ApplyWrite } from './apply.ts'
import { applyDocument } from './apply.ts'
import { compare } from './compare.ts'
import type { FieldSet } from './field-set.ts'
import { difference, EMPTY, equalSets, FieldsError, intersection, isEmpty, parseFields, pathsOf, recursiveDifference, union } from './field-set.ts'
import { capUpdaters, MAX_UPDATE_MANAGERS, readManagers, setFields, writeManagers } from './managers.ts'
import type { Managers } from './managers.ts'
import { merge } from './merge.ts'
import { schemaRootType } from './schema-types.ts'
import { setOf } from './set-of.ts'
import { emptyObject, tableType } from './table-types.ts'
import { trackUpdate } from './track-update.ts'
import type { Write } from './write.ts'

const pod = tableType('core-v1.Pod')
const steps = fc.constantFrom('f:a', 'f:b', 'f:c', 'k:{"name":"x"}', 'k:{"port":80,"protocol":"TCP"}', 'v:"s"', 'v:1', 'i:0')
/** Written as a client may: in any order, with and without `.`. */
const fields: fc.Arbitrary<FieldSet> = fc.letrec<{ node: FieldSet }>((tie) => ({
  node: fc.oneof({ maxDepth: 4 }, fc.constant(EMPTY), fc.dictionary(fc.oneof(steps, fc.constant('.')), tie('node'), { maxKeys: 4 })
    .map((d) => ({ ...d, ...(d['.'] ? { '.': EMPTY } : {}) }))),
})).node
const sets = fields.map((f) => parseFields(f))

describe('sets', () => {
  it('keep FieldsV1 through a round trip', () => {
    fc.assert(fc.property(sets, (s) => equalSets(parseFields(JSON.parse(JSON.stringify(s))), s) && JSON.stringify(parseFields(s)) === JSON.stringify(s)))
  })
  it('obey the laws of sets', () => {
    fc.assert(fc.property(sets, sets, (a, b) => {
      expect(pathsOf(union(a, b)).sort()).toEqual([...new Set([...pathsOf(a), ...pathsOf(b)])].sort())
      expect(pathsOf(difference(a, b)).sort()).toEqual(pathsOf(a).filter((p) => !pathsOf(b).includes(p)).sort())
      expect(pathsOf(intersection(a, b)).sort()).toEqual(pathsOf(a).filter((p) => pathsOf(b).includes(p)).sort())
      expect(JSON.stringify(union(a, b))).toBe(JSON.stringify(union(b, a)))
      expect(isEmpty(recursiveDifference(a, a))).toBe(true)
    }))
  })
  it('stand in upstream order and spelling', () => {
    const s = parseFields({ 'k:{"protocol":"TCP","port":80}': {}, 'f:b': {}, 'v:"x"': {}, 'f:a': { 'f:z': {}, '.': {} }, 'k:{"port":9,"protocol":"TCP"}': {}, 'v:2': {} })
    expect(JSON.stringify(s)).toBe('{"f:a":{".":{},"f:z":{}},"f:b":{},"k:{\\"port\\":9,\\"protocol\\":\\"TCP\\"}":{},"k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}":{},"v:2":{},"v:\\"x\\"":{}}')
    expect(pathsOf(s)).toEqual(['.a', '.b', '[port=9,protocol="TCP"]', '[port=80,protocol="TCP"]', '[=2]', '[="x"]', '.a.z'])
    expect(() => parseFields({ 'x:a': {} })).toThrow(FieldsError)
    expect(() => parseFields([])).toThrow(FieldsError)
  })
})

const word = fc.constantFrom('a', 'b', 'c')
/** Documents of a Pod with scalars, maps, keyed lists, sets and objects owned whole; none empty, for an empty object is a field of its own. */
const document = fc.record({
  metadata: fc.record({ labels: fc.dictionary(word, word, { minKeys: 1, maxKeys: 3 }), finalizers: fc.uniqueArray(fc.constantFrom('x/a', 'x/b', 'x/c'), { minLength: 1, maxLength: 3 }) }, { requiredKeys: [] }),
  spec: fc.record({
    nodeName: word, priority: fc.integer({ min: 0, max: 3 }), nodeSelector: fc.dictionary(word, word, { minKeys: 1, maxKeys: 2 }),
    containers: fc.uniqueArray(fc.record({ name: word, image: word, args: fc.array(word, { minLength: 1, maxLength: 2 }), env: fc.uniqueArray(fc.record({ name: word, value: word }), { selector: (e) => e.name, minLength: 1, maxLength: 3 }) },
      { requiredKeys: ['name'] }), { selector: (c) => c.name, minLength: 1, maxLength: 3 }),
  }, { requiredKeys: [] }),
}, { requiredKeys: [] }).map(({ metadata, spec }) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', ...metadata }, ...(spec && Object.keys(spec).length ? { spec } : {}) }))

const always = parseFields({ 'f:apiVersion': {}, 'f:kind': {}, 'f:metadata': { 'f:name': {}, 'f:managedFields': {} } })
const writeBy = (manager: string, operation: 'Apply' | 'Update' = 'Apply', time = '2026-01-01T00:00:00Z'): Write =>
  ({ type: pod, empty: emptyObject('core-v1.Pod'), reset: { fields: always }, by: { manager, operation, apiVersion: 'v1', subresource: '' }, time })

function apply(live: KubeObject | undefined, manager: string, applied: object, force = false, time?: string): KubeObject {
  const before = live && freezeJson(copyJson(live))
  const write: ApplyWrite = { ...writeBy(manager, 'Apply', time), force, gvk: '/v1, Kind=Pod', applied: freezeJson(copyJson(applied)) as ApplyWrite['applied'], live: before, other: () => undefined }
  const { object, managedFields } = applyDocument(write)
  const { managedFields: _old, ...metadata } = object.metadata ?? {}
  return { ...object, metadata: managedFields ? { ...metadata, managedFields } : metadata }
}
/** What a decoder leaves of it: without nulls and empty collections. */
function lean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lean)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, lean(v)] as const)
    .filter(([, v]) => v !== null && v !== undefined && !(typeof v === 'object' && Object.keys(v).length === 0)).sort(([a], [b]) => (a < b ? -1 : 1)))
}
const content = (object: KubeObject): unknown => lean({ ...object, metadata: { ...object.metadata, managedFields: undefined } })
const owners = (object: KubeObject): unknown => object.metadata?.managedFields?.map(({ time: _t, ...m }) => m)

describe('merge and comparison', () => {
  it('a document laid over an object is in it, and laid over again changes nothing', () => {
    fc.assert(fc.property(document, document, (live, applied) => {
      const once = merge(pod, live, applied) as object
      expect(isEmpty(difference(setOf(pod, applied), setOf(pod, once)))).toBe(true)
      expect(merge(pod, once, applied)).toEqual(once)
      expect(isEmpty(intersection(setOf(pod, applied), compare(pod, once, merge(pod, once, applied) as object).changed))).toBe(true)
    }))
  })
  it('finds nothing between equals and something between others', () => {
    fc.assert(fc.property(document, document, (a, b) => {
      const { changed, removed } = compare(pod, a, b)
      const order = (x: unknown): unknown => lean(x)
      if (equalJson(order(a), order(b)) && equalJson(a, b)) expect([changed, removed]).toEqual([EMPTY, EMPTY])
      const back = compare(pod, b, a)
      // What one way adds, the other takes away.
      expect(isEmpty(difference(removed, back.changed))).toBe(true)
    }))
  })
  it('joins keyed lists in the applied order, the live ones keeping their places', () => {
    const c = (...names: string[]) => ({ spec: { containers: names.map((name) => ({ name })) } })
    const order = (live: object, applied: object) => ((merge(pod, live, applied) as { spec: { containers: { name: string }[] } }).spec.containers.map((x) => x.name).join(''))
    expect(order(c('a', 'b', 'c'), c('c', 'a'))).toBe('bca')
    expect(order(c('a', 'b'), c('b', 'd'))).toBe('abd')
    expect(order(c('a', 'b'), c('x', 'b'))).toBe('axb')
    expect(order(c('a'), c('b', 'c'))).toBe('abc')
  })
})

describe('apply', () => {
  it('is idempotent: object, owners and times', () => {
    fc.assert(fc.property(document, document, (first, second) => {
      const live = apply(apply(undefined, 'one', first), 'two', second, true)
      expect(apply(live, 'two', second, false, '2027-01-01T00:00:00Z')).toEqual(live)
    }))
  })
  it('of disjoint documents comes to the same in either order', () => {
    const labels = (names: string[]) => fc.dictionary(fc.constantFrom(...names), word, { minKeys: 1, maxKeys: 2 })
    const part = (names: string[], field: 'nodeName' | 'schedulerName') => fc.record({ l: labels(names), v: word, c: fc.constantFrom(...names) })
      .map(({ l, v, c }) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels: l }, spec: { [field]: v, containers: [{ name: c, image: v }] } }))
    fc.assert(fc.property(part(['a', 'b'], 'nodeName'), part(['c', 'd'], 'schedulerName'), (a, b) => {
      const [ab, ba] = [apply(apply(undefined, 'one', a), 'two', b), apply(apply(undefined, 'two', b), 'one', a)]
      const sorted = (o: KubeObject) => { const c = copyJson(o) as { spec: { containers: { name: string }[] } }; c.spec.containers.sort((x, y) => (x.name < y.name ? -1 : 1)); return content(c as never) }
      expect(sorted(ab)).toEqual(sorted(ba))
      expect(owners(ab)).toEqual(owners(ba))
    }))
  })
  it('takes out what is not applied any more, and only what nobody else owns', () => {
    fc.assert(fc.property(document, document, document, (mine, theirs, next) => {
      const live = apply(apply(undefined, 'two', theirs), 'one', mine, true)
      const after = apply(live, 'one', next, true)
      const present = setOf(pod, content(after) as object)
      const held = union(setOf(pod, next), setOf(pod, theirs))
      // Whoever applied something that was not taken over still has it.
      for (const m of after.metadata?.managedFields ?? []) expect(pathsOf(difference(m.fieldsV1 as FieldSet, present))).toEqual([])
      // What only the applier owned and does not name is gone.
      const gone = difference(difference(setOf(pod, content(live) as object), held), setOf(pod, { metadata: { name: 'p' }, apiVersion: 'v1', kind: 'Pod' }))
      expect(pathsOf(intersection(gone, present))).toEqual([])
    }), { numRuns: 300 })
  })
  it('names conflicts as upstream, one and many', () => {
    const by = (manager: string) => apply(undefined, manager, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { nodeName: 'a', priority: 1 } })
    const attempt = (spec: object) => { try { apply(by('one'), 'two', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec }); return undefined } catch (e) { return e as StatusError } }
    expect(attempt({ nodeName: 'b' })).toMatchObject({ code: 409, message: 'Apply failed with 1 conflict: conflict with "one": .spec.nodeName', details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.spec.nodeName' }] } })
    expect(attempt({ nodeName: 'b', priority: 2 })?.message).toBe('Apply failed with 2 conflicts: conflicts with "one":\n- .spec.nodeName\n- .spec.priority')
    expect(attempt({ nodeName: 'a' })).toBeUndefined()
  })
  it('refuses what does not fit in upstream words', () => {
    const fails = (applied: object, message: string | RegExp) => expect(() => apply(undefined, 'm', applied)).toThrow(expect.objectContaining({ code: 400, message: typeof message === 'string' ? message : expect.stringMatching(message) }))
    const head = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'd' } }
    fails({ ...head, spec: { foo: 1 } }, 'failed to create typed patch object (d/p; /v1, Kind=Pod): .spec.foo: field not declared in schema')
    fails({ ...head, spec: { containers: [{ name: 'a' }, { name: 'a' }] } }, /\.spec\.containers: duplicate entries for key \[name="a"\]$/)
    fails({ ...head, spec: { priority: 'x' } }, /\.spec\.priority: expected numeric \(int or float\), got string$/)
    fails({ ...head, kind: 'Node' }, 'invalid object type: /v1, Kind=Node')
    fails({ ...head, metadata: { name: 'p', managedFields: [] } }, 'metadata.managedFields must be nil')
  })
  it('gives what was there before the first apply to before-first-apply', () => {
    const live = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels: { a: 'b' } }, spec: { nodeName: 'n', containers: [] } } as never
    const done = apply(live, 'one', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels: { c: 'd' } } })
    expect(done.metadata?.managedFields?.map((m) => [m.manager, m.operation])).toEqual([['one', 'Apply'], ['before-first-apply', 'Update']])
  })
  it('lets kubectl take over what it applied client-side and nobody changed since', () => {
    const head = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }
    const last = JSON.stringify({ ...head, spec: { nodeName: 'a', priority: 1 } })
    const object = { ...head, metadata: { name: 'p', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': last } }, spec: { nodeName: 'a', priority: 2 } } as KubeObject
    const managedFields = trackUpdate(writeBy('kubectl-client-side-apply', 'Update'), undefined, object, () => undefined)
    const live = { ...object, metadata: { ...object.metadata, ...(managedFields ? { managedFields } : {}) } }
    const done = apply(live, 'kubectl', { ...head, spec: { nodeName: 'b' } })
    expect(done).toMatchObject({ spec: { nodeName: 'b' } })
    expect(done.metadata?.annotations?.['kubectl.kubernetes.io/last-applied-configuration']).toBe(`${JSON.stringify({ ...head, spec: { nodeName: 'b' } })}\n`)
    expect(() => apply(live, 'kubectl', { ...head, spec: { priority: 3 } })).toThrow('conflict with "kubectl-client-side-apply" using v1: .spec.priority')
    expect(() => apply(live, 'other', { ...head, spec: { nodeName: 'b' } })).toThrow('.spec.nodeName')
  })
})

describe('updates', () => {
  const track = (live: KubeObject | undefined, object: KubeObject, manager: string, time?: string): KubeObject => {
    const managedFields = trackUpdate(writeBy(manager, 'Update', time), live, object, () => undefined)
    const { managedFields: _old, ...metadata } = object.metadata ?? {}
    return { ...object, metadata: managedFields ? { ...metadata, managedFields } : metadata }
  }
  const object = (spec: object, metadata: object = {}): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', ...metadata }, spec } as KubeObject)
  it('give each field to who changed it last', () => {
    const one = track(undefined, object({ nodeName: 'a', priority: 1 }), 'one')
    const two = track(one, object({ nodeName: 'b', priority: 1 }), 'two', '2026-02-01T00:00:00Z')
    expect(two.metadata?.managedFields?.map((m) => [m.manager, m.fieldsV1])).toEqual([['one', { 'f:spec': { 'f:priority': {} } }], ['two', { 'f:spec': { 'f:nodeName': {} } }]])
    const three = track(two, object({ nodeName: 'b' }), 'three', '2026-03-01T00:00:00Z')
    expect(three.metadata?.managedFields?.map((m) => m.manager)).toEqual(['two'])
  })
  it('empty the list with [{}], and leave it where what is sent cannot be read', () => {
    const one = track(undefined, object({ nodeName: 'a' }), 'one')
    expect(track(one, object({ nodeName: 'a' }, { managedFields: [{}] }), 'two').metadata?.managedFields).toBeUndefined()
    const bad = { manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'Other', fieldsV1: {} }
    expect(track(one, object({ nodeName: 'a' }, { managedFields: [bad] }), 'two').metadata?.managedFields).toEqual(one.metadata?.managedFields)
    expect(track(one, object({ nodeName: 'a' }, { managedFields: [] }), 'two').metadata?.managedFields).toEqual(one.metadata?.managedFields)
  })
  it('keep ten updaters, the oldest together', () => {
    const managers: Managers = new Map()
    for (let i = 0; i < 13; i++) setFields(managers, { manager: `m${i}`, operation: 'Update', apiVersion: 'v1', subresource: '', set: { [`f:${i}`]: EMPTY }, time: `2026-01-${String(i + 1).padStart(2, '0')}T00:00:00Z` })
    capUpdaters(managers)
    expect(managers.size).toBe(MAX_UPDATE_MANAGERS)
    expect(writeManagers(managers)?.[0]).toMatchObject({ manager: 'ancient-changes', time: '2026-01-04T00:00:00Z', fieldsV1: { 'f:0': {}, 'f:1': {}, 'f:2': {}, 'f:3': {} } })
    expect(readManagers(writeManagers(managers), false).size).toBe(MAX_UPDATE_MANAGERS)
  })
})

it('custom resources are owned as their schema says', () => {
  const type = schemaRootType({ type: 'object', properties: { spec: { type: 'object', properties: {
    ports: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['port', 'protocol'], items: { type: 'object', properties: { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' } } } },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } }, whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: { type: 'string' } } }, free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  } } } })
  expect(setOf(type, { spec: { ports: [{ port: 80 }], tags: ['b', 'a'], whole: { a: 'x' }, free: { x: { y: 1 }, l: [1] } } })).toEqual({ 'f:spec': {
    'f:free': { 'f:l': {}, 'f:x': { '.': {}, 'f:y': {} } }, 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } }, 'f:tags': { 'v:"a"': {}, 'v:"b"': {} }, 'f:whole': {} } })
})
