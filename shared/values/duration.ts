/** Durations as Go writes them (`1h30m`) and ages as kubectl prints them (`5d3h`). Pure. */

const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, 'μs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a Go duration (`time.ParseDuration`); undefined where it is not one. */
export function parseDuration(text: string): number | undefined {
  if (text === '0' || text === '+0' || text === '-0') return 0
  const m = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text)
  if (!m) return undefined
  let total = 0
  for (const [, amount, unit] of (m[2] as string).matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) total += Number(amount) * (units[unit as string] as number)
  return m[1] === '-' ? -total : total
}

/** Milliseconds as Go's `Duration.String`: `1h30m0s`, `1.5s`, `10ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  const sign = ms < 0 ? '-' : ''
  const abs = Math.abs(ms)
  if (abs < 1e-3) return `${sign}${Math.round(abs * 1e6)}ns`
  if (abs < 1) return `${sign}${trim(abs * 1e3, 3)}µs`
  if (abs < 1000) return `${sign}${trim(abs, 6)}ms`
  const h = Math.floor(abs / 3_600_000)
  const m = Math.floor((abs % 3_600_000) / 60_000)
  const s = trim((abs % 60_000) / 1000, 9)
  return `${sign}${h ? `${h}h` : ''}${h || m ? `${m}m` : ''}${s}s`
}
const trim = (n: number, digits: number): string => String(Number(n.toFixed(digits)))

/** kubectl's age of a span in milliseconds (`k8s.io/apimachinery/pkg/util/duration.HumanDuration`). */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  // Two seconds of clock skew are forgiven.
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  if (hours < 192) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.floor(hours / 24 / 365)
  if (hours < 24 * 365 * 8) return days % 365 === 0 ? `${years}y` : `${years}y${days % 365}d`
  return `${years}y`
}

/** How long ago an RFC 3339 time was, as kubectl's AGE column: `<unknown>` without one. */
export function since(time: string | undefined, now: number): string {
  if (!time) return '<unknown>'
  const at = Date.parse(time)
  return Number.isNaN(at) ? '<unknown>' : humanDuration(now - at)
}
