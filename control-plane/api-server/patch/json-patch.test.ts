import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StatusError } from '../../../shared/base/errors.ts'
import { freezeJson } from '../../../shared/values/json-value.ts'
import { applyJsonPatch } from './json-patch.ts'

describe('RFC 6902, appendix A', () => {
  it.each<[string, unknown, unknown[], unknown]>([
    ['A.1 adding an object member', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    ['A.2 adding an array element', { foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    ['A.3 removing an object member', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    ['A.4 removing an array element', { foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    ['A.5 replacing a value', { baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
    ['A.6 moving a value', { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } }, [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
      { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } }],
    ['A.7 moving an array element', { foo: ['all', 'grass', 'cows', 'eat'] }, [{ op: 'move', from: '/foo/1', path: '/foo/3' }], { foo: ['all', 'cows', 'eat', 'grass'] }],
    ['A.8 testing a value: success', { baz: 'qux', foo: ['a', 2, 'c'] }, [{ op: 'test', path: '/baz', value: 'qux' }, { op: 'test', path: '/foo/1', value: 2 }], { baz: 'qux', foo: ['a', 2, 'c'] }],
    ['A.10 adding a nested member object', { foo: 'bar' }, [{ op: 'add', path: '/child', value: { grandchild: {} } }], { foo: 'bar', child: { grandchild: {} } }],
    ['A.11 ignoring unrecognised elements', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }], { foo: 'bar', baz: 'qux' }],
    ['A.14 ~ escape ordering', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    ['A.16 adding an array value', { foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
  ])('%s', (_, document, patch, result) => { expect(applyJsonPatch(freezeJson(document), patch)).toEqual(result) })
  it.each<[string, unknown, unknown[]]>([
    ['A.9 testing a value: error', { baz: 'qux' }, [{ op: 'test', path: '/baz', value: 'bar' }]],
    ['A.12 adding to a target that is not there', { foo: 'bar' }, [{ op: 'add', path: '/baz/bat', value: 'qux' }]],
    ['A.15 comparing strings and numbers', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: '10' }]],
  ])('%s', (_, document, patch) => { expect(() => applyJsonPatch(document, patch)).toThrow(expect.objectContaining({ code: 422 }) as Error) })
})

type Op = Record<string, unknown>
const step = (key: string): string => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

/** Operations that make `b` of `a`: lists element by element, from the end where they shrink. */
function difference(a: unknown, b: unknown, path: string): Op[] {
  if (isObject(a) && isObject(b)) {
    return [
      ...Object.keys(a).filter((k) => !Object.hasOwn(b, k)).map((k) => ({ op: 'remove', path: path + step(k) })),
      ...Object.keys(b).flatMap((k) => (Object.hasOwn(a, k) ? difference(a[k], b[k], path + step(k)) : [{ op: 'add', path: path + step(k), value: b[k] }])),
    ]
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    const ops: Op[] = []
    for (let i = a.length - 1; i >= b.length; i--) ops.push({ op: 'remove', path: `${path}/${i}` })
    b.forEach((v, i) => ops.push(...(i < a.length ? difference(a[i], v, `${path}/${i}`) : [{ op: 'add', path: `${path}/-`, value: v }])))
    return ops
  }
  return JSON.stringify(a) === JSON.stringify(b) ? [] : [{ op: 'replace', path, value: b }]
}

// Upstream's library treats a member whose name holds `__proto__` as any other; the empty path is the whole document.
const key = fc.constantFrom('a', 'b', 'a/b', '~', '~1', '', '__proto__', '0', '-')
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof({ maxDepth: 3, withCrossShrink: true }, fc.constantFrom<unknown>(1, 'x', true, null, 0.5), fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map((members) => Object.fromEntries(members) as unknown)),
}))
const documents = fc.array(fc.tuple(key, value), { maxLength: 4 }).map((members) => Object.fromEntries(members) as Record<string, unknown>)

describe('JSON patch of any documents', () => {
  it('the operations of a difference give the other document, and the difference to oneself is nothing', () => {
    fc.assert(fc.property(documents, documents, (a, b) => {
      expect(difference(a, a, '')).toEqual([])
      expect(applyJsonPatch(freezeJson(a), difference(a, b, ''))).toEqual(b)
    }), { numRuns: 300 })
  })
  it('what a test asserts of the document holds, and of another fails; nothing is ever half done', () => {
    fc.assert(fc.property(documents, documents, (a, b) => {
      const before = JSON.stringify(a)
      const all = (doc: Record<string, unknown>): Op[] => Object.keys(doc).map((k) => ({ op: 'test', path: step(k), value: doc[k] }))
      expect(applyJsonPatch(freezeJson(a), all(a))).toEqual(a)
      try { applyJsonPatch(freezeJson(a), [...difference(a, b, ''), { op: 'test', path: '/never', value: 'there' }]) } catch (e) { expect(e).toBeInstanceOf(StatusError) }
      expect(JSON.stringify(a)).toBe(before)
    }))
  })
  it('operations of any shape give a document or a 4xx', () => {
    const pointer = fc.oneof(fc.array(key, { maxLength: 3 }).map((keys) => keys.map(step).join('')), fc.string({ maxLength: 4 }))
    const op = fc.record({ op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', ''), path: pointer, from: pointer, value }, { requiredKeys: [] })
    fc.assert(fc.property(documents, fc.array(fc.oneof(op, value), { maxLength: 4 }), (document, patch) => {
      try { applyJsonPatch(freezeJson(document), patch) } catch (e) {
        expect(e).toBeInstanceOf(StatusError)
        expect([400, 422]).toContain((e as StatusError).code)
      }
    }), { numRuns: 500 })
  })
})
