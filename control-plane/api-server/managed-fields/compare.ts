/** What differs between two states of an object, as sets of fields (`structured-merge-diff/typed.TypedValue.Compare`). Pure. */
import { equalJson, isRecord } from '../../../shared/values/json-value.ts'
import type { FieldSet } from './field-set.ts'
import { EMPTY, isMember, LEAF, nodeOf } from './field-set.ts'
import type { FieldType } from './field-type.ts'
import { formOf, memberType } from './field-type.ts'
import { fieldStep, stepTo } from './path-element.ts'
import type { Reset } from './write.ts'

export interface Comparison {
  /** Added or of another value. */
  readonly changed: FieldSet
  readonly removed: FieldSet
}

/** The two nodes a comparison of one value comes to; one record is reused all the way down, so that equal values cost no allocation. */
interface Found { changed: FieldSet | undefined; removed: FieldSet | undefined }

/**
 * `reset`: fields that are passed over. Elements without their keys make it throw `ElementError`.
 * A member that is absent differs from one that is null.
 */
export function compare(type: FieldType, before: object, after: object, reset?: Reset): Comparison {
  const found: Found = { changed: undefined, removed: undefined }
  const { only } = reset ?? {}
  const pick = (object: object): Record<string, unknown> => (only === undefined ? object as Record<string, unknown> : { [only]: (object as Record<string, unknown>)[only] })
  visitMap(type, pick(before), pick(after), { found, ignored: reset?.fields })
  return { changed: found.changed ?? EMPTY, removed: found.removed ?? EMPTY }
}

function leaf(found: Found, a: unknown, b: unknown): void {
  found.changed = b !== undefined && (a === undefined || !equalJson(a, b)) ? LEAF : undefined
  found.removed = b === undefined ? LEAF : undefined
}

/** Sets `found` for one value; at most one of the two is undefined. */
function visit(type: FieldType | undefined, a: unknown, b: unknown, found: Found, ignored?: FieldSet): void {
  const shown = b === undefined || b === null ? a : b
  const form = type ? formOf(type, shown) : 'scalar'
  if (!type || form === 'scalar' || type.atomic || (type.form === 'any' && form === 'list')) return leaf(found, a, b)
  const added = a === undefined
  const gone = b === undefined
  if (form === 'list') {
    const [left, right] = [Array.isArray(a) ? a as unknown[] : [], Array.isArray(b) ? b as unknown[] : []]
    if (!left.length && !right.length) return leaf(found, a, b)
    visitList(type, left, right, found)
  } else {
    const [left, right] = [isRecord(a) ? a : undefined, isRecord(b) ? b : undefined]
    if (isBare(left) && isBare(right)) return leaf(found, a, b)
    visitMap(type, left ?? {}, right ?? {}, { found, ignored })
  }
  if (added) found.changed = withSelf(found.changed)
  else if (gone) found.removed = withSelf(found.removed)
}

const isBare = (map: Record<string, unknown> | undefined): boolean => {
  for (const _ in map) return false
  return true
}
const withSelf = (node: FieldSet | undefined): FieldSet => (node === undefined || node === LEAF ? LEAF : { '.': LEAF, ...node })

function visitMap(type: FieldType, a: Record<string, unknown>, b: Record<string, unknown>, { found, ignored }: { found: Found; ignored: FieldSet | undefined }): void {
  let changed: Record<string, FieldSet> | undefined
  let removed: Record<string, FieldSet> | undefined
  const collect = (key: string, left: unknown, right: unknown): void => {
    const passed = ignored?.[fieldStep(key)]
    if (passed && isMember(passed)) return
    visit(memberType(type, key), left, right, found, passed)
    if (found.changed) (changed ??= {})[fieldStep(key)] = found.changed
    if (found.removed) (removed ??= {})[fieldStep(key)] = found.removed
  }
  for (const key of Object.keys(b)) {
    const right = b[key]
    const left = Object.hasOwn(a, key) ? a[key] : undefined
    if (right === undefined || left === right) continue
    collect(key, left, right)
  }
  for (const key of Object.keys(a)) {
    const left = a[key]
    if (left !== undefined && (!Object.hasOwn(b, key) || b[key] === undefined)) collect(key, left, undefined)
  }
  found.changed = changed && nodeOf(changed, false)
  found.removed = removed && nodeOf(removed, false)
}

function grouped(type: FieldType, list: readonly unknown[]): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>()
  for (const item of list) {
    const step = stepTo(type, item)
    const group = groups.get(step)
    if (group) group.push(item)
    else groups.set(step, [item])
  }
  return groups
}

const none: readonly unknown[] = []

/** Elements that are there twice are compared together, as one field. */
function visitList(type: FieldType, a: readonly unknown[], b: readonly unknown[], found: Found): void {
  const [before, after] = [grouped(type, a), grouped(type, b)]
  const changed: Record<string, FieldSet> = {}
  const removed: Record<string, FieldSet> = {}
  const collect = (step: string, left: unknown, right: unknown): void => {
    visit(type.element, left, right, found)
    if (found.changed) changed[step] = found.changed
    if (found.removed) removed[step] = found.removed
  }
  const pair = (step: string): void => {
    const [left, right] = [before.get(step) ?? none, after.get(step) ?? none]
    if (left.length <= 1 && right.length <= 1) return collect(step, left[0], right[0])
    if (left.length > 1 && right.length > 1) {
      if (!equalJson(left, right)) changed[step] = LEAF
    } else if (left.length > 1) {
      if (right.length) collect(step, undefined, right[0])
      removed[step] = LEAF
    } else {
      if (left.length) collect(step, left[0], undefined)
      changed[step] = LEAF
    }
  }
  for (const step of after.keys()) pair(step)
  for (const step of before.keys()) if (!after.has(step)) pair(step)
  found.changed = nodeOf(changed, false)
  found.removed = nodeOf(removed, false)
}
