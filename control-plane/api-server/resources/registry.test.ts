import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { decodeObject } from '../schema/decode.ts'
import { parseType, schemasOf, tableOf } from '../schema/tables.ts'
import { listRules } from '../schema/overlay.ts'
import { registry } from './registry.ts'

const context = { now: 0, user: 'admin', dryRun: false, subresource: '' }

it('serves every kind our own code uses, under the names it uses', () => {
  for (const ref of Object.values(refs)) {
    expect(registry.find(ref.group, ref.version, ref.resource)).toMatchObject({ kind: ref.kind, namespaced: ref.namespaced })
    expect(registry.byKind(ref.group, ref.version, ref.kind)?.resource).toBe(ref.resource)
  }
})

describe.each(registry.all.map((d) => [`${d.resource}.${d.group}`, d] as const))('%s', (_, d) => {
  // A client may send next to nothing: every function must stand that.
  const bare = (): KubeObject => decodeObject(d, { metadata: { name: 'x', ...(d.namespaced ? { namespace: 'ns' } : {}) } }, 'json', 'Strict').object
  it('stands an empty object; defaults are idempotent', () => {
    const object = bare()
    d.strategy.default?.(object)
    const once = copyJson(object)
    d.strategy.default?.(object)
    expect(object).toEqual(once)
    d.strategy.prepareForCreate?.(object, context)
    expect(d.strategy.validate?.(object, context)).toBeInstanceOf(Array)
    const next = copyJson(object)
    d.strategy.prepareForUpdate?.(next, object, context)
    expect(d.strategy.validateUpdate?.(next, object, context)).toEqual([])
    for (const subject of [object, bare()]) {
      for (const c of d.columns) expect(c.value(subject, { now: 0 }), c.name).not.toBeUndefined()
      for (const [name, read] of Object.entries(d.selectableFields ?? {})) expect(typeof read(subject), name).toBe('string')
    }
  })
  it('what it makes is what the schema knows', () => {
    const object = bare()
    d.strategy.default?.(object)
    d.strategy.prepareForCreate?.(object, context)
    expect(decodeObject(d, object, 'json', 'Strict').warnings).toEqual([])
  })
  it('judges names and labels', () => {
    const object = { ...bare(), metadata: { name: 'a/b', labels: { 'a b': 'c' }, ...(d.namespaced ? { namespace: 'ns' } : { namespace: 'x' }) } }
    d.strategy.default?.(object)
    expect(d.strategy.validate?.(object, context).map((f) => f.field)).toEqual(expect.arrayContaining(['metadata.name', 'metadata.labels', ...(d.namespaced ? [] : ['metadata.namespace'])]))
  })
  it('keeps identity on update', () => {
    const old = bare()
    d.strategy.default?.(old)
    const next = copyJson(old)
    ;(next.metadata as { uid: string }).uid = 'other'
    expect(d.strategy.validateUpdate?.(next, old, context)).toContainEqual(expect.objectContaining({ field: 'metadata.uid', detail: 'field is immutable' }))
  })
})

it('the overlay names fields that exist', () => {
  for (const [schema, fields] of Object.entries(listRules)) {
    const table = tableOf(schema)
    expect(table, schema).toBeDefined()
    for (const [field, rule] of Object.entries(fields)) {
      const type = table?.[field]
      expect(type, `${schema}.${field}`).toBeDefined()
      const { container, element } = parseType(type as string)
      if (rule.patchMergeKey) {
        expect(container, `${schema}.${field}`).toBe('[]')
        for (const key of [rule.patchMergeKey, ...(rule.listMapKeys ?? [])]) expect(tableOf(element), `${schema}.${field}`).toHaveProperty(key)
      }
    }
  }
})

it('every type a table refers to exists', () => {
  for (const gv of ['apps-v1', 'autoscaling-v1', 'certificates-v1', 'coordination-v1', 'core-v1', 'discovery-v1', 'meta-v1', 'policy-v1', 'rbac-v1']) {
    for (const name of schemasOf(gv)) {
      for (const type of Object.values(tableOf(`${gv}.${name}`) ?? {})) {
        let { element } = parseType(type)
        if (element.startsWith('[]')) element = element.slice(2)
        if (element.includes('.')) expect(tableOf(element), `${gv}.${name}: ${type}`).toBeDefined()
      }
    }
  }
})
