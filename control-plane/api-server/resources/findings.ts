/** Makes findings of validation: `k8s.io/apimachinery/pkg/util/validation/field`. Pure. */
import type { FieldError } from './definition.ts'

export const required = (field: string, detail = ''): FieldError => ({ type: 'Required', field, value: '', detail })
export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({ type: 'Invalid', field, value, detail })
/** An `Invalid` that names no value (`field.OmitValueType`): the finding is about several fields at once. */
export const omitted: unique symbol = Symbol('omitted')
export const invalidWhole = (field: string, detail: string): FieldError => ({ type: 'Invalid', field, value: omitted, detail })
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({ type: 'NotSupported', field, value, detail: '', supported: [...supported].sort() })
/** Where upstream lists the values in an order of its own. */
export const notSupportedInOrder = (field: string, value: unknown, supported: readonly string[]): FieldError => ({ type: 'NotSupported', field, value, detail: '', supported })
export const forbidden = (field: string, detail: string): FieldError => ({ type: 'Forbidden', field, value: '', detail })
export const duplicate = (field: string, value: unknown): FieldError => ({ type: 'Duplicate', field, value, detail: '' })
export const notFound = (field: string, value: unknown): FieldError => ({ type: 'NotFound', field, value, detail: '' })
/** `limit` in bytes. */
export const tooLong = (field: string, limit: number): FieldError => ({ type: 'TooLong', field, value: '', detail: `may not be more than ${limit} bytes` })

export const tooMany = (field: string, count: number, max: number): FieldError => ({ type: 'TooMany', field, value: count, detail: `must have at most ${max} items` })

/** One finding per message. */
export const invalidFor = (field: string, value: unknown, messages: readonly string[]): FieldError[] => messages.map((m) => invalidValue(field, value, m))

export const immutableMessage = 'field is immutable'
/** Go's `%q` of a list of strings, as upstream's details print the values there are. */
export const quotedList = (values: readonly string[]): string => `[${[...values].sort().map((v) => JSON.stringify(v)).join(' ')}]`
export const positiveMessage = 'must be greater than zero'
export const nonNegativeMessage = 'must be greater than or equal to 0'
export const nonNegative = (field: string, value: number | undefined): FieldError[] => (value !== undefined && value < 0 ? [invalidValue(field, value, nonNegativeMessage)] : [])
/** Required, or one of the values. */
export const oneOf = (field: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  value === undefined || value === '' ? [required(field)] : supported.includes(value) ? [] : [notSupported(field, value, supported)]
/** Absent, or one of the values. */
export const optionalOneOf = (field: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)]
