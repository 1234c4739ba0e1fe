/**
 * A value against a schema, with the findings upstream's validator makes (`k8s.io/kube-openapi/pkg/validation/validate`, mapped to field errors in
 * `apiextensions-apiserver/pkg/apiserver/validation`). Pure.
 */
import { equalJson } from '../../../shared/values/json-value.ts'
import type { FieldError } from '../resources/definition.ts'
import { hasFormat } from './formats.ts'
import { goPattern } from './go-pattern.ts'
import { keyText, mapKeyOf } from './list-keys.ts'
import type { Schema } from './schema.ts'
import { childPath, isObject, valueSchema } from './schema.ts'

/** Findings stop here: a list of ten thousand wrong items is told by its first. */
const MAX_FINDINGS = 100

/** With `old`, whatever is as it was is not judged again (validation ratcheting). */
export function validateValue(value: unknown, schema: Schema | undefined, at = '', old?: unknown): FieldError[] {
  const found: FieldError[] = []
  if (schema) check(value, schema, { at, found, old })
  return found
}

interface Place { readonly at: string; readonly found: FieldError[]; /** Undefined: there is nothing before that this value answers to. */ readonly old: unknown }

const invalid = (field: string, value: unknown, text: string): FieldError => ({ type: 'Invalid', field, value, detail: `${field} in body ${text}` })
/** What concerns several schemas at once has no field of its own upstream. */
const composed = (at: string, text: string): FieldError => ({ type: 'Invalid', field: '<nil>', value: '', detail: `${JSON.stringify(at)} ${text}` })

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function check(value: unknown, schema: Schema, place: Place): void {
  const { at, found, old } = place
  if (found.length >= MAX_FINDINGS || (old !== undefined && equalJson(old, value))) return
  const type = typeOf(value)
  if (type === 'null' && schema.nullable) return
  if (!ofType(type, schema)) {
    const wanted = schema['x-kubernetes-int-or-string'] ? 'integer,string' : schema.type ?? ''
    found.push({ type: 'TypeInvalid', field: at || '<nil>', value: type, detail: `${at} in body must be of type ${wanted}: ${JSON.stringify(type)}` })
    return
  }
  if (schema.enum && !schema.enum.some((e) => equalJson(e, value))) {
    found.push({ type: 'NotSupported', field: at, value, detail: '', supported: schema.enum.map((e) => (typeof e === 'string' ? e : JSON.stringify(e))) })
  }
  if (typeof value === 'string') checkString(value, schema, at, found)
  else if (typeof value === 'number') checkNumber(value, schema, at, found)
  else if (Array.isArray(value)) checkArray(value, schema, place)
  else if (isObject(value)) checkObject(value, schema, place)
  checkComposed(value, schema, at, found)
}

function ofType(type: string, schema: Schema): boolean {
  if (schema['x-kubernetes-int-or-string']) return type === 'integer' || type === 'string'
  if (!schema.type) return true
  return type === schema.type || (type === 'integer' && schema.type === 'number')
}

function checkString(value: string, schema: Schema, at: string, found: FieldError[]): void {
  const { minLength, maxLength, pattern, format } = schema
  const length = minLength === undefined && maxLength === undefined ? 0 : [...value].length
  if (maxLength !== undefined && length > maxLength) found.push({ type: 'TooLong', field: at, value: '', detail: `may not be more than ${maxLength} bytes` })
  if (minLength !== undefined && length < minLength) found.push(invalid(at, value, `should be at least ${minLength} chars long`))
  if (pattern && !goPattern(pattern).test(value)) found.push(invalid(at, value, `should match '${pattern}'`))
  if (format && !hasFormat(value, format)) found.push({ type: 'TypeInvalid', field: at, value, detail: `${at} in body must be of type ${format}: ${JSON.stringify(value)}` })
}

const ranges: Readonly<Record<string, readonly [number, number]>> = { int32: [-(2 ** 31), 2 ** 31 - 1], uint32: [0, 2 ** 32 - 1], uint64: [0, 2 ** 64] }

function checkNumber(value: number, schema: Schema, at: string, found: FieldError[]): void {
  const { minimum, maximum, multipleOf, format } = schema
  const range = format ? ranges[format] : undefined
  if (range && (value < range[0] || value > range[1])) found.push(invalid(at, value, `must be of type ${format}: ${JSON.stringify(typeOf(value))}`))
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) found.push(invalid(at, value, `should be a multiple of ${multipleOf}`))
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) found.push(invalid(at, value, `should be less than ${schema.exclusiveMaximum ? '' : 'or equal to '}${maximum}`))
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) found.push(invalid(at, value, `should be greater than ${schema.exclusiveMinimum ? '' : 'or equal to '}${minimum}`))
}

const isMultiple = (value: number, of: number): boolean => Math.abs(value / of - Math.round(value / of)) < 1e-9

function checkArray(value: readonly unknown[], schema: Schema, { at, found, old }: Place): void {
  const before = itemsBefore(old, schema)
  if (schema.items) for (const [i, item] of value.entries()) check(item, schema.items, { at: `${at}[${i}]`, found, old: before?.get(keyText(mapKeyOf(item, schema))) })
  if (schema.minItems !== undefined && value.length < schema.minItems) found.push(invalid(at, value.length, `should have at least ${schema.minItems} items`))
  if (schema.maxItems !== undefined && value.length > schema.maxItems) found.push({ type: 'TooMany', field: at, value: value.length, detail: `must have at most ${schema.maxItems} items` })
  if (schema.uniqueItems && firstDuplicate(value) >= 0) found.push(invalid(at, '', "shouldn't contain duplicates"))
}

/** Only the items of a map list answer to items before. */
function itemsBefore(old: unknown, schema: Schema): Map<string, unknown> | undefined {
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map') return undefined
  return new Map(old.map((item) => [keyText(mapKeyOf(item, schema)), item]))
}

function checkObject(value: Readonly<Record<string, unknown>>, schema: Schema, { at, found, old }: Place): void {
  const keys = Object.keys(value)
  if (schema.maxProperties !== undefined && keys.length > schema.maxProperties) found.push({ type: 'TooMany', field: at, value: keys.length, detail: `must have at most ${schema.maxProperties} items` })
  if (schema.minProperties !== undefined && keys.length < schema.minProperties) found.push(invalid(at, keys.length, `should have at least ${schema.minProperties} properties`))
  for (const key of schema.required ?? []) if (!Object.hasOwn(value, key)) found.push({ type: 'Required', field: childPath(at, key), value: '', detail: '' })
  const values = valueSchema(schema)
  for (const key of keys) {
    const field = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : values
    if (field) check(value[key], field, { at: childPath(at, key), found, old: isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined })
    else if (schema.additionalProperties === false && schema.properties) found.push({ type: 'Invalid', field: at, value: '', detail: `${childPath(at, key)} in body is a forbidden property` })
  }
}

function checkComposed(value: unknown, schema: Schema, at: string, found: FieldError[]): void {
  const { allOf, anyOf, oneOf, not } = schema
  if (anyOf?.length) {
    const failures = anyOf.map((s) => validateValue(value, s, at))
    if (!failures.some((f) => f.length === 0)) found.push(composed(at, 'must validate at least one schema (anyOf)'), ...fewest(failures))
  }
  if (oneOf?.length) {
    const failures = oneOf.map((s) => validateValue(value, s, at))
    const valid = failures.filter((f) => f.length === 0).length
    if (valid === 0) found.push(composed(at, 'must validate one and only one schema (oneOf). Found none valid'), ...fewest(failures))
    else if (valid > 1) found.push(composed(at, `must validate one and only one schema (oneOf). Found ${valid} valid alternatives`))
  }
  if (allOf?.length) {
    const failures = allOf.map((s) => validateValue(value, s, at))
    found.push(...failures.flat())
    const failed = failures.filter((f) => f.length).length
    if (failed) found.push(composed(at, `must validate all the schemas (allOf)${failed === allOf.length ? '. None validated' : ''}`))
  }
  if (not && validateValue(value, not, at).length === 0) found.push(composed(at, 'must not validate the schema (not)'))
}

/** Of several failed alternatives the one that is nearest to being met. */
const fewest = (failures: readonly (readonly FieldError[])[]): readonly FieldError[] => failures.toSorted((a, b) => a.length - b.length)[0] ?? []

/** Index of the first item that was there before; -1 where there is none. */
function firstDuplicate(items: readonly unknown[]): number {
  const seen = new Set<string>()
  for (const [i, item] of items.entries()) {
    const key = keyText(item)
    if (seen.has(key)) return i
    seen.add(key)
  }
  return -1
}
