/** Types of CEL expressions, as the checker knows them. Pure. */

export interface ObjectField {
  readonly type: CelType
  readonly required: boolean
  /** The JSON property, where it is not the name in expressions (`a-b` is written `a__dash__b`). */
  readonly property?: string
}

interface Sized {
  /** Most characters, bytes, items or entries that a value has; for the estimate of costs. */
  readonly maxElements?: number
}

export type ScalarKind = 'dyn' | 'error' | 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'null' | 'timestamp' | 'duration'

export interface ListType extends Sized {
  readonly kind: 'list'
  readonly element: CelType
  /** `x-kubernetes-list-type`: equality and concatenation of sets and maps do not look at order. */
  readonly merge?: { readonly type: 'set' } | { readonly type: 'map'; readonly keys: readonly string[] }
}

export type CelType =
  | ({ readonly kind: ScalarKind } & Sized)
  | ListType
  | ({ readonly kind: 'map'; readonly key: CelType; readonly value: CelType } & Sized)
  | ({ readonly kind: 'object'; readonly name: string; readonly fields: ReadonlyMap<string, ObjectField> } & Sized)
  | ({ readonly kind: 'opaque'; readonly name: string; readonly params: readonly CelType[] } & Sized)
  | ({ readonly kind: 'type'; readonly of: CelType } & Sized)
  | ({ readonly kind: 'param'; readonly name: string } & Sized)

const scalar = (kind: ScalarKind): CelType => ({ kind })
export const DYN = scalar('dyn')
export const ERROR = scalar('error')
export const BOOL = scalar('bool')
export const INT = scalar('int')
export const UINT = scalar('uint')
export const DOUBLE = scalar('double')
export const STRING = scalar('string')
export const BYTES = scalar('bytes')
export const NULL = scalar('null')
export const TIMESTAMP = scalar('timestamp')
export const DURATION = scalar('duration')

export const listOf = (element: CelType): CelType => ({ kind: 'list', element })
export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: 'map', key, value })
export const opaque = (name: string, params: readonly CelType[] = []): CelType => ({ kind: 'opaque', name, params })
export const optionalOf = (of: CelType): CelType => opaque('optional_type', [of])
export const typeOf = (of: CelType): CelType => ({ kind: 'type', of })
export const param = (name: string): CelType => ({ kind: 'param', name })

/** An object whose fields are all optional unless said otherwise. */
export const objectType = (name: string, fields: Readonly<Record<string, CelType>>): CelType =>
  ({ kind: 'object', name, fields: new Map(Object.entries(fields).map(([field, type]) => [field, { type, required: false }])) })

const printedNames: Partial<Record<ScalarKind, string>> = { timestamp: 'google.protobuf.Timestamp', duration: 'google.protobuf.Duration', error: '!error!' }

/** As upstream's messages print a type: `list(string)`, `map(string, dyn)`, `google.protobuf.Timestamp`. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'list': return `list(${formatType(type.element)})`
    case 'map': return `map(${formatType(type.key)}, ${formatType(type.value)})`
    case 'object': return type.name
    case 'opaque': return type.params.length ? `${type.name}(${type.params.map(formatType).join(', ')})` : type.name
    case 'type': return `type(${formatType(type.of)})`
    case 'param': return type.name
    default: return printedNames[type.kind] ?? type.kind
  }
}

/** What a signature writes for a type that has a name. */
const named: Readonly<Record<string, CelType>> = {
  bool: BOOL, int: INT, uint: UINT, double: DOUBLE, string: STRING, bytes: BYTES, null: NULL, timestamp: TIMESTAMP, duration: DURATION, dyn: DYN, type: typeOf(DYN),
}

/** Splits at commas outside parentheses. */
function splitTypes(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i <= text.length; i++) {
    const c = text[i]
    if (c === '(') depth++
    else if (c === ')') depth--
    else if ((c === ',' && depth === 0) || c === undefined) {
      const part = text.slice(start, i).trim()
      if (part) parts.push(part)
      start = i + 1
    }
  }
  return parts
}

/** `list(A)`, `map(string, B)`, `optional(A)`, `kubernetes.Quantity`; one capital letter is a parameter. For tables in this folder. */
export function parseType(text: string): CelType {
  const open = text.indexOf('(')
  if (open < 0) return named[text] ?? (/^[A-Z]$/.test(text) ? param(text) : opaque(text))
  const [first = DYN, second = DYN] = splitTypes(text.slice(open + 1, -1)).map(parseType)
  const head = text.slice(0, open)
  if (head === 'list') return listOf(first)
  if (head === 'map') return mapOf(first, second)
  if (head === 'type') return typeOf(first)
  return opaque(head === 'optional' ? 'optional_type' : head, [first])
}

export interface Signature { readonly member: boolean; readonly params: readonly CelType[]; readonly result: CelType; readonly generic: boolean }

/** `string.(int, int) string` is a member function of strings; `(list(A)) int` a function. The receiver is the first parameter. */
export function parseSignature(text: string): Signature {
  const member = !text.startsWith('(')
  const open = member ? text.indexOf('.(') + 1 : 0
  let depth = 0
  let close = open
  for (; close < text.length; close++) {
    if (text[close] === '(') depth++
    else if (text[close] === ')' && --depth === 0) break
  }
  const args = splitTypes(text.slice(open + 1, close)).map(parseType)
  const params = member ? [parseType(text.slice(0, open - 1)), ...args] : args
  return { member, params, result: parseType(text.slice(close + 1).trim()), generic: /\b[A-Z]\b/.test(text) }
}
