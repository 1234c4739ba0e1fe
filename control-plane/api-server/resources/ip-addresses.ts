import type { IPAddress } from '../../../shared/api/networking-v1.ts'
import { validateDns1123Subdomain, validatePathSegment } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidFor, required } from './findings.ts'
import { canonicalAddress } from './ip-blocks.ts'
import { unchanged } from './object-meta.ts'
import { countSpecChanges, firstGeneration } from './spec-and-status.ts'

function validateName(name: string): string[] {
  const canonical = canonicalAddress(name)
  if (canonical === undefined) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
  return canonical === name ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`]
}

function validate({ spec }: IPAddress): FieldError[] {
  const parent = spec?.parentRef
  const at = 'spec.parentRef'
  if (!parent) return [required(at)]
  const segment = (field: string, value: string | undefined): FieldError[] => (value ? invalidFor(field, value, validatePathSegment(value, false)) : [required(field)])
  const found: FieldError[] = parent.group ? invalidFor(`${at}.group`, parent.group, validateDns1123Subdomain(parent.group)) : []
  found.push(...segment(`${at}.resource`, parent.resource), ...segment(`${at}.name`, parent.name))
  return parent.namespace ? [...found, ...invalidFor(`${at}.namespace`, parent.namespace, validatePathSegment(parent.namespace, false))] : found
}

function parentText({ spec }: IPAddress): string {
  const { group, resource = '', namespace, name = '' } = spec?.parentRef ?? {}
  if (!spec?.parentRef) return '<none>'
  return `${`${resource}${group ? `.${group}` : ''}`.toLowerCase()}${namespace ? `/${namespace}` : ''}/${name}`
}

/** An address of a Service range in use, by its own text. */
export const ipAddresses = define<IPAddress>({
  group: 'networking.k8s.io', version: 'v1', resource: 'ipaddresses', kind: 'IPAddress', namespaced: false, schema: 'networking-v1.IPAddress', shortNames: ['ip'],
  columns: [nameColumn, column('ParentRef', parentText, { description: 'ParentRef references the resource that an IPAddress is attached to.' }), ageColumn],
  strategy: {
    default: (ip) => { ip.spec ??= {} as never },
    prepareForCreate: firstGeneration, prepareForUpdate: countSpecChanges, validate, validateName,
    validateUpdate: (ip, old) => unchanged('spec.parentRef', ip.spec?.parentRef, old.spec?.parentRef),
  },
  selectableFields: { 'spec.parentRef.group': (ip) => ip.spec?.parentRef?.group ?? '', 'spec.parentRef.name': (ip) => ip.spec?.parentRef?.name ?? '', 'spec.parentRef.namespace': (ip) => ip.spec?.parentRef?.namespace ?? '', 'spec.parentRef.resource': (ip) => ip.spec?.parentRef?.resource ?? '' },
})
