/** Uniqueness in lists that are sets or maps (`apiextensions-apiserver/pkg/apiserver/schema/listtype`). Pure. */
import type { FieldError } from '../resources/definition.ts'
import { keyText, mapKeyOf } from './list-keys.ts'
import type { Schema } from './schema.ts'
import { childPath, isObject, valueSchema } from './schema.ts'

export function validateListTypes(value: unknown, schema: Schema | undefined, at = ''): FieldError[] {
  if (!schema) return []
  if (Array.isArray(value)) {
    const found = value.flatMap((item, i) => validateListTypes(item, schema.items, `${at}[${i}]`))
    return [...duplicates(value, schema, at), ...found]
  }
  if (!isObject(value)) return []
  const values = valueSchema(schema)
  return Object.keys(value).flatMap((key) => {
    const field = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : values
    return field ? validateListTypes(value[key], field, childPath(at, key)) : []
  })
}

function duplicates(items: readonly unknown[], schema: Schema, at: string): FieldError[] {
  const kind = schema['x-kubernetes-list-type']
  if (kind !== 'set' && kind !== 'map') return []
  const seen = new Set<string>()
  const found: FieldError[] = []
  for (const [i, item] of items.entries()) {
    const key = kind === 'set' ? item : mapKeyOf(item, schema)
    const text = keyText(key)
    if (seen.has(text)) found.push({ type: 'Duplicate', field: `${at}[${i}]`, value: key, detail: '' })
    seen.add(text)
  }
  return found
}
