/** Types of custom resources for ownership, from their structural schema and its `x-kubernetes-*` extensions. Pure. */
import { isRecord } from '../../../shared/values/json-value.ts'
import type { FieldType } from './field-type.ts'
import { anyType, asAtomic, atomicList, keyedList, mapType, scalarType, structType } from './field-type.ts'
import { tableType } from './table-types.ts'

type Schema = Readonly<Record<string, unknown>>

const made = new WeakMap<Schema, FieldType>()
const scalars = { string: scalarType('string'), number: scalarType('numeric'), integer: scalarType('numeric'), boolean: scalarType('boolean') } as const
const untyped = scalarType('untyped')

/** The type of a whole object; `metadata` is that of every kind. Undefined where nothing is known but that. */
export function schemaRootType(schema: Schema | undefined): FieldType {
  const known = schema && made.get(schema)
  if (known) return known
  const inner = schema ? schemaType(schema) : anyType
  const fixed: Readonly<Record<string, FieldType>> = { apiVersion: scalars.string, kind: scalars.string, metadata: tableType('meta-v1.ObjectMeta') }
  const type = structType({
    atomic: false, element: inner.form === 'any' ? anyType : inner.element,
    field: (name) => (Object.hasOwn(fixed, name) ? fixed[name] : inner.field(name)), defaultOf: () => undefined,
  })
  if (schema) made.set(schema, type)
  return type
}

function schemaType(schema: Schema): FieldType {
  if (schema['x-kubernetes-int-or-string'] === true) return untyped
  const { type } = schema
  if (type === 'array') return listOf(schema)
  if (type === 'object') return schema['x-kubernetes-map-type'] === 'atomic' ? asAtomic(objectOf(schema)) : objectOf(schema)
  return typeof type === 'string' && Object.hasOwn(scalars, type) ? scalars[type as keyof typeof scalars] : anyType
}

function listOf(schema: Schema): FieldType {
  const element = isRecord(schema.items) ? schemaType(schema.items) : anyType
  const keys = schema['x-kubernetes-list-map-keys']
  if (schema['x-kubernetes-list-type'] === 'map') return keyedList(Array.isArray(keys) ? keys as string[] : [], element)
  return schema['x-kubernetes-list-type'] === 'set' ? keyedList([], element) : atomicList(element)
}

function objectOf(schema: Schema): FieldType {
  const properties = isRecord(schema.properties) ? schema.properties as Readonly<Record<string, Schema>> : {}
  const embedded = schema['x-kubernetes-embedded-resource'] === true
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true
  const more = isRecord(schema.additionalProperties) ? schemaType(schema.additionalProperties) : schema.additionalProperties === true ? anyType : undefined
  const known = Object.keys(properties)
  if (!known.length && !embedded && open && !more) return anyType
  const fields = new Map<string, FieldType>()
  if (more && !known.length) return mapType(more)
  return structType({
    atomic: false, element: more ?? (open || embedded ? anyType : undefined),
    field(name) {
      const had = fields.get(name)
      if (had) return had
      if (!Object.hasOwn(properties, name)) return undefined
      const field = schemaType(properties[name] as Schema)
      fields.set(name, field)
      return field
    },
    defaultOf: (name) => (Object.hasOwn(properties, name) ? (properties[name] as Schema).default : undefined),
  })
}
