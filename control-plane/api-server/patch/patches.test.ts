import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StatusError } from '../../../shared/base/errors.ts'
import { equalJson, freezeJson } from '../../../shared/values/json-value.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { applyStrategicMergePatch } from './strategic-merge.ts'

describe('JSON patch', () => {
  it('does not grow a document by copies of copies, in size or in depth', () => {
    const wider = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '', path: `/${i}` }))
    expect(() => applyJsonPatch({ text: 'x'.repeat(1000) }, wider)).toThrow(expect.objectContaining({ code: 422 }) as Error)
    const deeper = Array.from({ length: 1001 }, (_, i) => ({ op: 'add', path: '/a'.repeat(i + 1), value: {} }))
    expect(() => applyJsonPatch({}, deeper)).toThrow(expect.objectContaining({ code: 422 }) as Error)
    expect(() => applyJsonPatch({}, deeper.slice(0, 900))).not.toThrow()
  })

  it.each([
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }], [{ a: [1, 2] }, [{ op: 'add', path: '/a/1', value: 9 }], { a: [1, 9, 2] }], [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }], [{ 'a/b': 1, 'c~d': 2 }, [{ op: 'remove', path: '/a~1b' }, { op: 'replace', path: '/c~0d', value: 3 }], { 'c~d': 3 }],
    [{ a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }], [{ a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }, { op: 'replace', path: '/c/b', value: 2 }], { a: { b: 1 }, c: { b: 2 } }],
    [{ a: { b: 1, c: [1] } }, [{ op: 'test', path: '/a', value: { c: [1], b: 1 } }], { a: { b: 1, c: [1] } }], [{ a: [1, 2] }, [{ op: 'remove', path: '/a/-1' }], { a: [1] }], [{}, [{ op: 'test', path: '/x', value: null }], {}],
  ])('%j %j', (document, patch, result) => { expect(applyJsonPatch(freezeJson(document), patch)).toEqual(result) })
  it.each([
    [[{ op: 'test', path: '/a', value: 2 }], 'testing value /a failed: test failed'], [[{ op: 'remove', path: '/x' }], 'remove operation does not apply: unable to remove nonexistent key: x: missing value'],
    [[{ op: 'replace', path: '/x', value: 1 }], 'replace operation does not apply: doc is missing key: "/x": missing value'], [[{ op: 'add', path: '/x/y', value: 1 }], 'add operation does not apply: doc is missing path: "/x/y": missing value'],
    [[{ op: 'fly', path: '/x' }], 'unexpected kind: fly'],
  ])('%j is a 422', (patch, why) => {
    try { applyJsonPatch({ a: 1 }, patch) } catch (e) {
      expect((e as StatusError).toStatus()).toMatchObject({ code: 422, reason: 'Invalid', message: 'the server rejected our request due to an error in our request', details: { causes: [{ message: why }] } })
      return
    }
    throw new Error('was accepted')
  })
  it('a patch that is no list is a 400', () => { expect(() => applyJsonPatch({}, { op: 'add' })).toThrow(expect.objectContaining({ code: 400 })) })
})

describe('merge patch', () => {
  // The examples of RFC 7386, appendix A.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }], [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }], [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }], [{ a: ['b'] }, { a: 'c' }, { a: 'c' }], [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }], [['a', 'b'], ['c', 'd'], ['c', 'd']], [{ e: null }, { a: 1 }, { e: null, a: 1 }], [[1, 2], { a: 'b', c: null }, { a: 'b' }], [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j %j', (document, patch, result) => { expect(applyMergePatch(freezeJson(document), freezeJson(patch))).toEqual(result) })
  it('an empty patch changes nothing; a patch applied twice is applied once', () => {
    const documents = fc.dictionary(fc.string(), fc.jsonValue())
    fc.assert(fc.property(documents, documents, (document, patch) => {
      expect(applyMergePatch(freezeJson(document), {})).toEqual(document)
      const once = applyMergePatch(document, freezeJson(patch))
      expect(applyMergePatch(once, patch)).toEqual(once)
    }))
  })
})

const spec = 'core-v1.PodSpec'
const merge = (document: unknown, patch: unknown, schema = spec): unknown => applyStrategicMergePatch(schema, freezeJson(document), freezeJson(patch))

describe('strategic merge patch', () => {
  it.each<[string, unknown, unknown, unknown]>([
    ['merges containers by name', { containers: [{ name: 'a', image: '1' }, { name: 'b', image: '2' }] }, { containers: [{ name: 'b', image: '3' }] }, { containers: [{ name: 'a', image: '1' }, { name: 'b', image: '3' }] }],
    ['puts what is new before what it does not name, as upstream', { containers: [{ name: 'a' }] }, { containers: [{ name: 'b' }] }, { containers: [{ name: 'b' }, { name: 'a' }] }],
    ['keeps the order it is told', { containers: [{ name: 'a' }] }, { containers: [{ name: 'b' }], '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }] }, { containers: [{ name: 'a' }, { name: 'b' }] }],
    ['reorders with an order alone', { containers: [{ name: 'a' }, { name: 'b' }] }, { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] }, { containers: [{ name: 'b' }, { name: 'a' }] }],
    ['leaves what only the server has in place', { containers: [{ name: 's' }, { name: 'a' }, { name: 'b' }] }, { containers: [{ name: 'a', image: 'x' }], '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }].reverse() }, { containers: [{ name: 's' }, { name: 'a', image: 'x' }, { name: 'b' }] }],
    ['deletes an element', { containers: [{ name: 'a' }, { name: 'b' }] }, { containers: [{ $patch: 'delete', name: 'a' }] }, { containers: [{ name: 'b' }] }],
    ['replaces a list', { containers: [{ name: 'a' }, { name: 'b' }] }, { containers: [{ name: 'c' }, { $patch: 'replace' }] }, { containers: [{ name: 'c' }] }],
    ['replaces an object', { securityContext: { runAsUser: 1, fsGroup: 2 } }, { securityContext: { $patch: 'replace', fsGroup: 3 } }, { securityContext: { fsGroup: 3 } }],
    ['deletes an object', { securityContext: { runAsUser: 1 } }, { securityContext: { $patch: 'delete' } }, { securityContext: {} }],
    ['replaces atomic lists', { tolerations: [{ key: 'a' }], containers: [{ name: 'a', args: ['1'] }] }, { tolerations: [{ key: 'b' }], containers: [{ name: 'a', args: ['2'] }] }, { tolerations: [{ key: 'b' }], containers: [{ name: 'a', args: ['2'] }] }],
    ['changes the source of a volume', { volumes: [{ name: 'v', emptyDir: {} }] }, { volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/x' } }] }, { volumes: [{ name: 'v', hostPath: { path: '/x' } }] }],
    ['removes with null, deep too', { nodeSelector: { a: '1', b: '2' }, hostname: 'h' }, { nodeSelector: { a: null }, hostname: null }, { nodeSelector: { b: '2' } }],
    ['nulls in what is new are nothing', {}, { securityContext: { runAsUser: null, fsGroup: 1 } }, { securityContext: { fsGroup: 1 } }],
    ['merges ports by containerPort', { containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'x' }] }] }, { containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'y' }, { containerPort: 81 }] }] }, { containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'y' }, { containerPort: 81 }] }] }],
  ])('%s', (_, document, patch, result) => { expect(merge(document, patch)).toEqual(result) })

  it('adds to and takes from lists of scalars', () => {
    expect(merge({ finalizers: ['a', 'b'] }, { finalizers: ['c', 'a'] }, 'meta-v1.ObjectMeta')).toEqual({ finalizers: ['c', 'a', 'b'] })
    expect(merge({ finalizers: ['a', 'b'] }, { '$deleteFromPrimitiveList/finalizers': ['a'] }, 'meta-v1.ObjectMeta')).toEqual({ finalizers: ['b'] })
  })
  it.each([[{ containers: [{ image: 'x' }] }, 'does not contain declared merge key: name'], [{ securityContext: { $patch: 'burn' } }, 'Unknown value for $patch: burn'], [{ containers: [{ $patch: 'delete' }] }, 'delete patch type with no merge key defined'],
    [{ containers: [{ name: 'x' }], '$setElementOrder/containers': [{ name: 'y' }] }, "doesn't match $setElementOrder list"]])('%j is a 400', (patch, why) => {
    expect(() => merge({ containers: [{ name: 'x' }] }, patch)).toThrow(expect.objectContaining({ code: 400, message: expect.stringContaining(why) as string }))
  })

  const name = fc.constantFrom('a', 'b', 'c', 'd')
  const container = fc.record({ name, image: fc.constantFrom('1', '2'), args: fc.array(name, { maxLength: 2 }) }, { requiredKeys: ['name'] })
  const podSpec = fc.record({ containers: fc.uniqueArray(container, { selector: (c) => c.name, maxLength: 4 }), nodeSelector: fc.dictionary(name, name), hostname: name }, { requiredKeys: [] })
  it('empty patch: identity; twice: once; every element patched is there with the values of the patch', () => {
    fc.assert(fc.property(podSpec, podSpec, (document, patch) => {
      expect(merge(document, {})).toEqual(document)
      const once = merge(document, patch) as typeof document
      expect(merge(once, patch)).toEqual(once)
      for (const p of patch.containers ?? []) expect(once.containers?.find((c) => c.name === p.name)).toMatchObject(p)
      for (const d of document.containers ?? []) expect(once.containers?.some((c) => c.name === d.name)).toBe(true)
      expect(equalJson(once.nodeSelector ?? {}, { ...document.nodeSelector, ...patch.nodeSelector })).toBe(true)
    }))
  })
})
