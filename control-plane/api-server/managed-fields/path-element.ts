/**
 * Steps of a path as FieldsV1 writes them: `f:name` a field, `k:{"name":"x"}` an element by its keys, `v:"x"` an element of a set, `i:0` by
 * its place. Their order is upstream's (`structured-merge-diff/fieldpath.PathElement.Compare`). Pure.
 */
import { isRecord } from '../../../shared/values/json-value.ts'
import type { FieldType } from './field-type.ts'

/** An element of a list that has no such step: what upstream's error says. */
export class ElementError extends Error {
  override readonly name = 'ElementError'
}

export const fieldStep = (name: string): string => `f:${name}`
/** The name a step of the form `f:` has. */
export const nameOf = (step: string): string => step.slice(2)

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function keyStep(list: FieldType, item: unknown): string {
  if (item === null || item === undefined) throw new ElementError('associative list with keys may not have a null element')
  if (!isRecord(item)) throw new ElementError('associative list with keys may not have non-map elements')
  // One key is the rule.
  const keys = list.keys.length === 1 ? list.keys : list.keys.toSorted(byName)
  let text = 'k:{'
  for (const key of keys) {
    const value = Object.hasOwn(item, key) && item[key] !== undefined ? item[key] : list.element?.defaultOf(key)
    if (value === undefined) throw new ElementError(`associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`)
    if (text.length > 3) text += ','
    text += `${JSON.stringify(key)}:${JSON.stringify(value)}`
  }
  return `${text}}`
}

function valueStep(item: unknown): string {
  if (item === null || item === undefined) throw new ElementError("associative list without keys has an element that's an explicit null")
  if (Array.isArray(item)) throw new ElementError("associative list without keys has an element that's a list type")
  if (isRecord(item)) throw new ElementError("associative list without keys has an element that's a map type")
  return `v:${JSON.stringify(item)}`
}

/** The step to an element of a list that is not atomic. Throws {@link ElementError}. */
export const stepTo = (list: FieldType, item: unknown): string => (list.keys.length ? keyStep(list, item) : valueStep(item))

/** Numbers before strings, booleans, lists, objects and null. */
const rank = (v: unknown): number => (typeof v === 'number' ? 0 : typeof v === 'string' ? 1 : typeof v === 'boolean' ? 2 : Array.isArray(v) ? 3 : v === null ? 5 : 4)

function compareValues(a: unknown, b: unknown): number {
  const [ra, rb] = [rank(a), rank(b)]
  if (ra !== rb) return ra - rb
  if (ra <= 2) return (a as string) < (b as string) ? -1 : (a as string) > (b as string) ? 1 : 0
  if (ra === 3) return compareLists(a as unknown[], b as unknown[], compareValues)
  return ra === 4 ? compareMaps(a as object, b as object) : 0
}
function compareLists<T>(a: readonly T[], b: readonly T[], compare: (x: T, y: T) => number): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const c = compare(a[i] as T, b[i] as T)
    if (c) return c
  }
  return a.length - b.length
}
const compareMaps = (a: object, b: object): number =>
  compareLists(entriesOf(a), entriesOf(b), ([k, v], [l, w]) => byName(k, l) || compareValues(v, w))
const entriesOf = (o: object): [string, unknown][] => Object.entries(o).sort(([a], [b]) => byName(a, b))

const kinds = 'fkvi'

export function compareSteps(a: string, b: string): number {
  if (a === b) return 0
  const kind = kinds.indexOf(a.charAt(0)) - kinds.indexOf(b.charAt(0))
  if (kind) return kind
  if (a.charCodeAt(0) === 0x66) return a < b ? -1 : 1
  return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)))
}

/** The step in its one spelling; undefined for what is no step. */
export function canonicalStep(step: string): string | undefined {
  const rest = step.slice(2)
  if (step.charAt(1) !== ':') return undefined
  if (step.startsWith('f')) return step
  let value: unknown
  try {
    value = JSON.parse(rest)
  } catch {
    return undefined // not a step; the caller says so
  }
  switch (step.charAt(0)) {
    case 'v': return `v:${JSON.stringify(value)}`
    case 'i': return Number.isInteger(value) ? `i:${String(value)}` : undefined
    case 'k': return isRecord(value) ? `k:${JSON.stringify(Object.fromEntries(entriesOf(value)))}` : undefined
    default: return undefined
  }
}

const shown = (value: unknown): string => JSON.stringify(value)

/** As messages print it: `.spec`, `[name="x"]`, `[="x"]`, `[0]`. */
export function stepText(step: string): string {
  const rest = step.slice(2)
  switch (step.charAt(0)) {
    case 'f': return `.${rest}`
    case 'k': return `[${Object.entries(JSON.parse(rest) as object).map(([k, v]) => `${k}=${shown(v)}`).join(',')}]`
    case 'v': return `[=${shown(JSON.parse(rest))}]`
    default: return `[${rest}]`
  }
}
