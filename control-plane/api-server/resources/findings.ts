/** Makes findings of validation: `k8s.io/apimachinery/pkg/util/validation/field`. Pure. */
import type { FieldError } from './definition.ts'

export const required = (field: string, detail = ''): FieldError => ({ type: 'Required', field, value: '', detail })
export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({ type: 'Invalid', field, value, detail })
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({ type: 'NotSupported', field, value, detail: '', supported: [...supported].sort() })
export const forbidden = (field: string, detail: string): FieldError => ({ type: 'Forbidden', field, value: '', detail })
export const duplicate = (field: string, value: unknown): FieldError => ({ type: 'Duplicate', field, value, detail: '' })
export const notFound = (field: string, value: unknown): FieldError => ({ type: 'NotFound', field, value, detail: '' })
/** `limit` in bytes. */
export const tooLong = (field: string, limit: number): FieldError => ({ type: 'TooLong', field, value: '', detail: `may not be more than ${limit} bytes` })

/** One finding per message. */
export const invalidFor = (field: string, value: unknown, messages: readonly string[]): FieldError[] => messages.map((m) => invalidValue(field, value, m))

export const immutableMessage = 'field is immutable'
export const nonNegativeMessage = 'must be greater than or equal to 0'
export const nonNegative = (field: string, value: number | undefined): FieldError[] => (value !== undefined && value < 0 ? [invalidValue(field, value, nonNegativeMessage)] : [])
/** Required, or one of the values. */
export const oneOf = (field: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  value === undefined || value === '' ? [required(field)] : supported.includes(value) ? [] : [notSupported(field, value, supported)]
/** Absent, or one of the values. */
export const optionalOneOf = (field: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)]
