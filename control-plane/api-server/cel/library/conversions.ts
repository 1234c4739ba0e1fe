/** Conversions between types, and what is read off times (`cel-go/common/types`). Pure. */
import type { FunctionEntry, Implementation } from '../function-table.ts'
import { fn } from '../function-table.ts'
import type { Calendar } from '../time.ts'
import { calendarOf, formatSeconds, formatTimestamp, parseNanos, parseTimestamp, SECOND } from '../time.ts'
import type { Value } from '../values.ts'
import { CelDuration, CelError, CelTimestamp, CelTypeValue, CelUint, typeNameOf } from '../values.ts'
import { duration, int, timestamp, uint } from './standard.ts'

function truncate(value: number): bigint {
  if (!Number.isFinite(value)) throw new CelError('integer overflow')
  return BigInt(Math.trunc(value))
}

function integerOf(text: string): bigint {
  if (!/^[+-]?\d+$/.test(text) || text.length > 30) throw new CelError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return BigInt(text)
}

function doubleOf(text: string): number {
  const special = /^([+-]?)(?:inf|infinity)$/i.exec(text)
  if (special) return special[1] === '-' ? -Infinity : Infinity
  if (/^nan$/i.test(text)) return Number.NaN
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) throw new CelError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

/** `strconv.FormatFloat(v, 'g', -1, 64)`. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (Object.is(value, -0)) return '-0'
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e')
  const power = Number(exponent)
  // Shortest digits; the exponent form from 10^6 on and below 10^-4, as Go decides for them.
  if (power >= -4 && power < 6) return value.toFixed(Math.max(mantissa.replace(/^-?\d\.?/, '').length - power, 0))
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

const booleans: Readonly<Record<string, boolean>> = { 1: true, t: true, T: true, true: true, TRUE: true, True: true, 0: false, f: false, F: false, false: false, FALSE: false, False: false }

function boolOf(text: string): boolean {
  const value = Object.hasOwn(booleans, text) ? booleans[text] : undefined
  if (value === undefined) throw new CelError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
  return value
}

export function timestampOf(text: string): CelTimestamp {
  const nanos = parseTimestamp(text)
  if (nanos === undefined) throw new CelError(`parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(text)} as "2006"`)
  return timestamp(nanos)
}

export function durationOf(text: string): CelDuration {
  const nanos = parseNanos(text)
  if (nanos === undefined) throw new CelError(`time: invalid duration ${JSON.stringify(text)}`)
  return duration(nanos)
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string')
  }
}

function accessor(name: string, of: (c: Calendar) => number, ofDuration?: (d: CelDuration) => bigint): FunctionEntry {
  const read = (t: CelTimestamp, zone?: string): bigint => {
    const calendar = calendarOf(t.nanos, zone)
    if (!calendar) throw new CelError(`unknown time zone ${zone}`)
    return BigInt(of(calendar))
  }
  return fn(name, {
    'timestamp.() int': (t: CelTimestamp) => read(t), 'timestamp.(string) int': read, ...(ofDuration ? { 'duration.() int': ofDuration as Implementation } : {}),
  })
}

export const conversions: readonly FunctionEntry[] = [
  fn('dyn', { '(A) dyn': (v: Value) => v }),
  fn('type', { '(A) type(A)': (v: Value) => new CelTypeValue(typeNameOf(v)) }),
  fn('int', {
    '(int) int': (v: bigint) => v, '(uint) int': (v: CelUint) => int(v.value), '(double) int': (v: number) => int(truncate(v)), '(string) int': (v: string) => int(integerOf(v)),
    '(timestamp) int': (v: CelTimestamp) => (v.nanos - (((v.nanos % SECOND) + SECOND) % SECOND)) / SECOND, '(duration) int': (v: CelDuration) => v.nanos,
  }),
  fn('uint', { '(uint) uint': (v: CelUint) => v, '(int) uint': (v: bigint) => uint(v), '(double) uint': (v: number) => uint(truncate(v)), '(string) uint': (v: string) => uint(integerOf(v)) }),
  fn('double', { '(double) double': (v: number) => v, '(int) double': (v: bigint) => Number(v), '(uint) double': (v: CelUint) => Number(v.value), '(string) double': doubleOf }),
  fn('bool', { '(bool) bool': (v: boolean) => v, '(string) bool': boolOf }),
  fn('string', {
    '(string) string': (v: string) => v, '(bool) string': String, '(int) string': String, '(uint) string': (v: CelUint) => String(v.value), '(double) string': formatDouble,
    '(bytes) string': [utf8, 'fromBytes'], '(timestamp) string': (v: CelTimestamp) => formatTimestamp(v.nanos), '(duration) string': (v: CelDuration) => formatSeconds(v.nanos),
  }),
  fn('bytes', { '(bytes) bytes': (v: Uint8Array) => v, '(string) bytes': [(v: string) => new Uint8Array(Buffer.from(v)), 'toBytes'] }),
  fn('timestamp', { '(timestamp) timestamp': (v: CelTimestamp) => v, '(string) timestamp': timestampOf, '(int) timestamp': (v: bigint) => timestamp(v * SECOND) }),
  fn('duration', { '(duration) duration': (v: CelDuration) => v, '(string) duration': durationOf, '(int) duration': (v: bigint) => duration(v * SECOND) }),
  accessor('getFullYear', (c) => c.year), accessor('getMonth', (c) => c.month), accessor('getDate', (c) => c.day), accessor('getDayOfMonth', (c) => c.day - 1),
  accessor('getDayOfWeek', (c) => c.weekday), accessor('getDayOfYear', (c) => c.dayOfYear),
  accessor('getHours', (c) => c.hour, (d) => d.nanos / (3600n * SECOND)), accessor('getMinutes', (c) => c.minute, (d) => d.nanos / (60n * SECOND)),
  accessor('getSeconds', (c) => c.second, (d) => d.nanos / SECOND), accessor('getMilliseconds', (c) => c.millisecond, (d) => d.nanos / 1_000_000n),
]
