/** Which schemas a CustomResourceDefinition may have: structural ones (`apiextensions-apiserver/pkg/apiserver/schema/validation.go` and the OpenAPI v3 rules beside it). Pure. */
import type { FieldError } from '../resources/definition.ts'
import { duplicate, forbidden, invalidValue, required } from '../resources/findings.ts'
import { applyDefaults } from './defaults.ts'
import { goPattern } from './go-pattern.ts'
import { prune } from './prune.ts'
import type { Schema } from './schema.ts'
import { isObject, valueSchema } from './schema.ts'
import { validateValue } from './validate-value.ts'
import { copyJson, equalJson } from '../../../shared/values/json-value.ts'

export const asSchema = (value: unknown): Schema | undefined => (isObject(value) ? value as Schema : undefined)

type Level = 'root' | 'item' | 'field'

const typeNeeded: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root', item: 'must not be empty for specified array items', field: 'must not be empty for specified object fields',
}
const types = ['array', 'boolean', 'integer', 'number', 'object', 'string']

/** Nested schemas deeper than this are refused: every walk over a schema is recursive. */
const MAX_DEPTH = 200

export function validateSchema(schema: Schema, at: string): FieldError[] {
  if (tooDeep(schema, 0)) return [invalidValue(at, '', `schema is nested deeper than ${MAX_DEPTH} levels`)]
  const found = [...validateOpenApi(schema, at, false), ...validateStructure(schema, at, 'root')]
  found.push(...validateCompleteness(schema, schema, at))
  if (!found.length) found.push(...validateDefaults(schema, at, undefined))
  return found
}

const members = (schema: Schema): Schema[] => [
  ...Object.values(schema.properties ?? {}), ...[valueSchema(schema), asSchema(schema.items), schema.not].filter((s) => s !== undefined), ...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? []),
]
const tooDeep = (schema: Schema, depth: number): boolean => depth > MAX_DEPTH || members(schema).some((s) => tooDeep(s, depth + 1))

const unsupported = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const

/** Rules of OpenAPI v3 as upstream takes it, for every schema wherever it stands. */
function validateOpenApi(schema: Schema, at: string, nested: boolean): FieldError[] {
  const found: FieldError[] = []
  const raw = schema as Readonly<Record<string, unknown>>
  for (const key of unsupported) if (raw[key] !== undefined) found.push(forbidden(`${at}.${key}`, `${key} is not supported`))
  if (schema.uniqueItems) found.push(forbidden(`${at}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'))
  if (schema.type === 'null') found.push(forbidden(`${at}.type`, 'type cannot be set to null, use nullable as an alternative'))
  else if (schema.type && !types.includes(schema.type)) found.push({ type: 'NotSupported', field: `${at}.type`, value: schema.type, detail: '', supported: types })
  if (Array.isArray(schema.items)) found.push(forbidden(`${at}.items`, 'items must be a schema object and not an array'))
  if (schema.additionalProperties !== undefined && Object.keys(schema.properties ?? {}).length && schema.additionalProperties !== true) {
    found.push(forbidden(`${at}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'))
  }
  if (!nested) found.push(...validateListAndMapType(schema, at))
  for (const [key, field] of Object.entries(schema.properties ?? {})) found.push(...validateOpenApi(field, `${at}.properties[${key}]`, nested))
  const values = valueSchema(schema)
  if (values) found.push(...validateOpenApi(values, `${at}.additionalProperties`, nested))
  if (asSchema(schema.items)) found.push(...validateOpenApi(schema.items as Schema, `${at}.items`, nested))
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) schema[junctor]?.forEach((s, i) => found.push(...validateOpenApi(s, `${at}.${junctor}[${i}]`, true)))
  if (schema.not) found.push(...validateOpenApi(schema.not, `${at}.not`, true))
  return found
}

function validateListAndMapType(schema: Schema, at: string): FieldError[] {
  const found: FieldError[] = []
  const list = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const map = schema['x-kubernetes-map-type']
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) found.push(invalidValue(`${at}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'))
  if (map !== undefined && schema.type !== 'object') found.push(invalidValue(`${at}.type`, schema.type ?? '', 'must be object if x-kubernetes-map-type is specified'))
  if (map !== undefined && map !== 'atomic' && map !== 'granular') found.push({ type: 'NotSupported', field: `${at}.x-kubernetes-map-type`, value: map, detail: '', supported: ['atomic', 'granular'] })
  if (list !== undefined && schema.type !== 'array') found.push(invalidValue(`${at}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'))
  if (list !== undefined && !['atomic', 'set', 'map'].includes(list)) found.push({ type: 'NotSupported', field: `${at}.x-kubernetes-list-type`, value: list, detail: '', supported: ['atomic', 'map', 'set'] })
  if (list === 'map') found.push(...validateMapList(schema, keys, at))
  else if (keys.length) {
    found.push(list === undefined ? required(`${at}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty') : invalidValue(`${at}.x-kubernetes-list-type`, list, 'must be map if x-kubernetes-list-map-keys is non-empty'))
  }
  if (list === 'set' && schema.items) {
    const { items } = schema
    if (items.nullable) found.push(forbidden(`${at}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is set'))
    if (items.type === 'array' && items['x-kubernetes-list-type'] !== 'atomic') found.push(invalidValue(`${at}.items.x-kubernetes-list-type`, items['x-kubernetes-list-type'] ?? '', 'must be atomic as item of a list with x-kubernetes-list-type=set'))
    if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') found.push(invalidValue(`${at}.items.x-kubernetes-map-type`, items['x-kubernetes-map-type'] ?? '', 'must be atomic as item of a list with x-kubernetes-list-type=set'))
  }
  return found
}

function validateMapList(schema: Schema, keys: readonly string[], at: string): FieldError[] {
  if (!keys.length) return [required(`${at}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map')]
  const { items } = schema
  if (!items) return [required(`${at}.items`, 'must have a schema if x-kubernetes-list-type is map')]
  const found: FieldError[] = []
  if (items.type !== 'object') found.push(invalidValue(`${at}.items.type`, items.type ?? '', 'must be object if parent array\'s x-kubernetes-list-type is map'))
  if (items.nullable) found.push(forbidden(`${at}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is map'))
  for (const [i, key] of keys.entries()) {
    const field = items.properties?.[key]
    if (!field) found.push(invalidValue(`${at}.x-kubernetes-list-map-keys[${i}]`, key, 'entries must all be names of item properties'))
    else {
      if (field.type === 'array' || field.type === 'object') found.push(invalidValue(`${at}.items.properties[${key}].type`, field.type, 'must be a scalar type if parent array\'s x-kubernetes-list-type is map'))
      if (field.nullable) found.push(forbidden(`${at}.items.properties[${key}].nullable`, 'cannot be nullable for x-kubernetes-list-map-keys entries'))
      if (field.default === undefined && !items.required?.includes(key)) found.push(required(`${at}.items.properties[${key}].default`, 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'))
    }
    if (keys.indexOf(key) < i) found.push(duplicate(`${at}.x-kubernetes-list-map-keys[${i}]`, key))
  }
  return found
}

const intOrStringAnyOf = [{ type: 'integer' }, { type: 'string' }]
const isIntOrString = (anyOf: readonly Schema[] | undefined): boolean => equalJson(anyOf ?? null, intOrStringAnyOf)

function validateStructure(schema: Schema, at: string, level: Level): FieldError[] {
  const found: FieldError[] = []
  if (schema.type === 'array' && !schema.items) found.push(required(`${at}.items`, 'must be specified'))
  if (asSchema(schema.items)) found.push(...validateStructure(schema.items as Schema, `${at}.items`, 'item'))
  for (const [key, field] of Object.entries(schema.properties ?? {})) {
    if (level === 'root' && key === 'metadata') continue
    found.push(...validateStructure(field, `${at}.properties[${key}]`, 'field'))
  }
  if (schema.additionalProperties !== undefined) {
    if (level === 'root') found.push(forbidden(`${at}.additionalProperties`, 'must not be used at the root'))
    const values = valueSchema(schema)
    if (values) found.push(...validateStructure(values, `${at}.additionalProperties`, 'field'))
  }
  found.push(...validateExtensions(schema, at, level), ...validateJunctors(schema, at, { anyOf: isIntOrString(schema.anyOf), allOf: isIntOrString(schema.allOf?.[0]?.anyOf) && schema['x-kubernetes-int-or-string'] === true }))
  if (level === 'root' && schema.type && schema.type !== 'object') found.push(invalidValue(`${at}.type`, schema.type, 'must be object at the root'))
  if (level === 'root' || schema['x-kubernetes-embedded-resource']) found.push(...validateHeader(schema, at, level))
  return found
}

function validateExtensions(schema: Schema, at: string, level: Level): FieldError[] {
  const found: FieldError[] = []
  const { type } = schema
  const [either, keep, embedded] = [schema['x-kubernetes-int-or-string'], schema['x-kubernetes-preserve-unknown-fields'], schema['x-kubernetes-embedded-resource']]
  if (either && keep) found.push(invalidValue(`${at}.x-kubernetes-preserve-unknown-fields`, true, 'must be false if x-kubernetes-int-or-string is true'))
  if (either && embedded) found.push(invalidValue(`${at}.x-kubernetes-embedded-resource`, true, 'must be false if x-kubernetes-int-or-string is true'))
  if (either && type) found.push(invalidValue(`${at}.type`, type, 'must be empty if x-kubernetes-int-or-string is true'))
  if (embedded && type !== 'object') {
    const why = 'must be object if x-kubernetes-embedded-resource is true'
    found.push(type ? invalidValue(`${at}.type`, type, why) : required(`${at}.type`, why))
  } else if (!type && !either && !keep) found.push(required(`${at}.type`, typeNeeded[level]))
  if (embedded && schema.additionalProperties !== undefined) found.push(forbidden(`${at}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'))
  if (embedded && !keep && !Object.keys(schema.properties ?? {}).length) found.push(required(`${at}.properties`, 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields'))
  return found
}

function validateHeader(schema: Schema, at: string, level: Level): FieldError[] {
  const found: FieldError[] = []
  for (const key of ['kind', 'apiVersion'] as const) {
    const field = schema.properties?.[key]
    if (field && field.type !== 'string') found.push(invalidValue(`${at}.properties[${key}].type`, field.type ?? '', 'must be string'))
  }
  const metadata = schema.properties?.metadata
  if (!metadata) return found
  if (metadata.type !== 'object') found.push(invalidValue(`${at}.properties[metadata].type`, metadata.type ?? '', 'must be object'))
  if (level !== 'root') return found
  const { type: _type, description: _description, properties, default: _default, ...rest } = metadata
  if (Object.keys(rest).length || Object.keys(properties ?? {}).some((k) => k !== 'name' && k !== 'generateName')) {
    found.push(forbidden(`${at}.properties[metadata]`, 'must not specify anything other than name and generateName, but metadata is implicitly specified'))
  }
  return found
}

/** What only restricts values may not shape them: allOf, anyOf, oneOf and not. */
function validateJunctors(schema: Schema, at: string, skip: { anyOf: boolean; allOf: boolean }): FieldError[] {
  const found: FieldError[] = []
  if (!skip.anyOf) schema.anyOf?.forEach((s, i) => found.push(...validateNested(s, `${at}.anyOf[${i}]`, false)))
  schema.allOf?.forEach((s, i) => found.push(...validateNested(s, `${at}.allOf[${i}]`, skip.allOf && i === 0)))
  schema.oneOf?.forEach((s, i) => found.push(...validateNested(s, `${at}.oneOf[${i}]`, false)))
  if (schema.not) found.push(...validateNested(schema.not, `${at}.not`, false))
  if (schema.pattern) {
    try {
      goPattern(schema.pattern)
    } catch (e) {
      found.push(invalidValue(`${at}.pattern`, schema.pattern, `must be a valid regular expression, but isn't: ${(e as Error).message}`))
    }
  }
  return found
}

const mustBe: readonly (readonly [keyof Schema, string])[] = [
  ['type', 'empty'], ['additionalProperties', 'undefined'], ['default', 'undefined'], ['title', 'empty'], ['description', 'empty'], ['nullable', 'false'], ['externalDocs', 'undefined'],
  ['x-kubernetes-preserve-unknown-fields', 'false'], ['x-kubernetes-embedded-resource', 'false'], ['x-kubernetes-int-or-string', 'false'], ['x-kubernetes-list-map-keys', 'empty'],
  ['x-kubernetes-list-type', 'undefined'], ['x-kubernetes-map-type', 'undefined'], ['x-kubernetes-validations', 'empty'],
]

function validateNested(schema: Schema, at: string, skipAnyOf: boolean): FieldError[] {
  const found = validateJunctors(schema, at, { anyOf: skipAnyOf, allOf: false })
  if (asSchema(schema.items)) found.push(...validateNested(schema.items as Schema, `${at}.items`, false))
  for (const [key, field] of Object.entries(schema.properties ?? {})) found.push(...validateNested(field, `${at}.properties[${key}]`, false))
  for (const [key, word] of mustBe) if (schema[key]) found.push(forbidden(`${at}.${key}`, `must be ${word} to be structural`))
  if (schema.properties?.metadata) found.push(forbidden(`${at}.properties[metadata]`, 'must not be specified in a nested context'))
  return found
}

/** Every field that a junctor speaks of is there outside of it. */
function validateCompleteness(schema: Schema, structure: Schema | undefined, at: string): FieldError[] {
  const found: FieldError[] = []
  const nested = (s: Schema, path: string): void => { found.push(...completeNested(s, structure, path, at)) }
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) schema[junctor]?.forEach((s, i) => nested(s, `${at}.${junctor}[${i}]`))
  if (schema.not) nested(schema.not, `${at}.not`)
  for (const [key, field] of Object.entries(schema.properties ?? {})) found.push(...validateCompleteness(field, field, `${at}.properties[${key}]`))
  if (asSchema(schema.items)) found.push(...validateCompleteness(schema.items as Schema, schema.items, `${at}.items`))
  const values = valueSchema(schema)
  if (values) found.push(...validateCompleteness(values, values, `${at}.additionalProperties`))
  return found
}

function completeNested(schema: Schema, structure: Schema | undefined, at: string, outside: string): FieldError[] {
  const found: FieldError[] = []
  for (const [key, field] of Object.entries(schema.properties ?? {})) {
    const known = structure?.properties?.[key]
    if (!known) found.push(required(`${outside}.properties[${key}]`, `because it is defined in ${at}.properties[${key}]`))
    else found.push(...completeNested(field, known, `${at}.properties[${key}]`, `${outside}.properties[${key}]`))
  }
  if (asSchema(schema.items)) {
    if (!structure?.items) found.push(required(`${outside}.items`, `because it is defined in ${at}.items`))
    else found.push(...completeNested(schema.items as Schema, structure.items, `${at}.items`, `${outside}.items`))
  }
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) schema[junctor]?.forEach((s, i) => found.push(...completeNested(s, structure, `${at}.${junctor}[${i}]`, outside)))
  if (schema.not) found.push(...completeNested(schema.not, structure, `${at}.not`, outside))
  return found
}

/** A default must be what its own schema lets through: pruned, complete and valid. */
function validateDefaults(schema: Schema, at: string, key: string | undefined): FieldError[] {
  const found: FieldError[] = []
  if (schema.default !== undefined && key !== 'metadata') {
    const value = copyJson(schema.default)
    if (!equalJson(prune(value, schema), value)) found.push(invalidValue(`${at}.default`, schema.default, 'must not have unknown fields'))
    else {
      applyDefaults(value, schema)
      found.push(...validateValue(value, schema, '').map((f) => ({ ...f, field: f.field && f.field !== '<nil>' ? `${at}.default.${f.field}` : `${at}.default` })))
    }
  }
  for (const [name, field] of Object.entries(schema.properties ?? {})) found.push(...validateDefaults(field, `${at}.properties[${name}]`, name))
  if (schema.items) found.push(...validateDefaults(schema.items, `${at}.items`, undefined))
  const values = valueSchema(schema)
  if (values) found.push(...validateDefaults(values, `${at}.additionalProperties`, undefined))
  return found
}
