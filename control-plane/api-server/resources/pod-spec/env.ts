/** Validation of environment variables and downward API references (`ValidateEnv`, `ValidateEnvFrom`). Pure. */
import type { EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from '../../../../shared/api/core-v1.ts'
import { validateConfigKey, validateDns1123Subdomain, validateEnvVarName, validateQualifiedName } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { invalidFor, invalidValue, notSupported, required } from '../findings.ts'

const envFields = ['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName', 'status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs']
export const volumeFields = ['metadata.name', 'metadata.namespace', 'metadata.labels', 'metadata.annotations', 'metadata.uid']
const resourceFields = ['limits.cpu', 'limits.memory', 'limits.ephemeral-storage', 'requests.cpu', 'requests.memory', 'requests.ephemeral-storage']

export function validateFieldRef(ref: ObjectFieldSelector, supported: readonly string[], field: string): FieldError[] {
  if (!ref.apiVersion) return [required(`${field}.apiVersion`)]
  if (!ref.fieldPath) return [required(`${field}.fieldPath`)]
  const subscript = /^(.+)\['(.*)'\]$/.exec(ref.fieldPath)
  if (subscript) {
    const [, path, key] = subscript as unknown as [string, string, string]
    if (path === 'metadata.annotations') return invalidFor(field, key, validateQualifiedName(key.toLowerCase()))
    if (path === 'metadata.labels') return invalidFor(field, key, validateQualifiedName(key))
    return [invalidValue(field, path, 'does not support subscript')]
  }
  if (supported.includes(ref.fieldPath)) return []
  const known = [...envFields, ...volumeFields].includes(ref.fieldPath)
  return [known ? notSupported(`${field}.fieldPath`, ref.fieldPath, supported)
    : invalidValue(`${field}.fieldPath`, ref.fieldPath, `error converting fieldPath: field label not supported: ${ref.fieldPath}`)]
}

export function validateResourceFieldRef(ref: ResourceFieldSelector, inVolume: boolean, field: string): FieldError[] {
  if (inVolume && !ref.containerName) return [required(`${field}.containerName`)]
  if (!ref.resource) return [required(`${field}.resource`)]
  if (resourceFields.includes(ref.resource) || /^(limits|requests)\.hugepages-/.test(ref.resource)) return []
  return [notSupported(`${field}.resource`, ref.resource, resourceFields)]
}

function validateKeyRef(ref: { key: string; name?: string }, field: string): FieldError[] {
  const found: FieldError[] = []
  if (!ref.name) found.push(required(`${field}.name`))
  if (!ref.key) found.push(required(`${field}.key`))
  else found.push(...invalidFor(`${field}.key`, ref.key, validateConfigKey(ref.key)))
  return found
}

function validateSource(source: EnvVarSource, value: string | undefined, field: string): FieldError[] {
  const found: FieldError[] = []
  let count = 0
  if (source.fieldRef) { count++; found.push(...validateFieldRef(source.fieldRef, envFields, `${field}.fieldRef`)) }
  if (source.resourceFieldRef) { count++; found.push(...validateResourceFieldRef(source.resourceFieldRef, false, `${field}.resourceFieldRef`)) }
  if (source.configMapKeyRef) { count++; found.push(...validateKeyRef(source.configMapKeyRef, `${field}.configMapKeyRef`)) }
  if (source.secretKeyRef) { count++; found.push(...validateKeyRef(source.secretKeyRef, `${field}.secretKeyRef`)) }
  if (count === 0) found.push(invalidValue(field, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'))
  else if (value) found.push(invalidValue(field, '', 'may not be specified when `value` is not empty'))
  else if (count > 1) found.push(invalidValue(field, '', 'may not have more than one field specified at a time'))
  return found
}

export function validateEnv(vars: readonly EnvVar[] | undefined, field: string): FieldError[] {
  return (vars ?? []).flatMap((v, i) => {
    const at = `${field}[${i}]`
    return [...(v.name ? invalidFor(`${at}.name`, v.name, validateEnvVarName(v.name)) : [required(`${at}.name`)]), ...(v.valueFrom ? validateSource(v.valueFrom, v.value, `${at}.valueFrom`) : [])]
  })
}

export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, field: string): FieldError[] {
  return (sources ?? []).flatMap((s, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = s.prefix ? invalidFor(`${at}.prefix`, s.prefix, validateEnvVarName(s.prefix)) : []
    for (const kind of ['configMapRef', 'secretRef'] as const) {
      const ref = s[kind]
      if (ref) found.push(...(ref.name ? invalidFor(`${at}.${kind}.name`, ref.name, validateDns1123Subdomain(ref.name)) : [required(`${at}.${kind}.name`)]))
    }
    if (!s.configMapRef && !s.secretRef) found.push(invalidValue(at, '', 'must specify one of: `configMapRef` or `secretRef`'))
    else if (s.configMapRef && s.secretRef) found.push(invalidValue(at, '', 'may not have more than one field specified at a time'))
    return found
  })
}
