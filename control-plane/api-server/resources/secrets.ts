import type { Secret } from '../../../shared/api/core-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateConfigKey } from '../../../shared/values/names.ts'
import { maxDataBytes } from './config-maps.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidFor, invalidValue, required, tooLong } from './findings.ts'
import { unchanged } from './object-meta.ts'

/** Keys a secret of a known type must have. */
const keysOfType: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'], 'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'], 'kubernetes.io/ssh-auth': ['ssh-privatekey'], 'kubernetes.io/tls': ['tls.crt', 'tls.key'],
}
const accountAnnotation = 'kubernetes.io/service-account.name'

function validate(secret: Secret): FieldError[] {
  const found: FieldError[] = []
  const data = secret.data ?? {}
  let size = 0
  for (const [key, value] of Object.entries(data)) {
    found.push(...invalidFor(`data[${key}]`, key, validateConfigKey(key)))
    size += Buffer.byteLength(value, 'base64')
  }
  if (size > maxDataBytes) found.push(tooLong('data', maxDataBytes))
  for (const key of keysOfType[secret.type ?? ''] ?? []) {
    if (!Object.hasOwn(data, key)) found.push(required(`data[${key}]`))
    else if (key.startsWith('.docker') && !isJson(data[key] as string)) found.push(invalidValue(`data[${key}]`, '<secret contents redacted>', 'invalid JSON'))
  }
  if (secret.type === 'kubernetes.io/basic-auth' && !Object.hasOwn(data, 'username') && !Object.hasOwn(data, 'password')) {
    found.push(required('data[username]'), required('data[password]'))
  }
  if (secret.type === 'kubernetes.io/service-account-token' && !secret.metadata?.annotations?.[accountAnnotation]) found.push(required(`metadata.annotations[${accountAnnotation}]`))
  return found
}

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString())
    return true
  } catch {
    return false
  }
}

export const secrets = define<Secret>({
  group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true, schema: 'core-v1.Secret',
  columns: [
    nameColumn, column('Type', (s) => s.type ?? '', { description: 'Used to facilitate programmatic handling of secret data.' }),
    column('Data', (s) => Object.keys(s.data ?? {}).length, { type: 'integer', description: 'Data contains the secret data.' }), ageColumn,
  ],
  strategy: {
    default(secret) {
      secret.type ||= 'Opaque'
      // `stringData` is a way to write, never to read.
      for (const [key, value] of Object.entries(secret.stringData ?? {})) secret.data = { ...secret.data, [key]: Buffer.from(value).toString('base64') }
      delete secret.stringData
    },
    validate,
    validateUpdate(secret, old) {
      const found = unchanged('type', secret.type, old.type)
      if (!old.immutable) return found
      if (!secret.immutable) found.push(forbidden('immutable', 'field is immutable when `immutable` is set'))
      if (!equalJson(secret.data ?? {}, old.data ?? {})) found.push(forbidden('data', 'field is immutable when `immutable` is set'))
      return found
    },
  },
  selectableFields: { type: (s) => s.type ?? '' },
})
