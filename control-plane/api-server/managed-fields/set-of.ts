/** The set of fields a document names: what an applier owns (`structured-merge-diff/typed.TypedValue.ToFieldSet`). Pure. */
import { isRecord } from '../../../shared/values/json-value.ts'
import type { FieldSet } from './field-set.ts'
import { EMPTY, LEAF, nodeOf } from './field-set.ts'
import type { FieldType } from './field-type.ts'
import { formOf, memberType } from './field-type.ts'
import { fieldStep, stepTo } from './path-element.ts'

/** Elements that a list has twice are one field together. Throws `ElementError` for elements without keys. */
export const setOf = (type: FieldType, value: unknown): FieldSet => below(type, value) ?? EMPTY

/** The node of a value, without its own membership where it is an object or list that is not owned whole. */
function below(type: FieldType | undefined, value: unknown): FieldSet | undefined {
  if (!type) return undefined
  const form = formOf(type, value)
  if (form === 'scalar' || type.atomic || (type.form === 'any' && form === 'list')) return LEAF
  if (value === null || value === undefined) return undefined
  if (form === 'list') return Array.isArray(value) ? belowList(type, value) : undefined
  return isRecord(value) ? belowMap(type, value) : undefined
}

function belowMap(type: FieldType, value: Record<string, unknown>): FieldSet | undefined {
  const children: Record<string, FieldSet> = {}
  for (const key of Object.keys(value)) {
    const v = value[key]
    if (v === undefined) continue
    const node = below(memberType(type, key), v)
    const empty = v === null || (isRecord(v) && Object.keys(v).length === 0)
    const self = empty || type.form === 'any' || !type.field(key)
    const child = self ? member(node) : node
    if (child) children[fieldStep(key)] = child
  }
  return nodeOf(children, false)
}

const member = (node: FieldSet | undefined): FieldSet => (node === undefined || node === LEAF ? LEAF : node['.'] ? node : { '.': LEAF, ...node })

function belowList(type: FieldType, list: readonly unknown[]): FieldSet | undefined {
  const children: Record<string, FieldSet> = {}
  for (const item of list) {
    const step = stepTo(type, item)
    children[step] = children[step] ? LEAF : member(below(type.element, item))
  }
  return nodeOf(children, false)
}
