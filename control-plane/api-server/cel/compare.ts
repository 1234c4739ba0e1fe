/** Equality and order of CEL values: numbers of all kinds are one line. Pure. */
import type { Value } from './values.ts'
import { CelDuration, CelError, CelList, CelMap, CelOpaque, CelOptional, CelTimestamp, CelTypeValue, CelUint, noOverload } from './values.ts'

const isNumber = (v: Value): v is bigint | number | CelUint => typeof v === 'bigint' || typeof v === 'number' || v instanceof CelUint
const plain = (v: bigint | number | CelUint): bigint | number => (v instanceof CelUint ? v.value : v)

export function equals(a: Value, b: Value): boolean {
  if (a === b) return true
  if (isNumber(a)) return isNumber(b) && plain(a) == plain(b) // eslint-disable-line eqeqeq -- a bigint and a number of one value are equal
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (a instanceof CelList) return b instanceof CelList && equalLists(a, b)
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b)
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanos === b.nanos
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name
  if (a instanceof CelOptional) return b instanceof CelOptional && (a.value === undefined || b.value === undefined ? a.value === b.value : equals(a.value, b.value))
  return a instanceof CelOpaque && b instanceof CelOpaque && a.typeName === b.typeName && a.equals(b)
}

function equalMaps(a: CelMap, b: CelMap): boolean {
  const keys = a.keys()
  if (keys.length !== b.keys().length) return false
  return keys.every((key) => {
    const [left, right] = [a.get(key), b.get(key)]
    return left !== undefined && right !== undefined && equals(left, right)
  })
}

function equalLists(a: CelList, b: CelList): boolean {
  if (a.size !== b.size) return false
  const merge = a.merge ?? b.merge
  if (!merge) {
    for (let i = 0; i < a.size; i++) if (!equals(a.at(i), b.at(i))) return false
    return true
  }
  const right = b.toArray()
  return a.toArray().every((v) => {
    const at = merge.type === 'set' ? right.findIndex((r) => equals(v, r)) : right.findIndex((r) => sameKey(v, r, merge.keys) && equals(v, r))
    if (at < 0) return false
    right.splice(at, 1)
    return true
  })
}

function sameKey(a: Value, b: Value, keys: readonly string[]): boolean {
  if (!(a instanceof CelMap) || !(b instanceof CelMap)) return false
  return keys.every((key) => {
    const [left, right] = [a.get(key), b.get(key)]
    return left === undefined || right === undefined ? left === right : equals(left, right)
  })
}

/** `a + b`: of sets the union, of maps those of `b` in the place of those of `a` with their keys, of other lists one after the other. */
export function concatenate(a: CelList, b: CelList): CelList {
  if (a.growing) {
    a.push(b.toArray())
    return a
  }
  const left = a.toArray()
  const right = b.toArray()
  const { merge } = a
  if (!merge) return CelList.of([...left, ...right])
  if (merge.type === 'set') return CelList.merged([...left, ...right.filter((r) => !left.some((l) => equals(l, r)))], merge)
  const replaced = left.map((l) => right.find((r) => sameKey(l, r, merge.keys)) ?? l)
  return CelList.merged([...replaced, ...right.filter((r) => !left.some((l) => sameKey(l, r, merge.keys)))], merge)
}

/** Text by code points: UTF-16 sorts what lies beyond the first plane elsewhere. */
function compareText(a: string, b: string): number {
  if (a === b) return 0
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x === y) continue
    const [highX, highY] = [x >= 0xd800 && x < 0xe000, y >= 0xd800 && y < 0xe000]
    return highX === highY ? x - y : highX ? 1 : -1
  }
  return a.length - b.length
}

/** Below zero, zero, above zero. Undefined where one is NaN. Throws for values without an order. */
export function compare(a: Value, b: Value): number | undefined {
  if (isNumber(a) && isNumber(b)) {
    const [x, y] = [plain(a), plain(b)]
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : undefined // eslint-disable-line eqeqeq -- across number and bigint
  }
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if ((a instanceof CelTimestamp && b instanceof CelTimestamp) || (a instanceof CelDuration && b instanceof CelDuration)) return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0
  throw noOverload()
}

/** The value as a boolean; what is none has no overload. */
export function asBool(v: Value): boolean {
  if (typeof v === 'boolean') return v
  throw new CelError('no such overload')
}
