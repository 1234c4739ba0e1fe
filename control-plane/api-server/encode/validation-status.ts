/** Findings of validation as the 422 `Status` upstream's `errors.NewInvalid` makes of them. Pure. */
import { StatusError } from '../../../shared/base/errors.ts'
import type { StatusDetails } from '../../../shared/base/errors.ts'
import type { FieldError, ResourceDefinition } from '../resources/definition.ts'
import { omitted } from '../resources/findings.ts'

const words: Readonly<Record<FieldError['type'], string>> = {
  Required: 'Required value', Invalid: 'Invalid value', NotSupported: 'Unsupported value', Forbidden: 'Forbidden', Duplicate: 'Duplicate value',
  NotFound: 'Not found', TooLong: 'Too long', TooMany: 'Too many', TypeInvalid: 'Invalid value', InternalError: 'Internal error',
}
const reasons: Readonly<Record<FieldError['type'], string>> = {
  Required: 'FieldValueRequired', Invalid: 'FieldValueInvalid', NotSupported: 'FieldValueNotSupported', Forbidden: 'FieldValueForbidden',
  Duplicate: 'FieldValueDuplicate', NotFound: 'FieldValueNotFound', TooLong: 'FieldValueTooLong', TooMany: 'FieldValueTooMany',
  TypeInvalid: 'FieldValueTypeInvalid', InternalError: 'InternalError',
}
const withoutValue = new Set<FieldError['type']>(['Required', 'Forbidden', 'TooLong', 'InternalError'])

const printed = (value: unknown): string => (value === undefined || value === null ? '"null"' : JSON.stringify(value))

/** The finding without its field: `Invalid value: -1: must be greater than or equal to 0`. */
export function errorBody(e: FieldError): string {
  const head = withoutValue.has(e.type) || e.value === omitted ? words[e.type] : `${words[e.type]}: ${printed(e.value)}`
  const detail = e.type === 'NotSupported' && e.supported?.length ? `supported values: ${e.supported.map((s) => JSON.stringify(s)).join(', ')}` : e.detail
  return detail ? `${head}: ${detail}` : head
}

/** The 422 for an object that failed validation. `errors` must not be empty; repeated findings are said once. */
export function invalid(definition: Pick<ResourceDefinition, 'group' | 'kind'>, name: string, errors: readonly FieldError[]): StatusError {
  const messages: string[] = []
  for (const e of errors) {
    const text = `${e.field}: ${errorBody(e)}`
    if (!messages.includes(text)) messages.push(text)
  }
  const details: StatusDetails = {
    ...(name ? { name } : {}), ...(definition.group ? { group: definition.group } : {}), ...(definition.kind ? { kind: definition.kind } : {}),
    causes: errors.map((e) => ({ reason: reasons[e.type], message: errorBody(e), field: e.field })),
  }
  const kind = definition.group ? `${definition.kind}.${definition.group}` : definition.kind
  const all = messages.length === 1 ? messages[0] : `[${messages.join(', ')}]`
  return new StatusError('Invalid', `${kind} ${JSON.stringify(name)} is invalid: ${all}`, { details })
}
