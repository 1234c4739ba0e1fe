import type { ConfigMap } from '../../../shared/api/core-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateConfigKey } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidFor, invalidValue, tooLong } from './findings.ts'

/** Upstream's `MaxSecretSize`, which is the limit of a ConfigMap too. */
export const maxDataBytes = 1024 * 1024

const immutable = 'field is immutable when `immutable` is set'

function validate(map: ConfigMap): FieldError[] {
  const found: FieldError[] = []
  let size = 0
  for (const [key, value] of Object.entries(map.data ?? {})) {
    found.push(...invalidFor(`data[${key}]`, key, validateConfigKey(key)))
    if (map.binaryData && Object.hasOwn(map.binaryData, key)) found.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'))
    size += Buffer.byteLength(value)
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    found.push(...invalidFor(`binaryData[${key}]`, key, validateConfigKey(key)))
    size += Buffer.byteLength(value, 'base64')
  }
  if (size > maxDataBytes) found.push(tooLong('', maxDataBytes))
  return found
}

export const configMaps = define<ConfigMap>({
  group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true, schema: 'core-v1.ConfigMap', shortNames: ['cm'],
  columns: [
    nameColumn,
    column('Data', (m) => Object.keys(m.data ?? {}).length + Object.keys(m.binaryData ?? {}).length, { type: 'integer', description: 'Data contains the configuration data.' }),
    ageColumn,
  ],
  strategy: {
    validate,
    validateUpdate(map, old) {
      if (!old.immutable) return []
      const found: FieldError[] = map.immutable ? [] : [forbidden('immutable', immutable)]
      for (const f of ['data', 'binaryData'] as const) if (!equalJson(map[f] ?? {}, old[f] ?? {})) found.push(forbidden(f, immutable))
      return found
    },
  },
})
