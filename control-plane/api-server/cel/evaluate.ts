/**
 * Runs a checked expression. Every step is charged as upstream charges it, before it is done: what costs more than the limit ends with a
 * {@link CostError} that nothing in the expression can absorb.
 */
import type { CelType } from './cel-type.ts'
import { asBool } from './compare.ts'
import { chargeOf } from './cost-rules.ts'
import type { Checked } from './checker.ts'
import type { Overload } from './function-table.ts'
import type { CallNode, Constant, Expression, FoldNode, ListNode, MapNode, SelectNode } from './syntax.ts'
import { CelEntries, CelError, CelList, CelMap, CelOptional, CelTypeValue, CelUint, noOverload, typeNameOf } from './values.ts'
import type { Value } from './values.ts'

/** The limit is reached. */
export class CostError extends Error {
  override readonly name = 'CostError'
  constructor() { super('operation cancelled: actual cost limit exceeded') }
}

/** A variable's value; read when it is needed. An absent one is an error of evaluation. */
export type Bindings = (name: string) => Value | undefined

interface Frame { readonly name: string; value: Value | CelError; readonly outer: Frame | undefined }

const LIST = 10
const MAP = 30

/** One evaluation; `cost` is what it has come to. */
export class Evaluation {
  cost = 0
  readonly #limit: number
  readonly #checked: Checked
  readonly #bindings: Bindings

  constructor(checked: Checked, bindings: Bindings, limit: number) {
    this.#checked = checked
    this.#bindings = bindings
    this.#limit = limit
  }

  charge(cost: number): void {
    this.cost += cost
    if (this.cost > this.#limit) throw new CostError()
  }

  /** Throws {@link CelError} or {@link CostError}. */
  run(root: Expression): Value { return this.#eval(root, undefined) }

  #eval(e: Expression, frame: Frame | undefined): Value {
    switch (e.kind) {
      case 'constant': return constant(e.value)
      case 'ident': return this.#ident(e.name, frame)
      case 'select': return this.#select(e, frame)
      case 'call': return this.#call(e, frame)
      case 'list': return this.#list(e, frame)
      case 'map': return this.#map(e, frame)
      case 'fold': return this.#fold(e, frame)
      case 'struct': throw new CelError(`unknown type: ${e.name}`)
    }
  }

  #ident(name: string, frame: Frame | undefined): Value {
    this.charge(1)
    for (let f = frame; f; f = f.outer) {
      if (f.name !== name) continue
      if (f.value instanceof CelError) throw f.value
      return f.value
    }
    const bare = name.startsWith('.') ? name.slice(1) : name
    const value = this.#bindings(bare)
    if (value !== undefined) return value
    if (typeValues.has(bare)) return new CelTypeValue(bare)
    throw new CelError(`no such attribute(s): ${bare}`)
  }

  #select(e: SelectNode, frame: Frame | undefined): Value {
    const qualified = this.#checked.qualified.get(e.id)
    if (qualified !== undefined) {
      this.charge(1)
      return this.#bindings(qualified) ?? new CelTypeValue(qualified)
    }
    const operand = this.#eval(e.operand, frame)
    if (!e.test) this.charge(1)
    if (operand instanceof CelOptional) {
      const inside = operand.value === undefined ? undefined : fieldOf(operand.value, e.field)
      return e.test ? inside !== undefined : new CelOptional(inside)
    }
    const value = fieldOf(operand, e.field)
    if (e.test) return value !== undefined
    if (value === undefined) throw new CelError(`no such key: ${e.field}`)
    return value
  }

  #call(e: CallNode, frame: Frame | undefined): Value {
    switch (e.name) {
      case '_&&_': return this.#logical(e, frame, false)
      case '_||_': return this.#logical(e, frame, true)
      case '_?_:_': return this.#eval(asBool(this.#eval(e.args[0] as Expression, frame)) ? e.args[1] as Expression : e.args[2] as Expression, frame)
      case '@not_strictly_false': return this.#notStrictlyFalse(e, frame)
      case '_[_]': return this.#index(e, frame)
      case '_[?_]': case '_?._': return this.#optionalIndex(e, frame)
      default: return this.#dispatch(e, frame)
    }
  }

  /** Errors on one side do not matter where the other decides. */
  #logical(e: CallNode, frame: Frame | undefined, decisive: boolean): Value {
    let failure: CelError | undefined
    for (const arg of e.args) {
      try {
        if (asBool(this.#eval(arg, frame)) === decisive) return decisive
      } catch (error) {
        if (!(error instanceof CelError)) throw error
        failure ??= error
      }
    }
    if (failure) throw failure
    return !decisive
  }

  #notStrictlyFalse(e: CallNode, frame: Frame | undefined): Value {
    try {
      const value = this.#eval(e.args[0] as Expression, frame)
      this.charge(1)
      return value !== false
    } catch (error) {
      if (error instanceof CelError) return true
      throw error
    }
  }

  #index(e: CallNode, frame: Frame | undefined): Value {
    const operand = this.#eval(e.args[0] as Expression, frame)
    const key = this.#eval(e.args[1] as Expression, frame)
    this.charge(1)
    if (operand instanceof CelOptional) return new CelOptional(operand.value === undefined ? undefined : elementOf(operand.value, key))
    const value = elementOf(operand, key)
    if (value !== undefined) return value
    throw new CelError(operand instanceof CelList ? `index out of bounds: ${shown(key)}` : `no such key: ${shown(key)}`)
  }

  #optionalIndex(e: CallNode, frame: Frame | undefined): Value {
    const operand = this.#eval(e.args[0] as Expression, frame)
    const key = this.#eval(e.args[1] as Expression, frame)
    this.charge(1)
    const inside = operand instanceof CelOptional ? operand.value : operand
    const value = inside === undefined ? undefined : elementOf(inside, key)
    return value instanceof CelOptional ? value : new CelOptional(value)
  }

  #dispatch(e: CallNode, frame: Frame | undefined): Value {
    const args: Value[] = []
    if (e.target && !this.#checked.qualified.has(e.id)) args.push(this.#eval(e.target, frame))
    for (const arg of e.args) args.push(this.#eval(arg, frame))
    const overload = this.#checked.overloads.get(e.id)?.find((o) => fits(o, args))
    if (!overload) throw noOverload()
    const rule = chargeOf(overload.cost)
    this.charge(rule.charge(args))
    const result = overload.call(args)
    if (rule.after) this.charge(rule.after(result))
    return result
  }

  #list(e: ListNode, frame: Frame | undefined): Value {
    const values: Value[] = []
    e.items.forEach((item, i) => {
      const value = this.#eval(item, frame)
      if (!e.optional.has(i)) values.push(value)
      else if (!(value instanceof CelOptional)) throw new CelError(`cannot initialize optional list element from non-optional value ${shown(value)}`)
      else if (value.value !== undefined) values.push(value.value)
    })
    this.charge(LIST)
    return CelList.of(values)
  }

  #map(e: MapNode, frame: Frame | undefined): Value {
    const map = new CelEntries()
    for (const entry of e.entries) {
      const key = this.#eval(entry.key, frame)
      const value = this.#eval(entry.value, frame)
      if (!entry.optional) map.add(key, value)
      else if (!(value instanceof CelOptional)) throw new CelError(`cannot initialize optional entry '${shown(key)}' from non-optional value ${shown(value)}`)
      else if (value.value !== undefined) map.add(key, value.value)
    }
    this.charge(MAP)
    return map
  }

  #fold(e: FoldNode, frame: Frame | undefined): Value {
    const range = this.#eval(e.range, frame)
    const accumulator: Frame = { name: e.accumulator, value: this.#attempt(e.init, frame), outer: frame }
    const { value: init } = accumulator
    // What the step adds to is seen by nobody else until the fold is done.
    const grows = (init instanceof CelList && e.init.kind === 'list') || (init instanceof CelEntries && e.init.kind === 'map') ? init : undefined
    if (grows) grows.growing = true
    for (const [first, second] of pairs(range, e.second !== undefined)) {
      let inner: Frame = { name: e.variable, value: first, outer: accumulator }
      if (e.second !== undefined) inner = { name: e.second, value: second, outer: inner }
      if (this.#eval(e.condition, inner) === false) break
      accumulator.value = this.#attempt(e.step, inner)
    }
    if (grows) grows.growing = false
    return this.#eval(e.result, accumulator)
  }

  #attempt(e: Expression, frame: Frame | undefined): Value | CelError {
    try {
      return this.#eval(e, frame)
    } catch (error) {
      if (error instanceof CelError) return error
      throw error
    }
  }
}

const typeValues = new Set(['bool', 'bytes', 'double', 'int', 'uint', 'string', 'dyn', 'null_type', 'list', 'map', 'type'])

const constant = (value: Constant): Value => (typeof value === 'object' && value !== null && 'uint' in value ? new CelUint(value.uint) : value)

const shown = (value: Value): string => (value instanceof CelUint ? String(value.value) : typeof value === 'object' && value !== null ? typeNameOf(value) : String(value))

function fieldOf(operand: Value, field: string): Value | undefined {
  if (operand instanceof CelMap) return operand.get(field)
  throw noOverload()
}

function elementOf(operand: Value, key: Value): Value | undefined {
  if (operand instanceof CelMap) return operand.get(key)
  if (!(operand instanceof CelList)) throw noOverload()
  const index = key instanceof CelUint ? Number(key.value) : typeof key === 'bigint' || (typeof key === 'number' && Number.isInteger(key)) ? Number(key) : undefined
  if (index === undefined) throw new CelError(`unsupported index type '${typeNameOf(key)}' in list`)
  return index >= 0 && index < operand.size ? operand.at(index) : undefined
}

function* pairs(range: Value, two: boolean): Generator<readonly [Value, Value]> {
  if (range instanceof CelList) {
    for (let i = 0; i < range.size; i++) yield two ? [BigInt(i), range.at(i)] : [range.at(i), null]
  } else if (range instanceof CelMap) {
    for (const key of range.keys()) yield [key, two ? range.get(key) ?? null : null]
  } else throw noOverload()
}

function fits({ params }: Overload, args: readonly Value[]): boolean {
  return params.length === args.length && params.every((type, i) => isOf(args[i] as Value, type))
}

/** Does a value match what a signature asks for? Elements are not looked at: what is inside is checked where it is used. */
function isOf(value: Value, type: CelType): boolean {
  switch (type.kind) {
    case 'dyn': case 'param': case 'error': return true
    case 'object': case 'map': return value instanceof CelMap
    case 'null': return value === null
    case 'timestamp': return typeNameOf(value) === 'google.protobuf.Timestamp'
    case 'duration': return typeNameOf(value) === 'google.protobuf.Duration'
    case 'opaque': return typeNameOf(value) === type.name
    case 'type': return value instanceof CelTypeValue
    default: return typeNameOf(value) === type.kind
  }
}
