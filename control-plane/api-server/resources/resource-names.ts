/** Which names mean what among the amounts of quotas and ranges (`pkg/apis/core/helper`). Pure. */
import { validateQualifiedName } from '../../../shared/values/names.ts'
import { parseQuantity } from '../../../shared/values/quantity.ts'
import type { FieldError } from './definition.ts'
import { invalidFor, invalidValue, nonNegativeMessage } from './findings.ts'

const compute = ['cpu', 'memory', 'ephemeral-storage']
const objects = ['pods', 'services', 'replicationcontrollers', 'resourcequotas', 'secrets', 'configmaps', 'persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers']
const quota = new Set([
  ...compute, ...compute.map((c) => `requests.${c}`), ...compute.map((c) => `limits.${c}`), 'requests.storage', ...objects,
])
const standard = new Set([...quota, 'storage'])
const integers = new Set(objects)

const isHugePage = (name: string): boolean => name.startsWith('hugepages-')
export const isStandardContainerResource = (name: string): boolean => compute.includes(name) || isHugePage(name)
export const isStandardResource = (name: string): boolean => standard.has(name) || isHugePage(name) || name.startsWith('requests.hugepages-')
export const isStandardQuotaResource = (name: string): boolean => quota.has(name) || isHugePage(name) || name.startsWith('requests.hugepages-')
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')
const isExtended = (name: string): boolean => !isNative(name) && !name.startsWith('requests.') && validateQualifiedName(`requests.${name}`).length === 0
/** Counted in whole ones. */
export const isIntegerResource = (name: string): boolean => integers.has(name) || isExtended(name)
/** May more be promised than there is? */
export const isOvercommitAllowed = (name: string): boolean => isNative(name) && !isHugePage(name)

/** Not negative, and whole where it counts things (`ValidateResourceQuantityValue`). */
export function validateQuantityOf(name: string, text: string, field: string): FieldError[] {
  const { nano } = parseQuantity(text)
  if (nano < 0n) return [invalidValue(field, text, nonNegativeMessage)]
  return isIntegerResource(name) && nano % 1_000_000_000n !== 0n ? [invalidValue(field, text, 'must be an integer')] : []
}

/** `count/deployments.apps` and other names with a slash are anybody's. */
export function validateQuotaResourceName(name: string, field: string): FieldError[] {
  const found = invalidFor(field, name, validateQualifiedName(name))
  if (found.length || name.includes('/') || isStandardQuotaResource(name)) return found
  return [invalidValue(field, name, 'must be a standard resource for quota')]
}
