/**
 * Values of CEL and how JSON becomes them. int is a bigint, double a number, uint, timestamps and durations have classes; lists, maps and objects
 * look at the JSON below them only where they are asked. Pure.
 */
import type { CelType, ListType } from './cel-type.ts'
import { DYN } from './cel-type.ts'
import { parseNanos, parseTimestamp } from './time.ts'

export class CelUint {
  readonly value: bigint
  constructor(value: bigint) { this.value = value }
}
/** Nanoseconds since 1970. */
export class CelTimestamp {
  readonly nanos: bigint
  constructor(nanos: bigint) { this.nanos = nanos }
}
export class CelDuration {
  readonly nanos: bigint
  constructor(nanos: bigint) { this.nanos = nanos }
}
/** A type as a value: what `type(x)` gives. */
export class CelTypeValue {
  readonly name: string
  constructor(name: string) { this.name = name }
}
export class CelOptional {
  readonly value: Value | undefined
  constructor(value: Value | undefined) { this.value = value }
}
/** A value of a library's own type; two are equal where their `equals` says so. */
export abstract class CelOpaque {
  abstract readonly typeName: string
  equals(other: CelOpaque): boolean { return this === other }
}

export type Value = null | boolean | bigint | number | string | Uint8Array | CelUint | CelTimestamp | CelDuration | CelTypeValue | CelOptional | CelOpaque | CelList | CelMap

/** Evaluation failed: the message is upstream's. `&&`, `||` and the macros may absorb it. */
export class CelError extends Error {
  override readonly name = 'CelError'
}
export const noOverload = (): CelError => new CelError('no such overload')

export class CelList {
  readonly #raw: unknown[] | undefined
  readonly #element: CelType
  /** Adapted values, where the list was made by an expression. */
  readonly #values: Value[] | undefined
  readonly merge: ListType['merge']
  /** A comprehension still adds to it: nobody else has seen it. */
  growing = false

  private constructor(raw: unknown[] | undefined, values: Value[] | undefined, element: CelType, merge: ListType['merge']) {
    this.#raw = raw
    this.#values = values
    this.#element = element
    this.merge = merge
  }

  static of(values: Value[]): CelList { return new CelList(undefined, values, DYN, undefined) }
  static fromJson(raw: unknown[], element: CelType = DYN, merge?: ListType['merge']): CelList { return new CelList(raw, undefined, element, merge) }
  static merged(values: Value[], merge: ListType['merge']): CelList { return new CelList(undefined, values, DYN, merge) }

  get size(): number { return (this.#values ?? this.#raw)?.length ?? 0 }
  at(i: number): Value { return this.#values ? this.#values[i] as Value : adapt(this.#raw?.[i], this.#element) }
  toArray(): Value[] { return this.#values ?? (this.#raw ?? []).map((v) => adapt(v, this.#element)) }
  /** Only while {@link growing}. */
  push(values: readonly Value[]): void { for (const v of values) this.#values?.push(v) }
}

/** Keys of one kind stay apart from keys of another, but 1 and 1u are one key. */
const keyText = (key: Value): string | undefined => {
  if (typeof key === 'string') return `s${key}`
  if (typeof key === 'bigint') return `n${key}`
  if (key instanceof CelUint) return `n${key.value}`
  if (typeof key === 'number') return Number.isInteger(key) ? `n${BigInt(key)}` : undefined
  return typeof key === 'boolean' ? `b${key}` : undefined
}

export abstract class CelMap {
  /** What `type(x)` says. */
  readonly typeName: string = 'map'
  abstract readonly size: number
  abstract get(key: Value): Value | undefined
  abstract keys(): Value[]
}

/** A map that an expression made. */
export class CelEntries extends CelMap {
  readonly #entries = new Map<string, readonly [Value, Value]>()
  growing = false

  get size(): number { return this.#entries.size }
  get(key: Value): Value | undefined {
    const text = keyText(key)
    return text === undefined ? undefined : this.#entries.get(text)?.[1]
  }
  keys(): Value[] { return [...this.#entries.values()].map(([key]) => key) }
  entries(): Iterable<readonly [Value, Value]> { return this.#entries.values() }
  /** Rejects a key twice and a key of a type that cannot be one. */
  add(key: Value, value: Value): void {
    const text = typeof key === 'number' ? undefined : keyText(key)
    if (text === undefined) throw new CelError('unsupported key type')
    if (this.#entries.has(text)) throw new CelError(`insert failed: key ${typeof key === 'string' ? key : text.slice(1)} already exists`)
    this.#entries.set(text, [key, value])
  }
}

const own = (json: object, key: string): unknown => (Object.hasOwn(json, key) ? (json as Record<string, unknown>)[key] : undefined)

/** A JSON object as a map of strings. */
export class JsonMap extends CelMap {
  readonly #json: object
  readonly #value: CelType
  constructor(json: object, value: CelType = DYN) {
    super()
    this.#json = json
    this.#value = value
  }

  get size(): number { return Object.keys(this.#json).length }
  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined
    const raw = own(this.#json, key)
    return raw === undefined ? undefined : adapt(raw, this.#value)
  }
  keys(): Value[] { return Object.keys(this.#json) }
}

/** A JSON object with the fields of a type. */
export class JsonObject extends CelMap {
  readonly #json: object
  readonly #type: Extract<CelType, { kind: 'object' }>
  override readonly typeName: string
  constructor(json: object, type: Extract<CelType, { kind: 'object' }>) {
    super()
    this.#json = json
    this.#type = type
    this.typeName = type.name
  }

  get size(): number { return this.keys().length }
  get(key: Value): Value | undefined {
    const field = typeof key === 'string' ? this.#type.fields.get(key) : undefined
    if (!field) return undefined
    const raw = own(this.#json, field.property ?? key as string)
    return raw === undefined ? undefined : adapt(raw, field.type)
  }
  keys(): Value[] { return [...this.#type.fields].filter(([name, field]) => own(this.#json, field.property ?? name) !== undefined).map(([name]) => name) }
}

/** Fields computed when they are asked for: `request`, `variables`. */
export class LazyObject extends CelMap {
  readonly #fields: Readonly<Record<string, () => Value | undefined>>
  override readonly typeName: string
  constructor(typeName: string, fields: Readonly<Record<string, () => Value | undefined>>) {
    super()
    this.typeName = typeName
    this.#fields = fields
  }

  get size(): number { return this.keys().length }
  get(key: Value): Value | undefined { return typeof key === 'string' && Object.hasOwn(this.#fields, key) ? this.#fields[key]?.() : undefined }
  keys(): Value[] { return Object.keys(this.#fields).filter((name) => this.get(name) !== undefined) }
}

function adaptNumber(json: number, type: CelType): Value {
  if (type.kind === 'double') return json
  if (type.kind === 'uint') return new CelUint(BigInt(Math.trunc(json)))
  return Number.isInteger(json) && Math.abs(json) <= 2 ** 63 ? BigInt(json) : json
}

function adaptText(json: string, type: CelType): Value {
  switch (type.kind) {
    case 'bytes': return new Uint8Array(Buffer.from(json, 'base64'))
    case 'timestamp': {
      const nanos = parseTimestamp(json) ?? parseTimestamp(`${json}T00:00:00Z`)
      return nanos === undefined ? json : new CelTimestamp(nanos)
    }
    case 'duration': {
      const nanos = parseNanos(json)
      return nanos === undefined ? json : new CelDuration(nanos)
    }
    default: return json
  }
}

/** A value of a program's own, or JSON read as a type says. What is undefined is null. */
export function adapt(json: unknown, type: CelType = DYN): Value {
  switch (typeof json) {
    case 'string': return type.kind === 'string' || type === DYN ? json : adaptText(json, type)
    case 'boolean': case 'bigint': return json
    case 'number': return adaptNumber(json, type)
    case 'object': break
    default: return null
  }
  if (json === null) return null
  if (Array.isArray(json)) return type.kind === 'list' ? CelList.fromJson(json as unknown[], type.element, type.merge) : CelList.fromJson(json as unknown[])
  if (isValue(json)) return json
  if (type.kind === 'object') return new JsonObject(json, type)
  return new JsonMap(json, type.kind === 'map' ? type.value : DYN)
}

const isValue = (v: object): v is Exclude<Value, null | boolean | bigint | number | string> => v instanceof CelMap || v instanceof CelList || v instanceof CelOpaque
  || v instanceof CelOptional || v instanceof CelTimestamp || v instanceof CelDuration || v instanceof CelUint || v instanceof CelTypeValue || v instanceof Uint8Array

/** Back to JSON; bytes as base64, times as text. What JSON cannot say (optionals, types, library values) is refused. */
export function toJson(value: Value): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof CelUint) return Number(value.value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof CelList) return value.toArray().map(toJson)
  if (value instanceof CelMap) return Object.fromEntries(value.keys().map((key) => [String(toJson(key)), toJson(value.get(key) ?? null)]))
  throw new CelError('value has no JSON form')
}

/** The name that `type(x)` has, and signatures are matched by. */
export function typeNameOf(value: Value): string {
  switch (typeof value) {
    case 'boolean': return 'bool'
    case 'bigint': return 'int'
    case 'number': return 'double'
    case 'string': return 'string'
    default: break
  }
  if (value === null) return 'null_type'
  if (value instanceof CelList) return 'list'
  if (value instanceof CelMap || value instanceof CelOpaque) return value.typeName
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof CelUint) return 'uint'
  if (value instanceof CelTimestamp) return 'google.protobuf.Timestamp'
  if (value instanceof CelDuration) return 'google.protobuf.Duration'
  return value instanceof CelOptional ? 'optional_type' : 'type'
}

/** Unicode code points. */
export function countRunes(text: string): number {
  let count = text.length
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit < 0xdc00) {
      const low = text.charCodeAt(i + 1)
      if (low >= 0xdc00 && low < 0xe000) count--
    }
  }
  return count
}

/** What `size()` would say, 1 for what has no size: the unit of costs. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return countRunes(value)
  if (value instanceof CelList || value instanceof CelMap) return value.size
  return value instanceof Uint8Array ? value.length : 1
}
