/** Schemas of the field tables as OpenAPI, under upstream's names, in the dialect of v2 or v3. Pure but for loading the documentation. */
import { atomicObjects, listRules } from '../schema/overlay.ts'
import type { ListRule } from '../schema/overlay.ts'
import { parseType, tableOf } from '../schema/tables.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import { customListSchema, customName, customSchema } from './openapi-custom.ts'

export type Dialect = 'v2' | 'v3'

const apimachinery = 'io.k8s.apimachinery.pkg'
const packages: Readonly<Record<string, string>> = {
  'meta-v1': `${apimachinery}.apis.meta.v1`, 'apiextensions-v1': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1', 'apiregistration-v1': 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
}

/** `core-v1.Pod` to `io.k8s.api.core.v1.Pod`. */
export function openApiName(schema: string): string {
  const dot = schema.indexOf('.')
  const gv = schema.slice(0, dot)
  return `${packages[gv] ?? `io.k8s.api.${gv.replace('-', '.')}`}.${schema.slice(dot + 1)}`
}

const scalarNames: Readonly<Record<string, string>> = {
  quantity: `${apimachinery}.api.resource.Quantity`, 'int-or-string': `${apimachinery}.util.intstr.IntOrString`, time: `${apimachinery}.apis.meta.v1.Time`,
  microtime: `${apimachinery}.apis.meta.v1.MicroTime`, any: `${apimachinery}.apis.meta.v1.FieldsV1`, raw: `${apimachinery}.runtime.RawExtension`,
  json: openApiName('apiextensions-v1.JSON'), 'json-or-list': openApiName('apiextensions-v1.JSONSchemaPropsOrArray'), 'json-or-boolean': openApiName('apiextensions-v1.JSONSchemaPropsOrBool'),
  'json-or-strings': openApiName('apiextensions-v1.JSONSchemaPropsOrStringArray'),
}
const scalarSchemas: Readonly<Record<string, (dialect: Dialect) => object>> = {
  quantity: (d) => (d === 'v2' ? { description: quantityDoc, type: 'string' } : { description: quantityDoc, oneOf: [{ type: 'string' }, { type: 'number' }] }),
  'int-or-string': (d) => (d === 'v2' ? { description: intOrStringDoc, type: 'string', format: 'int-or-string' }
    : { description: intOrStringDoc, format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }),
  time: () => ({ description: 'Time is a wrapper around time.Time which supports correct marshaling to YAML and JSON.', type: 'string', format: 'date-time' }),
  microtime: () => ({ description: 'MicroTime is version of Time with microsecond level precision.', type: 'string', format: 'date-time' }),
  any: () => ({ description: 'Arbitrary JSON.', type: 'object' }),
  raw: () => ({ description: 'An object of a kind that is told by its own fields.', type: 'object' }),
  // Without a type: anything is one.
  json: () => ({ description: 'JSON represents any valid JSON value. These types are supported: bool, int64, float64, string, []interface{}, map[string]interface{} and nil.' }),
  'json-or-list': () => ({ description: 'JSONSchemaPropsOrArray represents a value that can either be a JSONSchemaProps or an array of JSONSchemaProps. Mainly here for serialization purposes.' }),
  'json-or-boolean': () => ({ description: 'JSONSchemaPropsOrBool represents JSONSchemaProps or a boolean value. Defaults to true for the boolean property.' }),
  'json-or-strings': () => ({ description: 'JSONSchemaPropsOrStringArray represents a JSONSchemaProps or a string array.' }),
}
const quantityDoc = 'Quantity is a fixed-point representation of a number, with decimal (n, u, m, k, M, G, T, P, E) and binary (Ki, Mi, Gi, Ti, Pi, Ei) suffixes and decimal exponents.'
const intOrStringDoc = 'IntOrString is a type that can hold an int32 or a string. When used in JSON or YAML marshalling and unmarshalling, it produces or consumes the inner type.'

const inline: Readonly<Record<string, object>> = {
  string: { type: 'string' }, boolean: { type: 'boolean' }, int32: { type: 'integer', format: 'int32' }, int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' }, number: { type: 'number', format: 'double' }, byte: { type: 'string', format: 'byte' },
}

/** Documentation of a schema's fields, `''` for the schema itself. */
export type DocsOf = (schema: string) => Readonly<Record<string, string>>

export interface KindOfSchema { readonly group: string; readonly version: string; readonly kind: string }

/** Collects the schemas reachable from some roots. */
export class SchemaCollector {
  readonly schemas: Record<string, object> = {}
  readonly #dialect: Dialect
  readonly #docs: DocsOf
  readonly #kinds: ReadonlyMap<string, readonly KindOfSchema[]>
  constructor(dialect: Dialect, docs: DocsOf, kinds: ReadonlyMap<string, readonly KindOfSchema[]>) {
    this.#dialect = dialect
    this.#docs = docs
    this.#kinds = kinds
  }

  /** Adds a schema and all it refers to; returns the reference to it. */
  ref(schema: string): { $ref: string } {
    const name = scalarNames[schema] ?? openApiName(schema)
    if (!this.schemas[name]) {
      const scalar = scalarSchemas[schema]
      this.schemas[name] = {}
      this.schemas[name] = scalar ? scalar(this.#dialect) : this.#struct(schema)
    }
    return this.#to(name)
  }

  /** The schemas of a served kind and of its list, custom or built in. */
  kind(d: ResourceDefinition): { readonly object: object; readonly list: object } {
    if (!d.codec) return { object: this.ref(d.schema), list: this.ref(`${d.schema}List`) }
    const [name, listName] = [customName(d, d.kind), customName(d, d.listKind)]
    const object = this.#to(name)
    this.schemas[name] ??= customSchema(d, this.#dialect, (text) => this.#described(text, this.ref('meta-v1.ObjectMeta')))
    this.schemas[listName] ??= customListSchema(d, object, (text) => this.#described(text, this.ref('meta-v1.ListMeta')))
    return { object, list: this.#to(listName) }
  }

  #to(name: string): { $ref: string } { return { $ref: `${this.#dialect === 'v2' ? '#/definitions/' : '#/components/schemas/'}${name}` } }

  #described(description: string, ref: object): object { return this.#dialect === 'v2' ? { description, ...ref } : { description, allOf: [ref] } }

  #struct(schema: string): object {
    const table = tableOf(schema)
    if (!table) throw new Error(`no field table for ${schema}`)
    const docs = this.#docs(schema)
    const required = Object.keys(table).filter((f) => (table[f] as string).endsWith('!'))
    const kinds = this.#kinds.get(schema)
    return {
      description: docs[''] ?? '', type: 'object', ...(required.length ? { required } : {}),
      properties: Object.fromEntries(Object.keys(table).map((f) => [f, this.#field(schema, f, table[f] as string, docs[f] ?? '')])),
      ...(atomicObjects.has(schema) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(kinds ? { 'x-kubernetes-group-version-kind': kinds } : {}),
    }
  }

  #field(schema: string, field: string, type: string, description: string): object {
    const { container, element } = parseType(type)
    const extensions = this.#extensions(listRules[schema]?.[field], container)
    if (container === '[]') return { description, type: 'array', items: this.#element(element), ...extensions }
    if (container === '{}') return { description, type: 'object', additionalProperties: this.#element(element), ...extensions }
    const simple = inline[element]
    if (simple) return { description, ...simple, ...extensions }
    const ref = this.ref(element)
    // The official client's models drop the text of a field that is an object: the object's own text says as much.
    const text = description || (element.includes('.') ? (this.#docs(element)[''] ?? '') : '')
    return this.#dialect === 'v2' ? { description: text, ...ref, ...extensions } : { description: text, allOf: [ref], ...extensions }
  }

  #element(type: string): object {
    const { container, element } = parseType(type)
    if (container === '[]') return { type: 'array', items: this.#element(element) }
    return inline[element] ?? this.ref(element)
  }

  #extensions(rule: ListRule | undefined, container: string): object {
    if (!rule) return container === '[]' ? { 'x-kubernetes-list-type': 'atomic' } : {}
    return {
      ...(rule.listMapKeys ? { 'x-kubernetes-list-map-keys': rule.listMapKeys } : {}), ...(rule.listType ? { 'x-kubernetes-list-type': rule.listType } : {}),
      ...(rule.mapType ? { 'x-kubernetes-map-type': rule.mapType } : {}),
      ...(rule.patchMergeKey ? { 'x-kubernetes-patch-merge-key': rule.patchMergeKey } : {}),
      ...(rule.patchStrategy ? { 'x-kubernetes-patch-strategy': rule.patchStrategy } : {}),
    }
  }
}
