/** Validation of resource requirements (`ValidateResourceRequirements`). Pure. */
import type { ResourceRequirements } from '../../../../shared/api/core-v1.ts'
import { compareQuantity, parseQuantity } from '../../../../shared/values/quantity.ts'
import { validateQualifiedName } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, nonNegativeMessage, notFound, required } from '../findings.ts'

const standard = ['cpu', 'memory', 'ephemeral-storage']
const isStandard = (name: string): boolean => standard.includes(name) || name.startsWith('hugepages-')
/** Resources that may be promised more than once: a limit above the request is meant. */
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')

function validateName(name: string, field: string): FieldError[] {
  const found = invalidFor(field, name, validateQualifiedName(name))
  if (found.length) return found
  if (!name.includes('/') && !isStandard(name)) {
    return [invalidValue(field, name, 'must be a standard resource type or fully qualified'), invalidValue(field, name, 'must be a standard resource for containers')]
  }
  return []
}

function validateAmount(name: string, text: string, field: string): FieldError[] {
  const amount = parseQuantity(text)
  if (amount.nano < 0n) return [invalidValue(field, text, nonNegativeMessage)]
  if (!isNative(name) && amount.nano % 1_000_000_000n !== 0n) return [invalidValue(field, text, 'must be an integer')]
  const page = name.startsWith('hugepages-') ? pageBytes(name) : undefined
  return page && amount.nano % page !== 0n ? [invalidValue(field, text, `${name} is not divisible by page size`)] : []
}

/** Names of the pod's claims that a container may use. */
function validateClaims(resources: ResourceRequirements | undefined, claims: ReadonlySet<string>, field: string): FieldError[] {
  const seen = new Set<string>()
  return (resources?.claims ?? []).flatMap(({ name = '', request = '' }, i) => {
    const at = `${field}.claims[${i}]`
    const id = `${name}/${request}`
    const found: FieldError[] = name === '' ? [required(`${at}.name`)] : claims.has(name) ? [] : [notFound(at, name)]
    if (seen.has(id)) found.push(duplicate(at, request ? id : name))
    seen.add(id)
    return found
  })
}

/** Huge pages come with something to compute on. */
const needsCompute = (names: readonly string[]): boolean => names.some((n) => n.startsWith('hugepages-')) && !names.includes('cpu') && !names.includes('memory')

/** Bytes of a page, from the resource's name. */
function pageBytes(name: string): bigint | undefined {
  const size = name.slice('hugepages-'.length)
  return /^\d+([KMGTPE]i?)?$/.test(size) ? parseQuantity(size).nano : undefined
}

export function validateResources(resources: ResourceRequirements | undefined, field: string, claims: ReadonlySet<string> = new Set()): FieldError[] {
  const { limits = {}, requests = {} } = resources ?? {}
  const found: FieldError[] = []
  for (const [name, amount] of Object.entries(limits)) {
    const at = `${field}.limits[${name}]`
    found.push(...validateName(name, at), ...validateAmount(name, amount, at))
  }
  for (const [name, amount] of Object.entries(requests)) {
    const at = `${field}.requests[${name}]`
    found.push(...validateName(name, at), ...validateAmount(name, amount, at))
    const limit = limits[name]
    if (limit !== undefined) {
      const order = compareQuantity(parseQuantity(amount), parseQuantity(limit))
      if (order > 0) found.push(invalidValue(`${field}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`))
      else if (order !== 0 && (!isNative(name) || name.startsWith('hugepages-'))) found.push(invalidValue(`${field}.requests`, amount, `must be equal to ${name} limit of ${limit}`))
    } else if (!isNative(name) || name.startsWith('hugepages-')) {
      found.push({ type: 'Required', field: `${field}.limits`, value: '', detail: 'Limit must be set for non overcommitable resources' })
    }
  }
  if (needsCompute([...Object.keys(limits), ...Object.keys(requests)])) found.push(forbidden(field, 'HugePages require cpu or memory'))
  return [...found, ...validateClaims(resources, claims, field)]
}

/** What a pod costs besides its containers: a list of limits. `field`: the path before `.podFixed` or `.overhead`, as upstream prints it. */
export const validateOverhead = (overhead: Readonly<Record<string, string>> | undefined, field: string): FieldError[] => validateResources({ limits: { ...overhead } }, field)
