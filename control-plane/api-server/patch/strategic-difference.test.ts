import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { freezeJson } from '../../../shared/values/json-value.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge.ts'

type Json = Record<string, unknown>
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v)
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** RFC 7386 in reverse: the patch that makes `b` of `a`. */
function mergeDifference(a: Json, b: Json): Json {
  const patch: Json = {}
  for (const k of Object.keys(a)) if (!Object.hasOwn(b, k)) patch[k] = null
  for (const [k, v] of Object.entries(b)) {
    const old = a[k]
    if (isObject(old) && isObject(v)) { const inner = mergeDifference(old, v); if (Object.keys(inner).length) patch[k] = inner }
    else if (!same(old, v)) patch[k] = v
  }
  return patch
}

/** The lists of a pod's spec that are merged, with their keys (upstream's `patchMergeKey`). */
const mergeKeys: Readonly<Record<string, string>> = { containers: 'name', volumes: 'name', env: 'name', ports: 'containerPort', hostAliases: 'ip' }

/** What kubectl's `CreateTwoWayMergePatch` sends: deletions, changes and the order of each merged list. */
function strategicDifference(a: Json, b: Json): Json {
  const patch: Json = {}
  for (const k of Object.keys(a)) if (!Object.hasOwn(b, k)) patch[k] = null
  for (const [k, v] of Object.entries(b)) {
    const old = a[k]
    const id = mergeKeys[k]
    if (isObject(old) && isObject(v)) { const inner = strategicDifference(old, v); if (Object.keys(inner).length) patch[k] = inner }
    else if (id !== undefined && Array.isArray(old) && Array.isArray(v)) Object.assign(patch, listDifference(k, id, old as Json[], v as Json[]))
    else if (!same(old, v)) patch[k] = v
  }
  return patch
}

function listDifference(field: string, id: string, a: readonly Json[], b: readonly Json[]): Json {
  if (same(a, b)) return {}
  const elements: Json[] = []
  for (const v of b) {
    const old = a.find((x) => x[id] === v[id])
    const inner = old ? strategicDifference(old, v) : v
    if (Object.keys(inner).length) elements.push({ ...inner, [id]: v[id] })
  }
  for (const v of a) if (!b.some((x) => x[id] === v[id])) elements.push({ $patch: 'delete', [id]: v[id] })
  return { ...(elements.length ? { [field]: elements } : {}), [`$setElementOrder/${field}`]: b.map((v) => ({ [id]: v[id] })) }
}

const word = fc.constantFrom('a', 'b', 'c', 'd')
const keyed = <T>(element: fc.Arbitrary<T>, id: (v: T) => unknown): fc.Arbitrary<T[]> => fc.uniqueArray(element, { selector: id, minLength: 1, maxLength: 4 })
const container = fc.record({
  name: word, image: word, args: fc.array(word, { minLength: 1, maxLength: 2 }), env: keyed(fc.record({ name: word, value: word }), (e) => e.name),
  ports: keyed(fc.record({ containerPort: fc.integer({ min: 80, max: 83 }), name: word }, { requiredKeys: ['containerPort'] }), (p) => p.containerPort),
}, { requiredKeys: ['name'] })
const podSpec = fc.record({
  containers: keyed(container, (c) => c.name), hostAliases: keyed(fc.record({ ip: word, hostnames: fc.array(word, { minLength: 1, maxLength: 2 }) }), (h) => h.ip),
  nodeSelector: fc.dictionary(word, word, { minKeys: 1, maxKeys: 3 }), tolerations: fc.array(fc.record({ key: word }), { minLength: 1, maxLength: 2 }), hostname: word,
  securityContext: fc.record({ runAsUser: fc.nat(3), fsGroup: fc.nat(3) }),
}, { requiredKeys: [] }) as fc.Arbitrary<Json>
const apply = (document: unknown, patch: unknown): unknown => applyStrategicMergePatch('core-v1.PodSpec', freezeJson(document), freezeJson(patch))

describe('a difference as patch', () => {
  it('strategic: gives the target, its order too; sent again changes nothing', () => {
    fc.assert(fc.property(podSpec, podSpec, (a, b) => {
      const patch = strategicDifference(a, b)
      const once = apply(a, patch)
      expect(once).toEqual(b)
      expect(apply(once, patch)).toEqual(b)
    }), { numRuns: 400 })
  })
  it('strategic: what others added meanwhile stays', () => {
    fc.assert(fc.property(podSpec, podSpec, (a, b) => {
      const theirs = { ...a, containers: [...(a['containers'] as Json[] | undefined ?? []), { name: 'sidecar', image: 'x' }], serviceAccountName: 'other' }
      const merged = apply(theirs, strategicDifference(a, b)) as Json
      expect(merged['serviceAccountName']).toBe('other')
      const left = (merged['containers'] as Json[] | undefined ?? []).filter((c) => c['name'] === 'sidecar')
      // Only who takes the whole list away takes it from the others too.
      expect(left).toHaveLength(a['containers'] && !b['containers'] ? 0 : Array.isArray(b['containers']) && !a['containers'] ? left.length : 1)
    }))
  })
  it('strategic: $retainKeys leaves what it names, $patch: replace what is beside it', () => {
    const source = fc.record({ emptyDir: fc.constant({}), hostPath: fc.constant({ path: '/x' }), configMap: fc.constant({ name: 'c' }) }, { requiredKeys: [] }) as fc.Arbitrary<Json>
    fc.assert(fc.property(source, source, (a, b) => {
      const document = { volumes: [{ name: 'v', ...a }, { name: 'w', emptyDir: {} }] }
      const kept = apply(document, { volumes: [{ name: 'v', ...b, $retainKeys: ['name', ...Object.keys(b)] }] })
      expect(kept).toEqual({ volumes: [{ name: 'v', ...b }, { name: 'w', emptyDir: {} }] })
      expect(apply(document, { volumes: [{ name: 'v', ...b }, { $patch: 'replace' }] })).toEqual({ volumes: [{ name: 'v', ...b }] })
    }))
  })
  it('RFC 7386: gives the target of any document without nulls', () => {
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, fc.constantFrom<unknown>(1, 'x', false, ''), fc.array(tie('value'), { maxLength: 2 }), fc.dictionary(word, tie('value'), { maxKeys: 3 })),
    }))
    const documents = fc.dictionary(word, value, { maxKeys: 4 })
    fc.assert(fc.property(documents, documents, (a, b) => { expect(applyMergePatch(freezeJson(a), freezeJson(mergeDifference(a, b)))).toEqual(b) }), { numRuns: 300 })
  })
})
