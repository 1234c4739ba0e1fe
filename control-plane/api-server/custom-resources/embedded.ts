/** Objects within objects (`x-kubernetes-embedded-resource`): each needs a kind, an apiVersion and sound metadata. Pure. */
import type { ObjectMeta } from '../../../shared/api/meta-v1.ts'
import type { FieldError } from '../resources/definition.ts'
import { invalidValue, required } from '../resources/findings.ts'
import { validateAnnotations, validateLabels } from '../resources/object-meta.ts'
import { validateDns1123Subdomain } from '../../../shared/values/names.ts'
import type { Schema } from './schema.ts'
import { childPath, isObject, valueSchema } from './schema.ts'

export function validateEmbedded(value: unknown, schema: Schema | undefined, at = ''): FieldError[] {
  if (!schema) return []
  if (Array.isArray(value)) return value.flatMap((item, i) => validateEmbedded(item, schema.items, `${at}[${i}]`))
  if (!isObject(value)) return []
  const found = schema['x-kubernetes-embedded-resource'] ? judge(value, at) : []
  const values = valueSchema(schema)
  for (const key of Object.keys(value)) {
    const field = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : values
    if (field) found.push(...validateEmbedded(value[key], field, childPath(at, key)))
  }
  return found
}

function judge(object: Readonly<Record<string, unknown>>, at: string): FieldError[] {
  const { kind, apiVersion } = object
  const found: FieldError[] = []
  if (!apiVersion) found.push(required(`${at}.apiVersion`, 'must not be empty'))
  else if (typeof apiVersion !== 'string' || apiVersion.split('/').length > 2) found.push(invalidValue(`${at}.apiVersion`, apiVersion, 'unexpected GroupVersion string'))
  if (!kind) found.push(required(`${at}.kind`, 'must not be empty'))
  else if (typeof kind !== 'string' || /[^A-Za-z0-9-]/.test(kind)) found.push(invalidValue(`${at}.kind`, kind, 'may have mixed case, but should otherwise match: a DNS-1035 label'))
  if (!isObject(object.metadata)) return found
  const meta = object.metadata as ObjectMeta
  if (meta.name) for (const detail of validateDns1123Subdomain(String(meta.name))) found.push(invalidValue(`${at}.metadata.name`, meta.name, detail))
  if (isObject(meta.labels)) found.push(...validateLabels(meta.labels, `${at}.metadata.labels`))
  if (isObject(meta.annotations)) found.push(...validateAnnotations(meta.annotations, `${at}.metadata.annotations`))
  return found
}
