/** `'%s is %d'.format([...])` of cel-go's string extension. Pure. */
import { formatSeconds, formatTimestamp } from '../time.ts'
import type { Value } from '../values.ts'
import { CelDuration, CelError, CelList, CelMap, CelTimestamp, CelTypeValue, CelUint, typeNameOf } from '../values.ts'
import { formatDouble } from './conversions.ts'

const MAX_PRECISION = 1000

/** A value inside `%s`: text in a list or map is quoted there. */
function shown(v: Value): string {
  if (typeof v === 'string') return v
  if (v === null) return 'null'
  if (typeof v === 'number') return formatDouble(v)
  if (v instanceof CelUint) return String(v.value)
  if (v instanceof Uint8Array) return new TextDecoder().decode(v)
  if (v instanceof CelTimestamp) return formatTimestamp(v.nanos)
  if (v instanceof CelDuration) return formatSeconds(v.nanos)
  if (v instanceof CelTypeValue) return v.name
  if (v instanceof CelList) return `[${v.toArray().map(shown).join(', ')}]`
  if (v instanceof CelMap) return `{${v.keys().map((k) => [shown(k), shown(v.get(k) ?? null)] as const).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, value]) => `${k}: ${value}`).join(', ')}}`
  if (typeof v === 'object') throw new CelError(`error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeNameOf(v)}`)
  return String(v)
}

const only = (clause: string, on: string, v: Value): CelError => new CelError(`error during formatting: ${clause} clause can only be used on ${on}, was given ${typeNameOf(v)}`)

function integral(clause: string, v: Value): bigint {
  if (typeof v === 'bigint') return v
  if (v instanceof CelUint) return v.value
  throw only(clause, 'integers', v)
}

function special(v: number): string | undefined { return Number.isNaN(v) ? 'NaN' : Number.isFinite(v) ? undefined : v > 0 ? '+Inf' : '-Inf' }

/** toFixed and toExponential take no more than 100 digits; what a double has beyond is zeros. */
function floating(clause: string, v: Value, precision: number, exponential: boolean): string {
  const n = typeof v === 'number' ? v : typeof v === 'bigint' ? Number(v) : v instanceof CelUint ? Number(v.value) : undefined
  if (n === undefined) throw only(clause, 'doubles', v)
  const digits = Math.min(precision, 100)
  const zeros = '0'.repeat(precision - digits)
  if (!exponential) return special(n) ?? (Math.abs(n) < 1e21 ? n.toFixed(digits) + zeros : `${BigInt(n)}${precision ? `.${'0'.repeat(precision)}` : ''}`)
  return special(n) ?? n.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2').replace('e', `${zeros}e`)
}

function hex(v: Value): string {
  if (typeof v === 'string') return Buffer.from(v).toString('hex')
  if (v instanceof Uint8Array) return Buffer.from(v).toString('hex')
  if (typeof v === 'bigint' || v instanceof CelUint) return integral('hex', v).toString(16)
  throw only('hex', 'integers, byte buffers, and strings', v)
}

function clause(verb: string, v: Value, precision: number): string {
  switch (verb) {
    case 's': return shown(v)
    case 'd': return typeof v === 'number' && special(v) !== undefined ? special(v) as string : integral('decimal', v).toString()
    case 'f': return floating('fixed-point', v, precision, false)
    case 'e': return floating('scientific', v, precision, true)
    case 'b': return typeof v === 'boolean' ? (v ? '1' : '0') : integral('binary', v).toString(2)
    case 'o': return integral('octal', v).toString(8)
    case 'x': return hex(v)
    case 'X': return hex(v).toUpperCase()
    default: throw new CelError(`error during formatting: could not parse formatting clause: unrecognized formatting clause "${verb}"`)
  }
}

export function formatText(template: string, args: CelList): string {
  let next = 0
  return template.replaceAll(/%(?:%|(?:\.(\d*))?([\s\S])|$)/g, (whole, digits: string | undefined, verb: string | undefined) => {
    if (whole === '%%') return '%'
    if (verb === undefined) throw new CelError('error during formatting: unexpected end of string')
    const precision = digits === undefined ? 6 : Number(digits)
    if (precision > MAX_PRECISION) throw new CelError(`error during formatting: precision ${precision} exceeds ${MAX_PRECISION}`)
    if (next >= args.size) throw new CelError(`error during formatting: index ${next} out of range`)
    return clause(verb, args.at(next++), precision)
  })
}
