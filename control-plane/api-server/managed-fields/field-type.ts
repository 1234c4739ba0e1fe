/**
 * What ownership asks of a type: which lists and objects are owned whole, and by what the elements of the others are known.
 * The built-in kinds answer from the field tables (`table-types.ts`), custom resources from their structural schema (`schema-types.ts`). Pure.
 */

export interface FieldType {
  /** `any`: what there is no schema for is read off the value: objects are owned by their fields, lists whole. */
  readonly form: 'scalar' | 'list' | 'map' | 'any'
  /** What a scalar must be; `untyped` takes each. */
  readonly scalar: 'string' | 'numeric' | 'boolean' | 'untyped'
  /** Lists and objects that are owned and replaced whole. */
  readonly atomic: boolean
  /** Lists that are not atomic: the fields that tell elements apart; none of them for a set of scalars. */
  readonly keys: readonly string[]
  /** Of a list's elements, and of an object's members that have no name in the schema; undefined where there may be none. */
  readonly element: FieldType | undefined
  /** The type of a named field; undefined where the schema names none such. */
  field(name: string): FieldType | undefined
  /** What a key field of this object is taken for where it is left out; undefined: it may not be. */
  defaultOf(name: string): unknown
}

const none = (): undefined => undefined
const base = { scalar: 'untyped', atomic: false, keys: [], element: undefined, field: none, defaultOf: none } as const

export const scalarType = (scalar: FieldType['scalar']): FieldType => ({ ...base, form: 'scalar', scalar })
/** Without a schema. */
export const anyType: FieldType = { ...base, form: 'any' }
export const atomicList = (element: FieldType | undefined): FieldType => ({ ...base, form: 'list', atomic: true, element })
export const keyedList = (keys: readonly string[], element: FieldType): FieldType => ({ ...base, form: 'list', keys, element })
/** Members of any name, each owned for itself. */
export const mapType = (element: FieldType): FieldType => ({ ...base, form: 'map', element })
export const structType = (members: Pick<FieldType, 'field' | 'defaultOf'> & { atomic: boolean; element?: FieldType | undefined }): FieldType =>
  ({ ...base, form: 'map', element: undefined, ...members })
/** The same type, owned whole. */
export const asAtomic = (type: FieldType): FieldType => (type.atomic ? type : { ...type, atomic: true })

/** The type of an object's member: its own, or that of members without a name. */
export const memberType = (type: FieldType, name: string): FieldType | undefined => (type.form === 'any' ? anyType : type.field(name) ?? type.element)

/** What a type without schema is for this value. */
export function formOf(type: FieldType, value: unknown): 'scalar' | 'list' | 'map' {
  if (type.form !== 'any') return type.form
  return Array.isArray(value) ? 'list' : typeof value === 'object' && value !== null ? 'map' : 'scalar'
}

