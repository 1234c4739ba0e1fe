/** Defaults and validation of what a claim asks for, alone, in a StatefulSet or in a pod's ephemeral volume (`ValidatePersistentVolumeClaimSpec`). Pure. */
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedObjectReference } from '../../../shared/api/core-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateDns1123Label, validateDns1123Subdomain } from '../../../shared/values/names.ts'
import { formatQuantity, parseQuantity, roundUpToMilli } from '../../../shared/values/quantity.ts'
import { accessModes } from './access-modes.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidFor, invalidValue, notSupported, positiveMessage, required } from './findings.ts'
import { validateLabelSelector } from './object-meta.ts'

export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem'
  const { limits, requests } = spec.resources ?? {}
  for (const list of [limits, requests]) for (const [name, amount] of Object.entries(list ?? {})) if (/[nu]$|e-|\./.test(amount)) (list as Record<string, string>)[name] = formatQuantity(roundUpToMilli(parseQuantity(amount)))
}

export function defaultClaim(claim: PersistentVolumeClaim): void {
  const status = (claim.status ??= {})
  status.phase ||= 'Pending'
  defaultClaimSpec(claim.spec ??= {})
}

function validateSource(source: TypedObjectReference, field: string): FieldError[] {
  const found: FieldError[] = []
  if (!source.name) found.push(required(`${field}.name`))
  if (!source.kind) found.push(required(`${field}.kind`))
  if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim') found.push(invalidValue(field, source.kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
  if (source.apiGroup) found.push(...invalidFor(`${field}.apiGroup`, source.apiGroup, validateDns1123Subdomain(source.apiGroup)))
  if (source.namespace) found.push(...invalidFor(`${field}.namespace`, source.namespace, validateDns1123Label(source.namespace)))
  return found
}

export function validateAccessModes(modes: readonly string[], field: string): FieldError[] {
  const found = modes.filter((m) => !accessModes.includes(m)).map((m) => notSupported(field, m, accessModes))
  if (modes.includes('ReadWriteOncePod') && modes.some((m) => m !== 'ReadWriteOncePod' && accessModes.includes(m))) found.push(forbidden(field, 'may not use ReadWriteOncePod with other access modes'))
  return found
}

function validateSize(spec: PersistentVolumeClaimSpec, field: string): FieldError[] {
  const at = `${field}.resources[storage]`
  const size = spec.resources?.requests?.storage
  if (size === undefined) return [required(at)]
  const { nano } = parseQuantity(size)
  if (nano <= 0n) return [invalidValue(at, size, positiveMessage)]
  return nano % 1_000_000_000n === 0n ? [] : [invalidValue(at, size, 'must be an integer')]
}

/** Also of the template of a pod's ephemeral volume. `field`: the path of the spec. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, field: string): FieldError[] {
  const found: FieldError[] = []
  if (!spec.accessModes?.length) found.push(required(`${field}.accessModes`, 'at least 1 access mode is required'))
  if (spec.selector) found.push(...validateLabelSelector(spec.selector, `${field}.selector`))
  found.push(...validateAccessModes(spec.accessModes ?? [], `${field}.accessModes`), ...validateSize(spec, field))
  if (spec.storageClassName) found.push(...invalidFor(`${field}.storageClassName`, spec.storageClassName, validateDns1123Subdomain(spec.storageClassName)))
  if (spec.volumeMode !== undefined && !['Block', 'Filesystem'].includes(spec.volumeMode)) found.push(notSupported(`${field}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']))
  const { dataSource, dataSourceRef } = spec
  if (dataSource) found.push(...validateSource(dataSource, `${field}.dataSource`))
  if (dataSourceRef) found.push(...validateSource(dataSourceRef, `${field}.dataSourceRef`))
  if (dataSource && dataSourceRef) {
    if (dataSourceRef.namespace) found.push(invalidValue(field, `${field}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified'))
    else if (!equalJson(dataSource, { ...dataSourceRef, namespace: undefined })) found.push(invalidValue(field, `${field}.dataSource`, 'must match dataSourceRef'))
  }
  return found
}
