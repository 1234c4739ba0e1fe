import type { StorageClass, TopologySelectorTerm } from '../../../shared/api/storage-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateLabelValue, validateQualifiedName } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, notSupported, required, tooLong } from './findings.ts'
import { unchanged } from './object-meta.ts'

const defaultMark = 'storageclass.kubernetes.io/is-default-class'
const betaMark = 'storageclass.beta.kubernetes.io/is-default-class'
/** Upstream's bounds on the parameters: their number, and the bytes of them all. */
const maxParameters = 512
const maxParametersBytes = 256 * 1024

export const isDefaultClass = ({ metadata }: StorageClass): boolean => metadata?.annotations?.[defaultMark] === 'true' || metadata?.annotations?.[betaMark] === 'true'

function validateParameters(parameters: Readonly<Record<string, string>>): FieldError[] {
  const entries = Object.entries(parameters)
  if (entries.length > maxParameters) return [tooLong('parameters', maxParameters)]
  const found: FieldError[] = entries.flatMap(([key]) => (key ? [] : [invalidValue('parameters', key, 'field can not be empty.')]))
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0)
  return size > maxParametersBytes ? [...found, tooLong('parameters', maxParametersBytes)] : found
}

function validateTopologies(terms: readonly TopologySelectorTerm[]): FieldError[] {
  const seen: object[] = []
  return terms.flatMap((term, i) => {
    const at = `allowedTopologies[${i}]`
    const keys = new Map<string, readonly string[]>()
    const found: FieldError[] = (term.matchLabelExpressions ?? []).flatMap(({ key = '', values = [] }, j) => {
      const here = `${at}.matchLabelExpressions[${j}]`
      const errors: FieldError[] = values.length ? [] : [required(`${here}.values`)]
      values.forEach((v, k) => { if (values.indexOf(v) < k) errors.push(duplicate(`${here}.values[${k}]`, v)) })
      errors.push(...invalidFor(`${here}.key`, key, validateQualifiedName(key)), ...values.flatMap((v, k) => invalidFor(`${here}.values[${k}]`, v, validateLabelValue(v))))
      if (keys.has(key)) errors.push(duplicate(`${here}.key`, key))
      keys.set(key, values)
      return errors
    })
    if (seen.some((s) => equalJson(s, Object.fromEntries(keys)))) found.push(duplicate(`${at}.matchLabelExpressions`, ''))
    seen.push(Object.fromEntries(keys))
    return found
  })
}

function validate(c: StorageClass): FieldError[] {
  const found = c.provisioner ? invalidFor('provisioner', c.provisioner, validateQualifiedName(c.provisioner.toLowerCase())) : [required('provisioner')]
  found.push(...validateParameters(c.parameters ?? {}))
  if (c.reclaimPolicy && !['Delete', 'Retain'].includes(c.reclaimPolicy)) found.push(notSupported('reclaimPolicy', c.reclaimPolicy, ['Delete', 'Retain']))
  if (!c.volumeBindingMode) found.push(required('volumeBindingMode'))
  else if (!['Immediate', 'WaitForFirstConsumer'].includes(c.volumeBindingMode)) found.push(notSupported('volumeBindingMode', c.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']))
  return [...found, ...validateTopologies(c.allowedTopologies ?? [])]
}

function validateChange(c: StorageClass, old: StorageClass): FieldError[] {
  const found: FieldError[] = equalJson(c.parameters ?? {}, old.parameters ?? {}) ? [] : [forbidden('parameters', 'updates to parameters are forbidden.')]
  for (const f of ['provisioner', 'reclaimPolicy'] as const) if (c[f] !== old[f]) found.push(forbidden(f, `updates to ${f} are forbidden.`))
  return [...found, ...unchanged('volumeBindingMode', c.volumeBindingMode, old.volumeBindingMode)]
}

export const storageClasses = define<StorageClass>({
  group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses', kind: 'StorageClass', namespaced: false, schema: 'storage-v1.StorageClass', shortNames: ['sc'],
  columns: [
    { ...nameColumn, value: (c) => `${c.metadata?.name ?? ''}${isDefaultClass(c as StorageClass) ? ' (default)' : ''}` },
    column('Provisioner', (c) => c.provisioner ?? '', { description: 'provisioner indicates the type of the provisioner.' }),
    column('ReclaimPolicy', (c) => c.reclaimPolicy ?? 'Delete', { description: 'reclaimPolicy controls the reclaimPolicy for dynamically provisioned PersistentVolumes of this storage class. Defaults to Delete.' }),
    column('VolumeBindingMode', (c) => c.volumeBindingMode ?? 'Immediate', { description: 'volumeBindingMode indicates how PersistentVolumeClaims should be provisioned and bound.' }),
    column('AllowVolumeExpansion', (c) => c.allowVolumeExpansion ?? false, { description: 'allowVolumeExpansion shows whether the storage class allow volume expand.' }), ageColumn,
  ],
  strategy: {
    default(c) {
      c.reclaimPolicy ??= 'Delete'
      c.volumeBindingMode ??= 'Immediate'
    },
    validate, validateUpdate: validateChange,
  },
})
