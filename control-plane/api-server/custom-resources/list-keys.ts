/** What tells items of a list apart. Pure. */
import type { Json, Schema } from './schema.ts'
import { isObject } from './schema.ts'

/** The keys of one item of a map list; a default of the schema stands for a key left out. */
export function mapKeyOf(item: unknown, schema: Schema): Json {
  const key: Json = {}
  if (!isObject(item)) return key
  for (const name of schema['x-kubernetes-list-map-keys'] ?? []) {
    const value = item[name] ?? schema.items?.properties?.[name]?.default
    if (value !== undefined) key[name] = value
  }
  return key
}

/** The same text for equal values, whatever the order of their keys. */
export function keyText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(keyText).join()}]`
  if (isObject(value)) return `{${Object.keys(value).sort().map((k) => `${JSON.stringify(k)}:${keyText(value[k])}`).join()}}`
  return JSON.stringify(value) ?? 'null'
}
