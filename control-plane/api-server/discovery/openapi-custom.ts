/** Custom resources in OpenAPI documents (`apiextensions-apiserver/pkg/controller/openapi/builder`). Pure. */
import type { ResourceDefinition } from '../resources/definition.ts'
import type { Dialect } from './openapi-schemas.ts'

type Json = Readonly<Record<string, unknown>>

const texts = {
  apiVersion: 'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  kind: 'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  metadata: 'Standard object\'s metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  items: (name: string) => `List of ${name}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
}

/** `com.example.stable.v1.CronTab`. */
export const customName = (d: Pick<ResourceDefinition, 'group' | 'version'>, kind: string): string => `${d.group.split('.').toReversed().join('.')}.${d.version}.${kind}`

/** What v2 has no words for is left out, as upstream leaves it out (`ToStructuralOpenAPIV2`). */
const notInV2 = new Set(['oneOf', 'anyOf', 'allOf', 'not', 'nullable', 'default', 'x-kubernetes-validations', 'example'])

function translated(schema: Json, dialect: Dialect, objectMeta: (text: string) => object): Json {
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    if (dialect === 'v2' && notInV2.has(key)) continue
    if (key === 'properties') out[key] = Object.fromEntries(Object.entries(value as Record<string, Json>).map(([name, field]) => [name, translated(field, dialect, objectMeta)]))
    else if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object')) out[key] = translated(value as Json, dialect, objectMeta)
    else out[key] = value
  }
  if (schema['x-kubernetes-embedded-resource']) out.properties = { ...(out.properties as Json | undefined), ...header(objectMeta) }
  if (dialect === 'v2') {
    if (schema.nullable) for (const key of ['type', 'items', 'properties', 'additionalProperties']) delete out[key]
    // Old clients would refuse what such a part may hold.
    if (schema['x-kubernetes-preserve-unknown-fields']) for (const key of ['type', 'items', 'properties', 'additionalProperties']) delete out[key]
  }
  return out
}

const header = (objectMeta: (text: string) => object): Record<string, object> =>
  ({ apiVersion: { description: texts.apiVersion, type: 'string' }, kind: { description: texts.kind, type: 'string' }, metadata: objectMeta(texts.metadata) })

const gvk = ({ group, version }: ResourceDefinition, kind: string): object => ({ 'x-kubernetes-group-version-kind': [{ group, version, kind }] })

/** `objectMeta`: a field that refers to the schema of object metadata. */
export function customSchema(d: ResourceDefinition, dialect: Dialect, objectMeta: (text: string) => object): object {
  const { properties, description, ...rest } = translated(d.codec?.openApi ?? { type: 'object' }, dialect, objectMeta) as Json & { properties?: Json }
  return { ...(description ? { description } : {}), type: 'object', ...rest, properties: { ...properties, ...header(objectMeta) }, ...gvk(d, d.kind) }
}

export function customListSchema(d: ResourceDefinition, item: object, listMeta: (text: string) => object): object {
  return {
    description: `${d.listKind} is a list of ${d.kind}`, type: 'object', required: ['items'],
    properties: {
      apiVersion: { description: texts.apiVersion, type: 'string' }, items: { description: texts.items(d.resource), type: 'array', items: item }, kind: { description: texts.kind, type: 'string' },
      metadata: listMeta('Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds'),
    },
    ...gvk(d, d.listKind),
  }
}
