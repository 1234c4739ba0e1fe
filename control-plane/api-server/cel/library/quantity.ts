/** Quantities of resources in expressions (`k8s.io/apiserver/pkg/cel/library/quantity.go`). Pure. */
import { addQuantity, compareQuantity, parseQuantity, QuantityError, subtractQuantity } from '../../../../shared/values/quantity.ts'
import type { Quantity } from '../../../../shared/values/quantity.ts'
import type { FunctionEntry } from '../function-table.ts'
import { fn } from '../function-table.ts'
import { CelError, CelOpaque } from '../values.ts'

const TYPE = 'kubernetes.Quantity'
const NANO = 1_000_000_000n
const MAX = 2n ** 63n

class QuantityValue extends CelOpaque {
  readonly typeName = TYPE
  readonly quantity: Quantity
  constructor(quantity: Quantity) {
    super()
    this.quantity = quantity
  }
  override equals(other: CelOpaque): boolean { return other instanceof QuantityValue && compareQuantity(this.quantity, other.quantity) === 0 }
}

/** Undefined for text that is none. */
function parsed(text: string): Quantity | QuantityError {
  try {
    return parseQuantity(text)
  } catch (e) {
    if (e instanceof QuantityError) return e
    throw e
  }
}

function quantity(text: string): QuantityValue {
  const value = parsed(text)
  if (value instanceof QuantityError) throw new CelError(value.message)
  return new QuantityValue(value)
}

const isInteger = ({ quantity: { nano } }: QuantityValue): boolean => nano % NANO === 0n && nano / NANO < MAX && nano / NANO >= -MAX
function asInteger(q: QuantityValue): bigint {
  if (!isInteger(q)) throw new CelError('cannot convert value to integer')
  return q.quantity.nano / NANO
}

const ofInt = (n: bigint): Quantity => ({ nano: n * NANO, format: 'DecimalSI' })
const compared = (holds: (order: number) => boolean) => ({ [`${TYPE}.(${TYPE}) bool`]: (a: QuantityValue, b: QuantityValue) => holds(compareQuantity(a.quantity, b.quantity)) })
const combined = (of: (a: Quantity, b: Quantity) => Quantity) => ({
  [`${TYPE}.(${TYPE}) ${TYPE}`]: (a: QuantityValue, b: QuantityValue) => new QuantityValue(of(a.quantity, b.quantity)),
  [`${TYPE}.(int) ${TYPE}`]: (a: QuantityValue, b: bigint) => new QuantityValue(of(a.quantity, ofInt(b))),
})

export const quantities: readonly FunctionEntry[] = [
  fn('quantity', { [`(string) ${TYPE}`]: quantity }, 'parse'),
  fn('isQuantity', { '(string) bool': (text: string) => !(parsed(text) instanceof QuantityError) }, 'parse'),
  fn('sign', { [`${TYPE}.() int`]: (q: QuantityValue) => BigInt(Math.sign(compareQuantity(q.quantity, ofInt(0n)))) }),
  fn('isInteger', { [`${TYPE}.() bool`]: isInteger }), fn('asInteger', { [`${TYPE}.() int`]: asInteger }),
  fn('asApproximateFloat', { [`${TYPE}.() double`]: (q: QuantityValue) => Number(q.quantity.nano) / 1e9 }),
  fn('isGreaterThan', compared((o) => o > 0)), fn('isLessThan', compared((o) => o < 0)),
  fn('compareTo', { [`${TYPE}.(${TYPE}) int`]: (a: QuantityValue, b: QuantityValue) => BigInt(Math.sign(compareQuantity(a.quantity, b.quantity))) }),
  fn('add', combined(addQuantity)), fn('sub', combined(subtractQuantity)),
]
