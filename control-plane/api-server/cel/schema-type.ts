/**
 * OpenAPI schemas as types of CEL, with the bounds they declare or that the size of a request sets (`k8s.io/apiserver/pkg/cel/common/schemas.go`).
 * Pure.
 */
import type { CelType, ObjectField } from './cel-type.ts'
import { BOOL, DOUBLE, INT, STRING } from './cel-type.ts'

/** The part of an OpenAPI v3 schema that decides types and bounds: `apiextensions.k8s.io/v1 JSONSchemaProps` is one. */
export interface TypedSchema {
  readonly type?: string
  readonly format?: string
  readonly items?: TypedSchema | unknown
  readonly properties?: Readonly<Record<string, TypedSchema>>
  readonly additionalProperties?: TypedSchema | boolean | unknown
  readonly required?: readonly string[]
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly maxItems?: number
  readonly maxLength?: number
  readonly maxProperties?: number
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-embedded-resource'?: boolean
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
}

/** Upstream's `DefaultMaxRequestSizeBytes`: what bounds a list without `maxItems`. */
const MAX_REQUEST = 3 * 1024 * 1024

const keywords = new Set(['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while'])
const escapes: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' }

/** The name of a property in expressions; undefined for one that cannot be reached by a name. */
export function escapeProperty(name: string): string | undefined {
  if (keywords.has(name)) return `__${name}__`
  const escaped = name.replaceAll(/__|[.\-/]/g, (part) => escapes[part] ?? part)
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined
}

/** A type and the fewest bytes that a value of it takes in JSON. */
interface Typed { readonly type: CelType; readonly least: number }

/** The type of a schema. `root`: an object with kind, apiVersion and metadata (name and generateName of it). Undefined where nothing can be said of the value. */
export function schemaType(schema: TypedSchema | undefined, root = false): CelType | undefined { return typed(schema, root)?.type }

const isSchema = (value: unknown): value is TypedSchema => typeof value === 'object' && value !== null

function typed(schema: TypedSchema | undefined, root: boolean): Typed | undefined {
  if (!schema) return undefined
  if (schema['x-kubernetes-int-or-string']) return { type: { kind: 'dyn', maxElements: MAX_REQUEST - 2 }, least: 1 }
  switch (schema.type) {
    case 'array': return listType(schema)
    case 'object': return isSchema(schema.additionalProperties) ? mapType(schema, schema.additionalProperties) : objectTypeOf(schema, root)
    case 'string': return { type: stringType(schema), least: 2 }
    case 'boolean': return { type: BOOL, least: 4 }
    case 'number': return { type: DOUBLE, least: 1 }
    case 'integer': return { type: INT, least: 1 }
    default: return undefined
  }
}

const atLeastZero = (n: number): number => Math.max(n, 0)

function listType(schema: TypedSchema): Typed | undefined {
  const items = isSchema(schema.items) ? typed(schema.items, Boolean(schema.items['x-kubernetes-embedded-resource'])) : undefined
  if (!items) return undefined
  const listed = schema['x-kubernetes-list-type']
  const merge = listed === 'set' ? { type: 'set' } as const
    : listed === 'map' ? { type: 'map', keys: (schema['x-kubernetes-list-map-keys'] ?? []).map((key) => escapeProperty(key) ?? key) } as const : undefined
  const maxElements = schema.maxItems === undefined ? Math.floor((MAX_REQUEST - 2) / (items.least + 1)) : atLeastZero(schema.maxItems)
  return { type: { kind: 'list', element: items.type, maxElements, ...(merge ? { merge } : {}) }, least: 2 }
}

function mapType(schema: TypedSchema, values: TypedSchema): Typed | undefined {
  const value = typed(values, Boolean(values['x-kubernetes-embedded-resource']))
  if (!value) return undefined
  const maxElements = schema.maxProperties === undefined ? Math.floor((MAX_REQUEST - 2) / (value.least + 6)) : atLeastZero(schema.maxProperties)
  return { type: { kind: 'map', key: STRING, value: value.type, maxElements }, least: 2 }
}

const metadata: TypedSchema = { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } }
const typeMeta: Readonly<Record<string, TypedSchema>> = { kind: { type: 'string' }, apiVersion: { type: 'string' }, metadata }

function objectTypeOf(schema: TypedSchema, root: boolean): Typed {
  const fields = new Map<string, ObjectField>()
  const required = new Set(schema.required)
  let least = 2
  for (const [property, of] of Object.entries(root ? { ...schema.properties, ...typeMeta } : schema.properties ?? {})) {
    const field = typed(of, Boolean(of['x-kubernetes-embedded-resource']))
    if (!field) continue
    const name = escapeProperty(property)
    if (name !== undefined) fields.set(name, { type: field.type, required: required.has(property), ...(name === property ? {} : { property }) })
    if (required.has(property) && of.default === undefined) least += property.length + field.least + 4
  }
  return { type: { kind: 'object', name: 'object', fields }, least }
}

function stringType(schema: TypedSchema): CelType {
  const given = schema.maxLength === undefined ? undefined : atLeastZero(schema.maxLength)
  switch (schema.format) {
    case 'byte': return { kind: 'bytes', maxElements: given ?? MAX_REQUEST - 2 }
    case 'duration': return { kind: 'duration' }
    case 'date': case 'date-time': return { kind: 'timestamp' }
    default: break
  }
  // `maxLength` counts characters, a request is bounded in bytes: a character has up to four.
  if (given !== undefined) return { kind: 'string', maxElements: given * 4 }
  const longest = schema.enum?.length ? Math.max(...schema.enum.map((v) => (typeof v === 'string' ? v.length : 0))) : MAX_REQUEST - 2
  return { kind: 'string', maxElements: longest }
}
