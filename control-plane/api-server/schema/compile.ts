/**
 * Field tables compiled to decoders, once per schema and on first use: unknown fields are dropped and reported, nulls dropped,
 * scalars checked, quantities and times brought to their canonical form. Input is never changed. Pure.
 */
import { canonicalQuantity } from '../../../shared/values/quantity.ts'
import { parseType, tableOf } from './tables.ts'

/** Where the decoder stands, for messages only. */
export interface DecodeContext {
  readonly path: (string | number)[]
  /** The Go struct whose field is being read. */
  struct: string
  /** Unknown fields found, as `spec.foo`; not collected where undefined. */
  readonly unknown: string[] | undefined
}

export type Decoder = (value: unknown, context: DecodeContext) => unknown

/** A value of the wrong type or form; the message is what Go's decoder would say. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

/** `spec.containers[0].image`, or without indices, as Go's `UnmarshalTypeError` prints it. */
export function pathText(path: readonly (string | number)[], indices: boolean): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') { if (indices) text += `[${step}]` }
    else text += text ? `.${step}` : step
  }
  return text
}

const jsonKind = (value: unknown): string =>
  Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value === 'object' ? 'object' : typeof value

function mismatch(value: unknown, goType: string, context: DecodeContext, literal = false): DecodeError {
  const what = literal ? `number ${String(value)}` : jsonKind(value)
  const path = pathText(context.path, false)
  return new DecodeError(`json: cannot unmarshal ${what} into Go ${path ? `struct field ${context.struct}.${path}` : 'value'} of type ${goType}`)
}

const string: Decoder = (value, context) => {
  if (typeof value !== 'string') throw mismatch(value, 'string', context)
  return value
}
const boolean: Decoder = (value, context) => {
  if (typeof value !== 'boolean') throw mismatch(value, 'bool', context)
  return value
}
const integer = (goType: string, limit: number): Decoder => (value, context) => {
  if (typeof value !== 'number') throw mismatch(value, goType, context)
  if (!Number.isInteger(value) || value > limit - 1 || value < -limit) throw mismatch(value, goType, context, true)
  return value
}
const double: Decoder = (value, context) => {
  if (typeof value !== 'number') throw mismatch(value, 'float64', context)
  return value
}
const intOrString: Decoder = (value, context) => {
  if (typeof value === 'string') return value
  return int32(value, context)
}
const int32 = integer('int32', 2 ** 31)
const quantity: Decoder = (value, context) => {
  if (typeof value !== 'string' && typeof value !== 'number') throw mismatch(value, 'resource.Quantity', context)
  try {
    return canonicalQuantity(value)
  } catch (e) {
    throw new DecodeError(e instanceof Error ? e.message : String(e))
  }
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const byte: Decoder = (value, context) => {
  if (typeof value !== 'string') throw mismatch(value, '[]uint8', context)
  const text = value.includes('\n') || value.includes('\r') ? value.replace(/[\r\n]/g, '') : value
  if (!base64.test(text)) throw new DecodeError(`illegal base64 data at input byte ${firstBadByte(text)}`)
  return text
}
function firstBadByte(text: string): number {
  const at = text.search(/[^A-Za-z0-9+/]/)
  return at < 0 || (text[at] === '=' && at >= text.length - 2) ? Math.max(0, text.length - (text.length % 4 || 0)) : at
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
/** Times are kept in UTC: `metav1.Time` to the second, `metav1.MicroTime` to the microsecond. */
const time = (micro: boolean): Decoder => (value, context) => {
  if (typeof value !== 'string') throw mismatch(value, 'v1.Time', context)
  if (value.length === 20 && !micro && value.endsWith('Z') && rfc3339.test(value) && !Number.isNaN(Date.parse(value))) return value
  const m = rfc3339.exec(value)
  const at = m ? Date.parse(`${value.slice(0, 19)}${m[2] as string}`) : Number.NaN
  if (!m || Number.isNaN(at)) {
    throw new DecodeError(`parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05${micro ? '.000000' : ''}Z07:00": cannot parse ${JSON.stringify(value)} as "2006"`)
  }
  const seconds = new Date(at).toISOString().slice(0, 19)
  return micro ? `${seconds}.${(m[1] ?? '.').slice(1, 7).padEnd(6, '0')}Z` : `${seconds}Z`
}
/** Untyped JSON is kept as it is. */
const asIs: Decoder = (value) => value

const scalars: Readonly<Record<string, Decoder>> = {
  string, boolean, int32, int64: integer('int64', 2 ** 63), double, number: double, 'int-or-string': intOrString, quantity, byte, time: time(false), microtime: time(true),
  any: asIs, raw: asIs, json: asIs, 'json-or-list': asIs, 'json-or-boolean': asIs, 'json-or-strings': asIs,
}
const goScalar: Readonly<Record<string, string>> = {
  boolean: 'bool', byte: '[]uint8', double: 'float64', number: 'float64', 'int-or-string': 'intstr.IntOrString', quantity: 'resource.Quantity', time: 'v1.Time', microtime: 'v1.MicroTime', any: 'interface {}',
}
/** A null in a list or map is the zero value of its element. */
const zero: Readonly<Record<string, unknown>> = { string: '', boolean: false, int32: 0, int64: 0, double: 0, number: 0, quantity: '0', byte: '' }

function goType(type: string): string {
  const { container, element } = parseType(type)
  if (container === '[]') return `[]${goType(element)}`
  if (container === '{}') return `map[string]${goType(element)}`
  const dot = element.indexOf('.')
  return dot > 0 ? `${element.slice(element.lastIndexOf('-', dot) + 1, dot)}.${element.slice(dot + 1)}` : (goScalar[element] ?? element)
}

function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

function listOf(type: string): Decoder {
  const { element } = parseType(type)
  const go = goType(type)
  const decodeElement = decoderOf(element)
  const nothing = element in zero ? zero[element] : undefined
  return (value, context) => {
    if (!Array.isArray(value)) throw mismatch(value, go, context)
    const out: unknown[] = []
    for (let i = 0; i < value.length; i++) {
      const v: unknown = value[i]
      if (v === null || v === undefined) { out.push(nothing === undefined ? {} : nothing); continue }
      context.path.push(i)
      out.push(decodeElement(v, context))
      context.path.pop()
    }
    return out
  }
}

function mapOf(type: string): Decoder {
  const { element } = parseType(type)
  const go = goType(type)
  const decodeElement = decoderOf(element)
  const nothing = element in zero ? zero[element] : undefined
  return (value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw mismatch(value, go, context)
    const out: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      const v = (value as Record<string, unknown>)[key]
      if (v === undefined) continue
      define(out, key, v === null ? (nothing === undefined ? {} : nothing) : decodeElement(v, context))
    }
    return out
  }
}

interface CompiledField { readonly decode: Decoder; readonly optionalCollection: boolean }

/** Optional lists and maps that are empty are left out, as Go's `omitempty` does. */
const isEmpty = (value: unknown): boolean => (Array.isArray(value) ? value.length === 0 : Object.keys(value as object).length === 0)

function structOf(schema: string): Decoder {
  const table = tableOf(schema)
  if (!table) throw new Error(`no field table for ${schema}`)
  const name = schema.slice(schema.indexOf('.') + 1)
  const go = goType(schema)
  const fields = new Map<string, CompiledField>()
  for (const [field, type] of Object.entries(table)) {
    const { container, element, required } = parseType(type)
    let compiled: Decoder | undefined
    const bare = container + element
    fields.set(field, {
      decode: container === '' && scalars[element] ? scalars[element] : (value, context) => (compiled ??= decoderOf(bare))(value, context),
      optionalCollection: container !== '' && !required,
    })
  }
  return (value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw mismatch(value, go, context)
    const out: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      const field = fields.get(key)
      if (field === undefined) {
        if (context.unknown) { context.path.push(key); context.unknown.push(pathText(context.path, true)); context.path.pop() }
        continue
      }
      const v = (value as Record<string, unknown>)[key]
      if (v === null || v === undefined) continue
      context.struct = name
      context.path.push(key)
      const decoded = field.decode(v, context)
      context.path.pop()
      if (field.optionalCollection && isEmpty(decoded)) continue
      out[key] = decoded
    }
    return out
  }
}

const compiledTypes = new Map<string, Decoder>()

/** The decoder of a type of the tables: `core-v1.Pod`, `[]string`. Throws for a schema that does not exist. */
export function decoderOf(type: string): Decoder {
  const known = scalars[type] ?? compiledTypes.get(type)
  if (known) return known
  const { container } = parseType(type)
  const decoder = container === '[]' ? listOf(type) : container === '{}' ? mapOf(type) : structOf(type)
  compiledTypes.set(type, decoder)
  return decoder
}
