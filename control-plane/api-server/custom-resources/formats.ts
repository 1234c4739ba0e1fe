/** String formats that schemas of custom resources are checked against (`k8s.io/kube-openapi/pkg/validation/strfmt`); others are not checked, as upstream. Pure. */
import { isIP, isIPv4, isIPv6 } from 'node:net'

const uuid = (version: string) => new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i')
const patterns: Readonly<Record<string, RegExp>> = {
  bsonobjectid: /^[0-9a-fA-F]{24}$/, creditcard: /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/,
  email: /^[^\s@<>"]+@[^\s@<>"]+$/, hexcolor: /^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/, hostname: /^(?=.{1,253}$)[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?(?:\.[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?)*\.?$/,
  isbn10: /^(?:\d[- ]?){9}[\dX]$/, isbn13: /^97[89][- ]?(?:\d[- ]?){9}\d$/, mac: /^(?:[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4})$/,
  rgbcolor: /^rgb\(\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$/,
  ssn: /^\d{3}[- ]?\d{2}[- ]?\d{4}$/, uuid: uuid('[0-9a-f]'), uuid3: uuid('3'), uuid4: uuid('4'), uuid5: uuid('5'),
  byte: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
}

const goDuration = /^[+-]?(?:0|(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*)$/
const longDuration = /^\s*\d+(?:\.\d+)?\s*(?:nanos?|ns|micros?|us|µs|millis?|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)\s*$/i

const isDate = (text: string): boolean => {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  return !Number.isNaN(at) && text.endsWith(String(Number(text.slice(8))).padStart(2, '0')) && Number(text.slice(8)) <= daysOf(Number(text.slice(0, 4)), Number(text.slice(5, 7)))
}
const daysOf = (year: number, month: number): number => (month === 2 ? (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)

const isDateTime = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)?$/.test(text) && isDate(text.slice(0, 10)) && Number(text.slice(11, 13)) < 24 && Number(text.slice(14, 16)) < 60 && Number(text.slice(17, 19)) < 61

function isCidr(text: string): boolean {
  const slash = text.lastIndexOf('/')
  const [address, bits] = [text.slice(0, slash), text.slice(slash + 1)]
  const kind = slash < 0 ? 0 : isIP(address)
  return kind !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (kind === 4 ? 32 : 128)
}

const isUri = (text: string): boolean => (text.startsWith('/') ? !/\s/.test(text) : URL.canParse(text))

/** `k8s-short-name` and `k8s-long-name`: DNS-1123 label and subdomain. */
const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const shortName = new RegExp(`^${label}$`)
const longName = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`)

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  ipv4: isIPv4, ipv6: isIPv6, cidr: isCidr, uri: isUri, date: isDate, 'date-time': isDateTime, datetime: isDateTime,
  duration: (text) => goDuration.test(text) || longDuration.test(text),
  isbn: (text) => (patterns.isbn10 as RegExp).test(text) || (patterns.isbn13 as RegExp).test(text),
  'k8s-short-name': (text) => shortName.test(text), 'k8s-long-name': (text) => longName.test(text),
}

/** True for a format nobody knows. */
export function hasFormat(text: string, format: string): boolean {
  const name = format === 'date-time' ? format : format.replaceAll('-', '').toLowerCase()
  const check = checks[format] ?? checks[name]
  return check ? check(text) : (patterns[name]?.test(text) ?? true)
}
