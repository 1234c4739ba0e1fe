/** CEL's standard functions (`cel-spec/doc/langdef.md`): operators, sizes, text. Conversions and times have tables of their own. Pure. */
import { compare, concatenate, equals } from '../compare.ts'
import type { CostRule } from '../cost-rules.ts'
import type { FunctionEntry, Implementation, Overloads } from '../function-table.ts'
import { fn } from '../function-table.ts'
import { patternOf } from '../pattern.ts'
import type { Value } from '../values.ts'
import { CelDuration, CelEntries, CelError, CelList, CelMap, CelTimestamp, CelUint, sizeOf } from '../values.ts'

const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n
const MAX_UINT = 2n ** 64n - 1n

export function int(value: bigint): bigint {
  if (value < MIN || value > MAX) throw new CelError('integer overflow')
  return value
}
export function uint(value: bigint): CelUint {
  if (value < 0n || value > MAX_UINT) throw new CelError('unsigned integer overflow')
  return new CelUint(value)
}
export function duration(nanos: bigint): CelDuration {
  if (nanos < MIN || nanos > MAX) throw new CelError('duration overflow')
  return new CelDuration(nanos)
}
const RANGE = [-62_135_596_800n * 1_000_000_000n, 253_402_300_800n * 1_000_000_000n] as const
export function timestamp(nanos: bigint): CelTimestamp {
  if (nanos < RANGE[0] || nanos >= RANGE[1]) throw new CelError('timestamp overflow')
  return new CelTimestamp(nanos)
}

const arithmetic = (name: string, of: (a: bigint, b: bigint) => bigint, double?: (a: number, b: number) => number, more: Overloads = {}): FunctionEntry => fn(name, {
  '(int, int) int': (a: bigint, b: bigint) => int(of(a, b)),
  '(uint, uint) uint': (a: CelUint, b: CelUint) => uint(of(a.value, b.value)),
  ...(double ? { '(double, double) double': double } : {}), ...more,
})

function nonZero(b: bigint, message: string): bigint {
  if (b === 0n) throw new CelError(message)
  return b
}

const sums: Overloads = {
  '(string, string) string': [(a: string, b: string) => a + b, 'concat'],
  '(bytes, bytes) bytes': [(a: Uint8Array, b: Uint8Array) => new Uint8Array(Buffer.concat([a, b])), 'concat'],
  '(list(A), list(A)) list(A)': [concatenate, 'concatList'],
  '(timestamp, duration) timestamp': (a: CelTimestamp, b: CelDuration) => timestamp(a.nanos + b.nanos),
  '(duration, timestamp) timestamp': (a: CelDuration, b: CelTimestamp) => timestamp(a.nanos + b.nanos),
  '(duration, duration) duration': (a: CelDuration, b: CelDuration) => duration(a.nanos + b.nanos),
}
const differences: Overloads = {
  '(timestamp, timestamp) duration': (a: CelTimestamp, b: CelTimestamp) => duration(a.nanos - b.nanos),
  '(timestamp, duration) timestamp': (a: CelTimestamp, b: CelDuration) => timestamp(a.nanos - b.nanos),
  '(duration, duration) duration': (a: CelDuration, b: CelDuration) => duration(a.nanos - b.nanos),
}

const ordered = ['bool', 'string', 'bytes', 'timestamp', 'duration']
const numbers = ['int', 'uint', 'double']

/** Numbers compare across their kinds. */
function ordering(name: string, holds: (order: number) => boolean): FunctionEntry {
  const call = (a: Value, b: Value): boolean => {
    const order = compare(a, b)
    return order !== undefined && holds(order)
  }
  const rule = (type: string): CostRule => (type === 'string' || type === 'bytes' ? 'compare' : 'one')
  const same = ordered.map((t): [string, readonly [Implementation, CostRule]] => [`(${t}, ${t}) bool`, [call, rule(t)]])
  const mixed = numbers.flatMap((a) => numbers.map((b): [string, readonly [Implementation, CostRule]] => [`(${a}, ${b}) bool`, [call, 'one']]))
  return fn(name, Object.fromEntries([...same, ...mixed]))
}

const sizes: Overloads = Object.fromEntries(['string', 'bytes', 'list(A)', 'map(A, B)'].flatMap((t) => {
  const size = (v: Value): bigint => BigInt(sizeOf(v))
  return [[`(${t}) int`, size], [`${t}.() int`, size]]
}))

function insert(map: CelMap, entries: Iterable<readonly [Value, Value]>): CelEntries {
  let result: CelEntries
  if (map instanceof CelEntries && map.growing) result = map
  else {
    result = new CelEntries()
    for (const key of map.keys()) result.add(key, map.get(key) ?? null)
  }
  for (const [key, value] of entries) result.add(key, value)
  return result
}

const matches = (text: string, pattern: string): boolean => patternOf(pattern).matcher(text).find()

export const standard: readonly FunctionEntry[] = [
  fn('_&&_', { '(bool, bool) bool': () => false }), fn('_||_', { '(bool, bool) bool': () => false }), fn('_?_:_', { '(bool, A, A) A': () => null }),
  fn('@not_strictly_false', { '(bool) bool': () => false }),
  fn('_[_]', {
    '(list(A), int) A': () => null, '(map(A, B), A) B': () => null, '(optional(list(A)), int) optional(A)': () => null, '(optional(map(A, B)), A) optional(B)': () => null,
  }),
  fn('_[?_]', {
    '(list(A), int) optional(A)': () => null, '(map(A, B), A) optional(B)': () => null, '(optional(list(A)), int) optional(A)': () => null,
    '(optional(map(A, B)), A) optional(B)': () => null,
  }),
  fn('!_', { '(bool) bool': (a: boolean) => !a }),
  fn('-_', { '(int) int': (a: bigint) => int(-a), '(double) double': (a: number) => -a }),
  arithmetic('_+_', (a, b) => a + b, (a, b) => a + b, sums),
  arithmetic('_-_', (a, b) => a - b, (a, b) => a - b, differences),
  arithmetic('_*_', (a, b) => a * b, (a, b) => a * b),
  arithmetic('_/_', (a, b) => a / nonZero(b, 'division by zero'), (a, b) => a / b),
  arithmetic('_%_', (a, b) => a % nonZero(b, 'modulus by zero')),
  fn('_==_', { '(A, A) bool': equals }, 'compare'), fn('_!=_', { '(A, A) bool': (a: Value, b: Value) => !equals(a, b) }, 'compare'),
  ordering('_<_', (o) => o < 0), ordering('_<=_', (o) => o <= 0), ordering('_>_', (o) => o > 0), ordering('_>=_', (o) => o >= 0),
  fn('@in', {
    '(A, list(A)) bool': [(v: Value, list: CelList) => {
      for (let i = 0; i < list.size; i++) if (equals(v, list.at(i))) return true
      return false
    }, 'in'],
    '(A, map(A, B)) bool': (v: Value, map: CelMap) => map.get(v) !== undefined,
  }),
  fn('size', sizes),
  fn('contains', { 'string.(string) bool': (a: string, b: string) => a.includes(b) }, 'contains'),
  fn('startsWith', { 'string.(string) bool': (a: string, b: string) => a.startsWith(b) }, 'affix'),
  fn('endsWith', { 'string.(string) bool': (a: string, b: string) => a.endsWith(b) }, 'affix'),
  fn('matches', { 'string.(string) bool': matches, '(string, string) bool': matches }, 'matches'),
  fn('cel.@mapInsert', {
    '(map(A, B), A, B) map(A, B)': (map: CelMap, key: Value, value: Value) => insert(map, [[key, value]]),
    '(map(A, B), map(A, B)) map(A, B)': (map: CelMap, more: CelMap) => insert(map, more.keys().map((key) => [key, more.get(key) ?? null] as const)),
  }),
]
