/** What a write is compared in: the type of the object, who writes, and what the write may not change. Pure. */
import type { FieldSet } from './field-set.ts'
import { recursiveDifference } from './field-set.ts'
import type { FieldType } from './field-type.ts'
import type { ManagerKey } from './managers.ts'

/** The parts of an object that a write through one (sub)resource puts back to what they were: nobody comes to own them by it. */
export interface Reset {
  readonly fields: FieldSet
  /** The only member of the object that counts, where there is but one (`status` of custom resources). */
  readonly only?: string
}

/** Both states of the object in another version, with its type. */
export interface OtherVersion { readonly type: FieldType; readonly before: object; readonly after: object }

export interface Write {
  readonly type: FieldType
  /** What a new object of the kind is before anything was said about it. */
  readonly empty: object
  readonly reset: Reset
  readonly by: ManagerKey
  /** Now, RFC 3339. */
  readonly time: string
}

/** A set without what the write cannot change. */
export function counted({ fields, only }: Reset, set: FieldSet): FieldSet {
  const left = recursiveDifference(set, fields)
  if (only === undefined) return left
  const node = left[`f:${only}`]
  return node ? { [`f:${only}`]: node } : {}
}
