/**
 * Drops what a structural schema does not know (`apiextensions-apiserver/pkg/apiserver/schema/pruning`), as a fresh copy. A schema of undefined
 * lets everything through. Pure.
 */
import type { Json, Schema } from './schema.ts'
import { childPath, isObject, setKey, valueSchema } from './schema.ts'

/** `unknown` takes the paths of what was dropped, `spec.list[0].name`. */
export function prune(value: unknown, schema: Schema | undefined, at = '', unknown?: string[]): unknown {
  if (schema === undefined) return copy(value)
  if (Array.isArray(value)) return value.map((item, i) => prune(item, schema.items ?? keepNothing(schema), `${at}[${i}]`, unknown))
  if (!isObject(value)) return value
  const resource = schema['x-kubernetes-embedded-resource'] === true
  const out: Json = {}
  for (const key of Object.keys(value)) {
    const known = resource && isHeader(key) ? everything : fieldSchema(schema, key)
    if (known === null) unknown?.push(childPath(at, key))
    else setKey(out, key, prune(value[key], known, childPath(at, key), unknown))
  }
  return out
}

const isHeader = (key: string): boolean => key === 'kind' || key === 'apiVersion' || key === 'metadata'

const everything: Schema = { 'x-kubernetes-preserve-unknown-fields': true }

/** Items of an array whose schema says nothing of them are pruned as their parent is. */
const keepNothing = (schema: Schema): Schema => (schema['x-kubernetes-preserve-unknown-fields'] ? everything : {})

/** Null: the key is unknown. */
function fieldSchema(schema: Schema, key: string): Schema | null {
  const named = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined
  if (named) return named
  const values = valueSchema(schema)
  if (values) return values
  return schema['x-kubernetes-preserve-unknown-fields'] || schema.additionalProperties === true ? everything : null
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy)
  if (!isObject(value)) return value
  const out: Json = {}
  for (const key of Object.keys(value)) setKey(out, key, copy(value[key]))
  return out
}
