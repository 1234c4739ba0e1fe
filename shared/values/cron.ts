/** Cron schedules in the grammar of `robfig/cron` v3's standard parser, which upstream's CronJobs use: five fields, or a descriptor. Pure. */
import { parseDuration } from './duration.ts'

/** What a schedule says, each field as the sorted values it matches. `any`: the day field was a star, so the other day field alone decides. */
export type CronSchedule =
  | { readonly every: number }
  | {
    readonly minutes: readonly number[]; readonly hours: readonly number[]; readonly days: readonly number[]; readonly months: readonly number[]; readonly weekdays: readonly number[]
    readonly anyDay: boolean; readonly anyWeekday: boolean
  }

/** Thrown by {@link parseCron}; messages are upstream's. */
export class CronError extends Error {
  override readonly name = 'CronError'
}

interface Bounds { readonly min: number; readonly max: number; readonly names?: readonly string[] }

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const bounds: readonly Bounds[] = [{ min: 0, max: 59 }, { min: 0, max: 23 }, { min: 1, max: 31 }, { min: 1, max: 12, names: monthNames }, { min: 0, max: 6, names: dayNames }]

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
}

/** Reads a schedule; a `TZ=` or `CRON_TZ=` prefix is stepped over (who allows one says so elsewhere). Throws {@link CronError}. */
export function parseCron(text: string): CronSchedule {
  if (text === '') throw new CronError('empty spec string')
  const bare = /^(?:CRON_)?TZ=\S* ?(.*)$/s.exec(text)?.[1]?.trim() ?? text
  if (bare.startsWith('@')) return parseDescriptor(bare)
  const fields = bare.split(/\s+/).filter((f) => f !== '')
  if (fields.length !== 5) throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`)
  const [minutes, hours, days, months, weekdays] = fields.map((f, i) => parseField(f, bounds[i] as Bounds)) as [number[], number[], number[], number[], number[]]
  return { minutes, hours, days, months, weekdays, anyDay: isStar(fields[2]), anyWeekday: isStar(fields[4]) }
}

const isStar = (field: string | undefined): boolean => (field ?? '').split(',').some((part) => /^[*?](\/1)?$/.test(part))

function parseDescriptor(text: string): CronSchedule {
  const same = descriptors[text]
  if (same !== undefined) return parseCron(same)
  const prefix = '@every '
  if (!text.startsWith(prefix)) throw new CronError(`unrecognized descriptor: ${text}`)
  const span = text.slice(prefix.length)
  const every = parseDuration(span)
  if (every === undefined) throw new CronError(`failed to parse duration ${text}: time: invalid duration ${JSON.stringify(span)}`)
  // Less than a second is rounded up to one, fractions are dropped.
  return { every: Math.max(1000, Math.floor(every / 1000) * 1000) }
}

function parseField(field: string, limits: Bounds): number[] {
  const values = new Set<number>()
  for (const part of field.split(',').filter((p) => p !== '')) for (const v of parseRange(part, limits)) values.add(v)
  return [...values].sort((a, b) => a - b)
}

function parseRange(text: string, limits: Bounds): number[] {
  const slashes = text.split('/')
  const ends = (slashes[0] as string).split('-')
  const star = ends[0] === '*' || ends[0] === '?'
  let [start, end] = [limits.min, limits.max]
  if (!star) {
    start = parseValue(ends[0] as string, limits)
    if (ends.length > 2) throw new CronError(`too many hyphens: ${text}`)
    end = ends.length === 2 ? parseValue(ends[1] as string, limits) : start
  }
  if (slashes.length > 2) throw new CronError(`too many slashes: ${text}`)
  const step = slashes.length === 2 ? parseInteger(slashes[1] as string) : 1
  if (slashes.length === 2 && ends.length === 1) end = limits.max
  if (start < limits.min) throw new CronError(`beginning of range (${start}) below minimum (${limits.min}): ${text}`)
  if (end > limits.max) throw new CronError(`end of range (${end}) above maximum (${limits.max}): ${text}`)
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${text}`)
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`)
  const values: number[] = []
  for (let v = start; v <= end; v += step) values.push(v)
  return values
}

function parseValue(text: string, { names, min }: Bounds): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  return named >= 0 ? named + min : parseInteger(text)
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new CronError(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
  const value = Number(text)
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${text}`)
  return value
}

const minute = 60_000
const hour = 3_600_000
/** A schedule that matches nothing in five years (the 30th of February) never will. */
const horizonYears = 5

/** Milliseconds a zone is ahead of UTC at a time. One formatter a zone is kept: they are dear to make. */
export type ZoneOffset = (at: number) => number

/** Throws RangeError for a name that is no zone. */
export function zoneOffset(zone: string): ZoneOffset {
  if (zone === 'UTC' || zone === 'Etc/UTC') return () => 0
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' })
  return (at) => {
    const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
    for (const { type, value } of format.formatToParts(at)) part[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour: h = 0, minute: m = 0, second = 0 } = part
    return Date.UTC(year, month - 1, day, h, m, second) - Math.floor(at / 1000) * 1000
  }
}

/**
 * The first time after `after` (milliseconds) that the schedule matches; undefined where there is none within five years. As `robfig/cron`: an hour
 * that summer time leaves out does not come that day, and one that comes twice counts twice.
 */
export function nextCron(schedule: CronSchedule, after: number, offset: ZoneOffset): number | undefined {
  if ('every' in schedule) return Math.floor(after / 1000) * 1000 + schedule.every
  const { minutes, hours, days, months, weekdays, anyDay, anyWeekday } = schedule
  let at = (Math.floor(after / minute) + 1) * minute
  /** The start of a local day, never back. */
  const dawn = (year: number, month: number, day: number): number => {
    const wall = Date.UTC(year, month, day)
    const guess = wall - offset(at)
    return Math.max(at + minute, wall - offset(guess))
  }
  const limit = new Date(after).getUTCFullYear() + horizonYears
  for (;;) {
    const local = new Date(at + offset(at))
    const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()]
    if (year > limit) return undefined
    if (!months.includes(month + 1)) { at = dawn(year, month + 1, 1); continue }
    const [byDay, byWeekday] = [days.includes(day), weekdays.includes(local.getUTCDay())]
    if (!(anyDay || anyWeekday ? byDay && byWeekday : byDay || byWeekday)) { at = dawn(year, month, day + 1); continue }
    if (!hours.includes(local.getUTCHours())) { at += hour - local.getUTCMinutes() * minute; continue }
    const now = local.getUTCMinutes()
    const next = minutes.find((m) => m >= now)
    if (next === now) return at
    at += ((next ?? 60) - now) * minute
  }
}
