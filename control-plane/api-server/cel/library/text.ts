/** Text functions of upstream's environment: cel-go's string extension (version 2), and finding with regular expressions. Pure. */
import type { FunctionEntry } from '../function-table.ts'
import { fn } from '../function-table.ts'
import { patternOf } from '../pattern.ts'
import { CelError, CelList } from '../values.ts'
import { formatText } from './format-text.ts'

/** Positions count code points; text without any beyond the first plane needs no copy. */
const runes = (text: string): string[] => Array.from(text)
const low = (c: string): string => c.toLowerCase()

function position(index: bigint, length: number): number {
  if (index < 0n || index > BigInt(length)) throw new CelError(`index out of range: ${index}`)
  return Number(index)
}

function charAt(text: string, index: bigint): string {
  const chars = runes(text)
  return chars[position(index, chars.length)] ?? ''
}

function indexOf(text: string, part: string, from = 0n): bigint {
  const chars = runes(text)
  const start = position(from, chars.length)
  if (part === '') return BigInt(start)
  const at = text.indexOf(part, chars.slice(0, start).join('').length)
  return at < 0 ? -1n : BigInt(runes(text.slice(0, at)).length)
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const chars = runes(text)
  const start = from === undefined ? chars.length : position(from, chars.length)
  if (part === '') return BigInt(start)
  const at = text.lastIndexOf(part, chars.slice(0, start).join('').length)
  return at < 0 ? -1n : BigInt(runes(text.slice(0, at)).length)
}

function substring(text: string, from: bigint, to?: bigint): string {
  const chars = runes(text)
  const start = position(from, chars.length)
  const end = to === undefined ? chars.length : position(to, chars.length)
  if (start > end) throw new CelError(`invalid substring range. start: ${from}, end: ${to}`)
  return chars.slice(start, end).join('')
}

/** Like Go's `strings.Replace`: an empty `from` matches between characters; a negative `limit` is none. */
function replace(text: string, from: string, to: string, limit = -1n): string {
  if (limit === 0n) return text
  const most = limit < 0n ? Infinity : Number(limit)
  if (from === '') {
    const chars = runes(text)
    const parts = chars.map((c, i) => (i < most ? to + c : c))
    return parts.join('') + (chars.length < most ? to : '')
  }
  const parts = text.split(from)
  if (parts.length - 1 <= most) return parts.join(to)
  return parts.slice(0, most + 1).join(to) + from + parts.slice(most + 1).join(from)
}

function split(text: string, separator: string, limit = -1n): CelList {
  if (limit === 0n) return CelList.of([])
  const parts = separator === '' ? runes(text) : text.split(separator)
  const most = limit < 0n ? parts.length : Number(limit)
  return CelList.of(parts.length <= most ? parts : [...parts.slice(0, most - 1), parts.slice(most - 1).join(separator)])
}

function join(list: CelList, separator = ''): string {
  return list.toArray().map((v) => {
    if (typeof v !== 'string') throw new CelError('no such overload')
    return v
  }).join(separator)
}

const quoted: Readonly<Record<string, string>> = { '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\', '"': '\\"' }
const quote = (text: string): string => `"${text.toWellFormed().replaceAll(/[\x07\b\f\n\r\t\v\\"]/g, (c) => quoted[c] ?? c)}"` // eslint-disable-line no-control-regex -- what is escaped are control characters

/** White space as Go's `unicode.IsSpace` has it, which is not JavaScript's (U+FEFF). */
const space = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const trimmed = new RegExp(`^${space}|${space}$`, 'g')

function findAll(text: string, pattern: string, limit = -1n): CelList {
  const found: string[] = []
  const matcher = patternOf(pattern).matcher(text)
  while ((limit < 0n || BigInt(found.length) < limit) && matcher.find()) found.push(matcher.group() ?? '')
  return CelList.of(found)
}

function find(text: string, pattern: string): string {
  const matcher = patternOf(pattern).matcher(text)
  return matcher.find() ? matcher.group() ?? '' : ''
}

export const text: readonly FunctionEntry[] = [
  fn('charAt', { 'string.(int) string': charAt }),
  fn('indexOf', { 'string.(string) int': indexOf, 'string.(string, int) int': indexOf }, 'elements'),
  fn('lastIndexOf', { 'string.(string) int': lastIndexOf, 'string.(string, int) int': lastIndexOf }, 'elements'),
  fn('lowerAscii', { 'string.() string': (v: string) => v.replaceAll(/[A-Z]/g, low) }, 'sameSize'),
  fn('upperAscii', { 'string.() string': (v: string) => v.replaceAll(/[a-z]/g, (c) => c.toUpperCase()) }, 'sameSize'),
  fn('replace', { 'string.(string, string) string': replace, 'string.(string, string, int) string': replace }, 'replace'),
  fn('split', { 'string.(string) list(string)': split, 'string.(string, int) list(string)': split }, 'split'),
  fn('join', { 'list(string).() string': join, 'list(string).(string) string': join }, 'join'),
  fn('substring', { 'string.(int) string': substring, 'string.(int, int) string': substring }, 'sameSize'),
  fn('trim', { 'string.() string': (v: string) => v.replaceAll(trimmed, '') }, 'sameSize'),
  fn('format', { 'string.(list(dyn)) string': formatText }),
  fn('strings.quote', { '(string) string': quote }, 'quote'),
  fn('find', { 'string.(string) string': find }, 'find'),
  fn('findAll', { 'string.(string) list(string)': findAll, 'string.(string, int) list(string)': findAll }, 'find'),
]
