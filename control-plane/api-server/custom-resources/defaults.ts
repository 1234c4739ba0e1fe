/** Defaults of a structural schema, and nulls where none may be (`apiextensions-apiserver/pkg/apiserver/schema/defaulting`). Pure. */
import { copyJson } from '../../../shared/values/json-value.ts'
import type { Json, Schema } from './schema.ts'
import { isObject, setKey, valueSchema } from './schema.ts'

/** Does anything below a schema change by defaulting? */
export function hasDefaults(schema: Schema | undefined): boolean {
  if (!schema) return false
  return schema.default !== undefined || hasDefaults(schema.items) || hasDefaults(valueSchema(schema)) || Object.values(schema.properties ?? {}).some(hasDefaults)
}

/** Fills in defaults and drops nulls of fields that are not nullable, in place. */
export function applyDefaults(value: unknown, schema: Schema | undefined): void {
  if (!schema) return
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      if (isStrayNull(item, schema.items) && schema.items?.default !== undefined) value[i] = copyJson(schema.items.default)
      applyDefaults(value[i], schema.items)
    }
  } else if (isObject(value)) defaultFields(value, schema)
}

function defaultFields(value: Json, schema: Schema): void {
  for (const [key, field] of Object.entries(schema.properties ?? {})) {
    if (field.default === undefined) continue
    if (!Object.hasOwn(value, key) || isStrayNull(value[key], field)) setKey(value, key, copyJson(field.default))
  }
  const values = valueSchema(schema)
  for (const key of Object.keys(value)) {
    const field = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : values
    if (!field) continue
    if (isStrayNull(value[key], field)) {
      if (field.default !== undefined) setKey(value, key, copyJson(field.default))
      else { delete value[key]; continue }
    }
    applyDefaults(value[key], field)
  }
}

const isStrayNull = (value: unknown, schema: Schema | undefined): boolean => value === null && schema !== undefined && schema.nullable !== true
