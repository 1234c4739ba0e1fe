/** Timestamps and durations in nanoseconds, as Go reads and prints them. Pure. */

export const SECOND = 1_000_000_000n
const units: Readonly<Record<string, bigint>> = { ns: 1n, us: 1000n, 'µs': 1000n, 'μs': 1000n, ms: 1_000_000n, s: SECOND, m: 60n * SECOND, h: 3600n * SECOND }
const MAX_NANOS = 2n ** 63n - 1n

/** `time.ParseDuration`: `1h30m`, `-1.5s`. Undefined for anything else, and for more than 292 years. */
export function parseNanos(text: string): bigint | undefined {
  if (text.length > 200) return undefined
  const m = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text)
  if (!m) return undefined
  let total = 0n
  for (const [, whole = '', fraction = '', unit = ''] of (m[2] as string).matchAll(/(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g)) {
    const size = units[unit] ?? 1n
    total += BigInt(whole || '0') * size
    if (fraction) total += (BigInt(fraction) * size) / 10n ** BigInt(fraction.length)
  }
  if (total > MAX_NANOS) return undefined
  return m[1] === '-' ? -total : total
}

/** CEL's text of a duration: seconds, with a fraction where there is one (`5400s`, `0.5s`). */
export function formatSeconds(nanos: bigint): string {
  const abs = nanos < 0n ? -nanos : nanos
  const fraction = (abs % SECOND).toString().padStart(9, '0').replace(/0+$/, '')
  return `${nanos < 0n ? '-' : ''}${abs / SECOND}${fraction ? `.${fraction}` : ''}s`
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, in seconds. */
export const MIN_SECONDS = -62_135_596_800n
export const MAX_SECONDS = 253_402_300_799n

/** RFC 3339, nanoseconds since 1970; undefined for anything else. */
export function parseTimestamp(text: string): bigint | undefined {
  const m = rfc3339.exec(text)
  if (!m) return undefined
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return undefined
  const offset = m[8] ? (m[8] === '-' ? -1 : 1) * (Number(m[9]) * 3600 + Number(m[10]) * 60) : 0
  const seconds = BigInt(date.getTime() / 1000 + hour * 3600 + minute * 60 + second - offset)
  return seconds * SECOND + BigInt((m[7] ?? '').padEnd(9, '0'))
}

const floorSeconds = (nanos: bigint): bigint => (nanos - (((nanos % SECOND) + SECOND) % SECOND)) / SECOND

/** RFC 3339 in UTC, with as much of a fraction as there is. */
export function formatTimestamp(nanos: bigint): string {
  const seconds = floorSeconds(nanos)
  const fraction = (nanos - seconds * SECOND).toString().padStart(9, '0').replace(/0+$/, '')
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fraction ? `.${fraction}` : ''}Z`
}

export interface Calendar { readonly year: number; /** 0 to 11. */ readonly month: number; readonly day: number; /** 0 is Sunday. */ readonly weekday: number; readonly dayOfYear: number; readonly hour: number; readonly minute: number; readonly second: number; readonly millisecond: number }

function offsetMillis(millis: number, zone: string): number | undefined {
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone)
  if (fixed) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * 60_000
  if (zone === '' || zone === 'UTC') return 0
  try {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(millis)
    const of = (type: string): number => Number(parts.find((p) => p.type === type)?.value)
    return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')) - Math.floor(millis / 1000) * 1000
  } catch {
    return undefined // no such zone: the caller says so
  }
}

/** The calendar of a place, `Europe/Berlin` or `+02:00`; undefined for a zone that is unknown. */
export function calendarOf(nanos: bigint, zone = 'UTC'): Calendar | undefined {
  const seconds = floorSeconds(nanos)
  const millis = Number(seconds) * 1000
  const offset = offsetMillis(millis, zone)
  if (offset === undefined) return undefined
  const d = new Date(millis + offset)
  const start = new Date(0)
  start.setUTCFullYear(d.getUTCFullYear(), 0, 1)
  return {
    year: d.getUTCFullYear(), month: d.getUTCMonth(), day: d.getUTCDate(), weekday: d.getUTCDay(), hour: d.getUTCHours(), minute: d.getUTCMinutes(), second: d.getUTCSeconds(),
    dayOfYear: Math.floor((d.getTime() - start.getTime()) / 86_400_000), millisecond: Number((nanos - seconds * SECOND) / 1_000_000n),
  }
}
