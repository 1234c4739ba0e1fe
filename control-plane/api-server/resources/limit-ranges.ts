import type { LimitRange, LimitRangeItem, LimitRangeSpec } from '../../../shared/api/core-v1.ts'
import { compareQuantity, parseQuantity } from '../../../shared/values/quantity.ts'
import { validateQualifiedName } from '../../../shared/values/names.ts'
import { createdColumn, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { duplicate, forbidden, invalidFor, invalidValue, required } from './findings.ts'
import { isIntegerResource, isOvercommitAllowed, isStandardContainerResource, isStandardResource, validateQuantityOf } from './resource-names.ts'

type Amounts = Record<string, string>
const types = ['Pod', 'Container', 'PersistentVolumeClaim']
const less = (a: string, b: string): boolean => compareQuantity(parseQuantity(a), parseQuantity(b)) < 0

/** For containers a missing default is the maximum, a missing default request the default, and else the minimum. */
function defaultItem(item: LimitRangeItem): void {
  if (item.type !== 'Container') return
  const limits: Amounts = (item.default ??= {})
  const requests: Amounts = (item.defaultRequest ??= {})
  for (const [key, value] of Object.entries(item.max ?? {})) limits[key] ??= value
  for (const [key, value] of Object.entries(limits)) requests[key] ??= value
  for (const [key, value] of Object.entries(item.min ?? {})) requests[key] ??= value
  for (const f of ['default', 'defaultRequest'] as const) if (!Object.keys(item[f] ?? {}).length) delete item[f]
}

function validateName(type: string, name: string, field: string): FieldError[] {
  const found = invalidFor(field, name, validateQualifiedName(name))
  if (found.length || name.includes('/')) return found
  if (type === 'Pod' || type === 'Container') return isStandardContainerResource(name) ? [] : [invalidValue(field, name, 'must be a standard resource for containers')]
  return isStandardResource(name) ? [] : [invalidValue(field, name, 'must be a standard resource type or fully qualified')]
}

/** The amounts for one resource against each other. */
function compare(name: string, item: LimitRangeItem, at: string): FieldError[] {
  const [min, max, limit, request, ratio] = [item.min?.[name], item.max?.[name], item.default?.[name], item.defaultRequest?.[name], item.maxLimitRequestRatio?.[name]]
  const found: FieldError[] = []
  const refuse = (field: string, value: string, detail: string): void => { found.push(invalidValue(`${at}.${field}[${name}]`, value, detail)) }
  if (min !== undefined && max !== undefined && less(max, min)) refuse('min', min, `min value ${min} is greater than max value ${max}`)
  if (request !== undefined && min !== undefined && less(request, min)) refuse('defaultRequest', request, `min value ${min} is greater than default request value ${request}`)
  if (request !== undefined && max !== undefined && less(max, request)) refuse('defaultRequest', request, `default request value ${request} is greater than max value ${max}`)
  if (request !== undefined && limit !== undefined && less(limit, request)) refuse('defaultRequest', request, `default request value ${request} is greater than default limit value ${limit}`)
  if (limit !== undefined && min !== undefined && less(limit, min)) refuse('default', limit, `min value ${min} is greater than default value ${limit}`)
  if (max !== undefined && limit !== undefined && less(max, limit)) refuse('default', limit, `default value ${limit} is greater than max value ${max}`)
  if (ratio !== undefined && less(ratio, '1')) refuse('maxLimitRequestRatio', ratio, `ratio ${ratio} is less than 1`)
  if (ratio !== undefined && min !== undefined && max !== undefined) {
    const most = Number(parseQuantity(max).nano) / Number(parseQuantity(min).nano)
    if (Number(parseQuantity(ratio).nano) / 1e9 > most) refuse('maxLimitRequestRatio', ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`)
  }
  if (!isOvercommitAllowed(name) && limit !== undefined && request !== undefined && limit !== request) refuse('defaultRequest', limit, `default value ${limit} must equal to defaultRequest value ${request} in ${name}`)
  return found
}

function validateItem(item: LimitRangeItem, at: string): FieldError[] {
  const found: FieldError[] = invalidFor(`${at}.type`, item.type ?? '', validateQualifiedName(item.type ?? ''))
  if (!found.length && !item.type.includes('/') && !types.includes(item.type)) found.push(invalidValue(`${at}.type`, item.type, 'must be a standard limit type or fully qualified'))
  const names = new Set<string>()
  for (const f of ['min', 'max', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const) {
    if (item.type === 'Pod' && (f === 'default' || f === 'defaultRequest')) {
      if (Object.keys(item[f] ?? {}).length) found.push(forbidden(`${at}.${f}`, "may not be specified when `type` is 'Pod'"))
      continue
    }
    for (const [name, amount] of Object.entries(item[f] ?? {})) {
      found.push(...validateName(item.type, name, `${at}.${f}[${name}]`), ...(f === 'maxLimitRequestRatio' || !isIntegerResource(name) ? [] : validateQuantityOf(name, amount, `${at}.${f}[${name}]`)))
      names.add(name)
    }
  }
  if (item.type === 'PersistentVolumeClaim' && item.min?.storage === undefined && item.max?.storage === undefined) found.push(required(at.replace(/\[\d+\]$/, ''), 'either minimum or maximum storage value is required, but neither was provided'))
  return [...found, ...[...names].flatMap((name) => compare(name, item, at))]
}

function validate({ spec }: LimitRange): FieldError[] {
  const seen = new Set<string>()
  return (spec?.limits ?? []).flatMap((item, i) => {
    const at = `spec.limits[${i}]`
    const again = seen.has(item.type) ? [duplicate(`${at}.type`, item.type)] : []
    seen.add(item.type)
    return [...again, ...validateItem(item, at)]
  })
}

export const limitRanges = define<LimitRange>({
  group: '', version: 'v1', resource: 'limitranges', kind: 'LimitRange', namespaced: true, schema: 'core-v1.LimitRange', shortNames: ['limits'], columns: [nameColumn, createdColumn],
  strategy: {
    default(range) {
      range.spec ??= { limits: [] } satisfies LimitRangeSpec
      range.spec.limits ??= []
      range.spec.limits.forEach(defaultItem)
    },
    validate, allowCreateOnUpdate: true,
  },
})
