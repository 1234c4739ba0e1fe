/** Lists (`k8s.io/apiserver/pkg/cel/library/lists.go`), sets and optionals of upstream's environment. Pure. */
import { compare, equals } from '../compare.ts'
import type { FunctionEntry, Overloads } from '../function-table.ts'
import { fn } from '../function-table.ts'
import type { Value } from '../values.ts'
import { CelDuration, CelError, CelList, CelMap, CelOptional, CelTimestamp, CelUint } from '../values.ts'
import { duration, int, uint } from './standard.ts'

const comparable = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes']

const forEach = (types: readonly string[], result: (type: string) => string, of: (list: CelList) => Value): Overloads =>
  Object.fromEntries(types.map((t) => [`list(${t}).() ${result(t)}`, of]))

function isSorted(list: CelList): boolean {
  for (let i = 1; i < list.size; i++) if ((compare(list.at(i - 1), list.at(i)) ?? 1) > 0) return false
  return true
}

function extreme(name: string, sign: 1 | -1): (list: CelList) => Value {
  return (list) => {
    if (!list.size) throw new CelError(`${name} called on empty list`)
    return list.toArray().reduce((best, v) => ((compare(v, best) ?? 0) * sign > 0 ? v : best))
  }
}

function sum(list: CelList, zero: Value): Value {
  let total: Value = zero
  for (const v of list.toArray()) {
    if (typeof total === 'bigint' && typeof v === 'bigint') total = int(total + v)
    else if (typeof total === 'number' && typeof v === 'number') total += v
    else if (total instanceof CelUint && v instanceof CelUint) total = uint(total.value + v.value)
    else if (total instanceof CelDuration && v instanceof CelDuration) total = duration(total.nanos + v.nanos)
    else throw new CelError('no such overload')
  }
  return total
}

function indexOf(list: CelList, wanted: Value): bigint { return BigInt(list.toArray().findIndex((v) => equals(v, wanted))) }
function lastIndexOf(list: CelList, wanted: Value): bigint { return BigInt(list.toArray().findLastIndex((v) => equals(v, wanted))) }

const lists: readonly FunctionEntry[] = [
  fn('isSorted', forEach(comparable, () => 'bool', isSorted), 'elements'),
  fn('sum', {
    'list(int).() int': (l: CelList) => sum(l, 0n), 'list(uint).() uint': (l: CelList) => sum(l, new CelUint(0n)), 'list(double).() double': (l: CelList) => sum(l, l.size && typeof l.at(0) === 'bigint' ? 0n : 0),
    'list(duration).() duration': (l: CelList) => sum(l, new CelDuration(0n)),
  }, 'elements'),
  fn('min', forEach(comparable, (t) => t, extreme('min', -1)), 'elements'), fn('max', forEach(comparable, (t) => t, extreme('max', 1)), 'elements'),
  fn('indexOf', { 'list(A).(A) int': indexOf }, 'elements'), fn('lastIndexOf', { 'list(A).(A) int': lastIndexOf }, 'elements'),
]

const includes = (list: CelList, v: Value): boolean => list.toArray().some((e) => equals(e, v))
const contains = (list: CelList, part: CelList): boolean => part.toArray().every((v) => includes(list, v))

const sets: readonly FunctionEntry[] = [
  fn('sets.contains', { '(list(A), list(A)) bool': contains }),
  fn('sets.equivalent', { '(list(A), list(A)) bool': (a: CelList, b: CelList) => contains(a, b) && contains(b, a) }),
  fn('sets.intersects', { '(list(A), list(A)) bool': (a: CelList, b: CelList) => a.toArray().some((v) => includes(b, v)) }),
]

function isZero(v: Value): boolean {
  if (v === null || v === false || v === 0n || v === 0 || v === '') return true
  if (v instanceof CelUint) return v.value === 0n
  if (v instanceof CelDuration) return v.nanos === 0n
  if (v instanceof CelTimestamp) return v.nanos === -62_135_596_800n * 1_000_000_000n
  return v instanceof CelList || v instanceof CelMap ? v.size === 0 : v instanceof Uint8Array && v.length === 0
}

function valueOf(o: CelOptional): Value {
  if (o.value === undefined) throw new CelError('optional.none() dereference')
  return o.value
}

function unwrap(list: CelList): CelList {
  return CelList.of(list.toArray().flatMap((v) => (v instanceof CelOptional && v.value !== undefined ? [v.value] : [])))
}

const optionals: readonly FunctionEntry[] = [
  fn('optional.of', { '(A) optional(A)': (v: Value) => new CelOptional(v) }),
  fn('optional.ofNonZeroValue', { '(A) optional(A)': (v: Value) => new CelOptional(isZero(v) ? undefined : v) }),
  fn('optional.none', { '() optional(A)': () => new CelOptional(undefined) }),
  fn('hasValue', { 'optional(A).() bool': (o: CelOptional) => o.value !== undefined }),
  fn('value', { 'optional(A).() A': valueOf }),
  fn('or', { 'optional(A).(optional(A)) optional(A)': (a: CelOptional, b: CelOptional) => (a.value === undefined ? b : a) }),
  fn('orValue', { 'optional(A).(A) A': (o: CelOptional, v: Value) => o.value ?? (o.value === null ? null : v) }),
  fn('optional.unwrap', { '(list(optional(A))) list(A)': unwrap }), fn('unwrapOpt', { 'list(optional(A)).() list(A)': unwrap }),
  fn('first', { 'list(A).() optional(A)': (l: CelList) => new CelOptional(l.size ? l.at(0) : undefined) }),
  fn('last', { 'list(A).() optional(A)': (l: CelList) => new CelOptional(l.size ? l.at(l.size - 1) : undefined) }),
]

export const collections: readonly FunctionEntry[] = [...lists, ...sets, ...optionals]
