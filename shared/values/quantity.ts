/**
 * `resource.Quantity` of `k8s.io/apimachinery/pkg/api/resource`: exact, printed in upstream's canonical form.
 *
 * A value is kept as an integer count of nano units (upstream rounds anything finer up, away from zero), so sums and
 * comparisons are exact; the suffix family is kept for printing.
 */

/** The suffix family a quantity is printed in. */
export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent'

export interface Quantity {
  /** The value times 10^9. */
  readonly nano: bigint
  readonly format: QuantityFormat
}

export const quantityPattern = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

/** Thrown by {@link parseQuantity}; messages are upstream's. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError'
}
const badFormat = (): QuantityError => new QuantityError(`quantities must match the regular expression ${quantityPattern}`)
const badSuffix = (): QuantityError => new QuantityError("unable to parse quantity's suffix")

const nanoPerUnit = 1_000_000_000n
const decimalExponents: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const binaryShifts: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 }
/** 2^63-1 units: larger values of the binary family are capped, as upstream does. */
const maxNano = 9_223_372_036_854_775_807n * nanoPerUnit

const shape = /^([+-]?)(\d*)(?:\.(\d*))?([a-zA-Z]*)([+-]?\d*)$/

/** Reads a quantity. Throws {@link QuantityError}. */
export function parseQuantity(text: string): Quantity {
  if (text === '') throw badFormat()
  const m = shape.exec(text)
  if (!m) throw badFormat()
  const [, sign, whole = '', fraction = '', letters = '', exponent = ''] = m
  if (whole === '' && fraction === '') throw badFormat()
  const { shift, power, format } = suffixOf(letters, exponent)
  let numerator = BigInt(whole + fraction) << BigInt(shift)
  let scale = power + 9 - fraction.length
  // 10^scale of anything non-zero beyond this is over the cap, or under one nano: no need to build the number.
  if (scale > 400) scale = 400
  let nano: bigint
  if (scale >= 0) nano = numerator * 10n ** BigInt(scale)
  else if (scale < -100_000) nano = numerator === 0n ? 0n : 1n
  else {
    const divisor = 10n ** BigInt(-scale)
    nano = (numerator + divisor - 1n) / divisor
  }
  if (format === 'BinarySI' && nano > maxNano) nano = maxNano
  // The binary family has no way to write a fraction, and upstream prints small values as decimals.
  const finest = format === 'BinarySI' && nano < 1024n * nanoPerUnit && nano % nanoPerUnit !== 0n ? 'DecimalSI' : format
  return { nano: sign === '-' ? -nano : nano, format: finest }
}

function suffixOf(letters: string, exponent: string): { shift: number; power: number; format: QuantityFormat } {
  if ((letters === 'e' || letters === 'E') && exponent !== '') {
    const power = Number(exponent)
    if (!Number.isInteger(power)) throw badSuffix()
    return { shift: 0, power, format: 'DecimalExponent' }
  }
  if (exponent !== '') throw letters === '' ? badFormat() : badSuffix()
  const shift = binaryShifts[letters]
  if (shift !== undefined) return { shift, power: 0, format: 'BinarySI' }
  const power = decimalExponents[letters]
  if (power === undefined) throw /^[eEinumkKMGTP]*$/.test(letters) ? badSuffix() : badFormat()
  return { shift: 0, power, format: 'DecimalSI' }
}

const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

/** The canonical form: no fraction, the largest suffix that keeps the value exact. */
export function formatQuantity(q: Quantity): string {
  if (q.nano === 0n) return '0'
  const sign = q.nano < 0n ? '-' : ''
  let n = q.nano < 0n ? -q.nano : q.nano
  if (q.format === 'BinarySI' && n % nanoPerUnit === 0n && n >= 1024n * nanoPerUnit) {
    n /= nanoPerUnit
    let i = 0
    while (i < binarySuffixes.length - 1 && n % 1024n === 0n) { n /= 1024n; i++ }
    return `${sign}${n}${binarySuffixes[i]}`
  }
  let i = 0
  while (i < decimalSuffixes.length - 1 && n % 1000n === 0n) { n /= 1000n; i++ }
  if (q.format !== 'DecimalExponent') return `${sign}${n}${decimalSuffixes[i]}`
  const power = i * 3 - 9
  return `${sign}${n}${power === 0 ? '' : `e${power}`}`
}

/**
 * The text upstream answers with for a quantity given as text or as a JSON number: the canonical form, except that upstream keeps a
 * text its fast path takes for canonical (`1.500`, `+5`, `12E6`). Throws {@link QuantityError}.
 */
export function canonicalQuantity(value: string | number): string {
  const text = typeof value === 'number' ? String(value) : value.trim()
  const m = kept.exec(text)
  if (m && isKept(m[1] as string, m[2] ?? '', m[3] ?? '')) return text
  return formatQuantity(parseQuantity(text))
}
const kept = /^[+-]?0*(\d{1,15})(?:\.(\d{0,9}))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,3})?$/

/** Upstream's test on its fast path; `whole` is without leading zeros. */
function isKept(whole: string, fraction: string, suffix: string): boolean {
  const digits = whole + fraction
  if (digits.length > 18) return false
  const shift = binaryShifts[suffix]
  if (shift !== undefined) return fraction === '' && whole.length + Math.trunc((shift * 3) / 10) + 1 <= 15 && Number(whole) % 8 !== 0
  const power = decimalExponents[suffix] ?? Number(suffix.slice(1))
  const scale = power - fraction.length
  return scale >= -9 && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0')
}

/** Below zero, zero, above zero as a is smaller, equal, larger. */
export const compareQuantity = (a: Quantity, b: Quantity): number => (a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0)
/** The sum, printed in the family of `a` (of `b` where `a` is zero). */
export const addQuantity = (a: Quantity, b: Quantity): Quantity => ({ nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format })
/** The difference `a - b`, printed in the family of `a` (of `b` where `a` is zero). */
export const subtractQuantity = (a: Quantity, b: Quantity): Quantity => ({ nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format })

const ceil = (nano: bigint, unit: bigint): bigint => (nano > 0n ? (nano + unit - 1n) / unit : nano / unit)
/** The value in whole units, rounded up. */
export const quantityValue = (q: Quantity): number => Number(ceil(q.nano, nanoPerUnit))
/** The value in thousandths, rounded up: millicores of a CPU quantity. */
export const quantityMilli = (q: Quantity): number => Number(ceil(q.nano, 1_000_000n))
/** Rounded up to whole thousandths, as upstream does with every resource amount (`SetDefaults_ResourceList`). */
export const roundUpToMilli = (q: Quantity): Quantity => (q.nano % 1_000_000n === 0n ? q : { nano: ceil(q.nano, 1_000_000n) * 1_000_000n, format: q.format })
export const zeroQuantity: Quantity = { nano: 0n, format: 'DecimalSI' }
