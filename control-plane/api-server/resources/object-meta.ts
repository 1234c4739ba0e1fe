/** Rules every object's metadata keeps: `k8s.io/apimachinery/pkg/api/validation` (`ValidateObjectMeta`, `ValidateObjectMetaUpdate`). Pure. */
import type { Condition, LabelSelector, ObjectMeta, OwnerReference } from '../../../shared/api/meta-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateDns1123Label, validateDns1123Subdomain, validateLabelValue, validateQualifiedName } from '../../../shared/values/names.ts'
import type { FieldError } from './definition.ts'
import { duplicate, forbidden, immutableMessage, invalidFor, invalidValue, notSupported, required, tooLong } from './findings.ts'

/** Upstream's `TotalAnnotationSizeLimitB`. */
const annotationLimit = 256 * 1024

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  const found: FieldError[] = []
  for (const [key, value] of Object.entries(labels ?? {})) {
    found.push(...invalidFor(field, key, validateQualifiedName(key)), ...invalidFor(field, value, validateLabelValue(value)))
  }
  return found
}

export function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  const found: FieldError[] = []
  let size = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    found.push(...invalidFor(field, key, validateQualifiedName(key.toLowerCase())))
    size += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (size > annotationLimit) found.push({ type: 'TooLong', field, value: '', detail: `may not be more than ${annotationLimit} bytes` })
  return found
}

function validateOwner(owner: OwnerReference, field: string): FieldError[] {
  const found: FieldError[] = []
  if (!owner.apiVersion) found.push(invalidValue(`${field}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'))
  if (!owner.kind) found.push(invalidValue(`${field}.kind`, '', 'kind must not be empty'))
  if (!owner.name) found.push(invalidValue(`${field}.name`, '', 'name must not be empty'))
  if (!owner.uid) found.push(invalidValue(`${field}.uid`, '', 'uid must not be empty'))
  if (owner.apiVersion === 'v1' && owner.kind === 'Event') found.push(invalidValue(field, owner, 'v1, Kind=Event is disallowed from being an owner'))
  return found
}

function validateOwners(owners: readonly OwnerReference[] | undefined, field: string): FieldError[] {
  const found = (owners ?? []).flatMap((o, i) => validateOwner(o, `${field}[${i}]`))
  const controllers = (owners ?? []).filter((o) => o.controller)
  if (controllers.length > 1) {
    found.push(invalidValue(field, owners, `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]?.kind}/${controllers[0]?.name} and ${controllers[1]?.kind}/${controllers[1]?.name}`))
  }
  return found
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion']

function validateFinalizers(finalizers: readonly string[] | undefined, field: string): FieldError[] {
  const found: FieldError[] = []
  for (const f of finalizers ?? []) {
    found.push(...invalidFor(field, f, validateQualifiedName(f)))
    if (!f.includes('/') && !standardFinalizers.includes(f)) {
      found.push(invalidValue(field, f, 'name is neither a standard finalizer name nor is it fully qualified'))
    }
  }
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    found.push(invalidValue(field, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"))
  }
  return found
}

export interface MetaRules {
  readonly namespaced: boolean
  readonly validateName?: ((name: string, prefix: boolean) => readonly string[]) | undefined
}

/** `field`: the path of the metadata. */
export function validateObjectMeta(meta: ObjectMeta | undefined, rules: MetaRules, field = 'metadata'): FieldError[] {
  const found: FieldError[] = []
  const m = meta ?? {}
  const check = rules.validateName ?? ((name: string, prefix: boolean) => validateDns1123Subdomain(prefix && name.endsWith('-') && name.length > 1 ? `${name.slice(0, -1)}a` : name))
  if (m.generateName) found.push(...invalidFor(`${field}.generateName`, m.generateName, check(m.generateName, true)))
  if (!m.name) found.push(required(`${field}.name`, 'name or generateName is required'))
  else found.push(...invalidFor(`${field}.name`, m.name, check(m.name, false)))
  if (rules.namespaced) {
    if (!m.namespace) found.push(required(`${field}.namespace`))
    else found.push(...invalidFor(`${field}.namespace`, m.namespace, validateDns1123Label(m.namespace)))
  } else if (m.namespace) found.push(forbidden(`${field}.namespace`, 'not allowed on this type'))
  found.push(...validateLabels(m.labels, `${field}.labels`), ...validateAnnotations(m.annotations, `${field}.annotations`))
  found.push(...validateOwners(m.ownerReferences, `${field}.ownerReferences`), ...validateFinalizers(m.finalizers, `${field}.finalizers`))
  return found
}

const fixed = ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const

export function validateObjectMetaUpdate(meta: ObjectMeta | undefined, old: ObjectMeta | undefined, field = 'metadata'): FieldError[] {
  const m = meta ?? {}
  const o = old ?? {}
  const found: FieldError[] = []
  for (const f of fixed) if (m[f] !== o[f]) found.push(invalidValue(`${field}.${f}`, m[f] ?? null, immutableMessage))
  if ((m.generation ?? 0) < (o.generation ?? 0)) found.push(invalidValue(`${field}.generation`, m.generation ?? 0, 'must not be decremented'))
  if (o.deletionTimestamp) {
    const added = (m.finalizers ?? []).filter((f) => !o.finalizers?.includes(f))
    if (added.length) found.push(forbidden(`${field}.finalizers`, `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((a) => JSON.stringify(a)).join(', ')}}`))
  }
  return found
}

/** Rules of a `LabelSelector` object. */
export function validateLabelSelector(selector: LabelSelector | undefined, field: string): FieldError[] {
  const found = validateLabels(selector?.matchLabels, `${field}.matchLabels`)
  ;(selector?.matchExpressions ?? []).forEach((e, i) => {
    const at = `${field}.matchExpressions[${i}]`
    const count = e.values?.length ?? 0
    if (e.operator === 'In' || e.operator === 'NotIn') {
      if (count === 0) found.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
    } else if (e.operator === 'Exists' || e.operator === 'DoesNotExist') {
      if (count > 0) found.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    } else found.push(invalidValue(`${at}.operator`, e.operator ?? '', 'not a valid selector operator'))
    found.push(...invalidFor(`${at}.key`, e.key ?? '', validateQualifiedName(e.key ?? '')))
    e.values?.forEach((v, j) => found.push(...invalidFor(`${at}.values[${j}]`, v, validateLabelValue(v))))
  })
  return found
}

/** An immutable field: a finding where it changed. */
export const unchanged = (field: string, value: unknown, old: unknown): FieldError[] => (equalJson(value ?? null, old ?? null) ? [] : [invalidValue(field, value ?? null, immutableMessage)])

/** Rules of a list of `metav1.Condition` (`ValidateConditions`). */
export function validateConditions(conditions: readonly Condition[] | undefined, field: string): FieldError[] {
  const seen = new Set<string>()
  return (conditions ?? []).flatMap((c, i) => {
    const at = `${field}[${i}]`
    const found: FieldError[] = seen.has(c.type) ? [duplicate(`${at}.type`, c.type)] : []
    seen.add(c.type)
    found.push(...(c.type ? invalidFor(`${at}.type`, c.type, validateQualifiedName(c.type)) : [required(`${at}.type`, 'must be set')]))
    if (!['False', 'True', 'Unknown'].includes(c.status)) found.push(notSupported(`${at}.status`, c.status ?? '', ['False', 'True', 'Unknown']))
    if ((c.observedGeneration ?? 0) < 0) found.push(invalidValue(`${at}.observedGeneration`, c.observedGeneration, 'must be greater than or equal to zero'))
    if (!c.lastTransitionTime) found.push(required(`${at}.lastTransitionTime`, 'must be set'))
    if (!c.reason) found.push(required(`${at}.reason`, 'must be set'))
    else if (!/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(c.reason)) {
      found.push(invalidValue(`${at}.reason`, c.reason, "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"))
    } else if (c.reason.length > 1024) found.push(tooLong(`${at}.reason`, 1024))
    return (c.message ?? '').length > 32 * 1024 ? [...found, tooLong(`${at}.message`, 32 * 1024)] : found
  })
}
