/**
 * Laying an applied document over the live object, and taking fields out of one (`structured-merge-diff/typed`: `Merge`, `RemoveItems`).
 * Pure: operands are never changed; results may share parts with them.
 */
import { isRecord, memberOf, setMember } from '../../../shared/values/json-value.ts'
import type { FieldSet } from './field-set.ts'
import { isEmpty, isMember } from './field-set.ts'
import type { FieldType } from './field-type.ts'
import { formOf, memberType } from './field-type.ts'
import { fieldStep, stepTo } from './path-element.ts'

/** What the applied document has wins; lists that are not atomic are joined by their elements. */
export function merge(type: FieldType | undefined, live: unknown, applied: unknown): unknown {
  if (applied === undefined) return live
  if (live === undefined || live === null || applied === null || !type || type.atomic) return applied
  const form = formOf(type, applied)
  if (form === 'map' && isRecord(applied)) return isRecord(live) ? mergeMaps(type, live, applied) : applied
  if (form === 'list' && type.form === 'list' && Array.isArray(applied)) return Array.isArray(live) ? mergeLists(type, live, applied) : applied
  return applied
}

function mergeMaps(type: FieldType, live: Record<string, unknown>, applied: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(live)) setMember(out, key, merge(memberType(type, key), live[key], memberOf(applied, key)))
  for (const key of Object.keys(applied)) if (!Object.hasOwn(live, key)) setMember(out, key, applied[key])
  return out
}

/** Steps of the elements, and the element of each; undefined for one that is there twice. */
function indexed(type: FieldType, list: readonly unknown[]): { steps: string[]; items: Map<string, unknown> } {
  const steps = list.map((item) => stepTo(type, item))
  const items = new Map<string, unknown>()
  steps.forEach((step, i) => items.set(step, items.has(step) ? undefined : list[i]))
  return { steps, items }
}

/**
 * The order is the applied document's for what it names; elements of the live list alone keep their place before the next element that
 * both have.
 */
function mergeLists(type: FieldType, live: readonly unknown[], applied: readonly unknown[]): unknown[] {
  const left = indexed(type, live)
  const right = indexed(type, applied)
  const shared = right.steps.filter((s) => left.items.has(s))
  const out: unknown[] = []
  const merged = new Set<string>()
  let [l, r, next] = [0, 0, 0]
  const takeApplied = (step: string): void => {
    merged.add(step)
    out.push(merge(type.element, left.items.get(step), right.items.get(step)))
    r++
  }
  while (l < left.steps.length || r < right.steps.length) {
    const mine = left.steps[l]
    const theirs = right.steps[r]
    if (mine !== undefined && theirs !== undefined) {
      if (mine === theirs) {
        takeApplied(mine)
        l++
        next++
        continue
      }
      // Both have it, but another of those comes first in the applied order.
      if (right.items.has(mine) && next < shared.length && shared[next] !== mine) { l++; continue }
    }
    if (mine !== undefined) {
      if (!right.items.has(mine)) {
        out.push(live[l++])
        continue
      }
      if (merged.has(mine)) l++
    }
    if (theirs === undefined) {
      // Only live elements that were merged already are left.
      if (mine !== undefined && right.items.has(mine) && !merged.has(mine)) l++
      continue
    }
    takeApplied(theirs)
    if (shared[next] === theirs) next++
  }
  return out
}

/** The value without the fields of the set. An object or list that is left with nothing becomes null, as upstream's does. */
export function removeItems(type: FieldType | undefined, value: unknown, set: FieldSet): unknown {
  if (isEmpty(set) || !type) return value
  const form = formOf(type, value)
  if (form === 'scalar') return value
  // Owned whole: what is named below it goes with it.
  if (type.atomic || (type.form === 'any' && form === 'list')) return null
  if (form === 'list') return Array.isArray(value) ? removeElements(type, value, set) : null
  return isRecord(value) ? removeMembers(type, value, set) : null
}

function removeElements(type: FieldType, list: readonly unknown[], set: FieldSet): unknown[] | null {
  const out: unknown[] = []
  for (const item of list) {
    const node = set[stepTo(type, item)]
    if (!node) out.push(item)
    else if (!isMember(node)) out.push(removeItems(type.element, item, node))
  }
  return out.length ? out : null
}

function removeMembers(type: FieldType, map: Record<string, unknown>, set: FieldSet): Record<string, unknown> | null {
  const out: Record<string, unknown> = {}
  let some = false
  for (const key of Object.keys(map)) {
    const node = set[fieldStep(key)]
    if (node && isMember(node)) continue
    setMember(out, key, node ? removeItems(memberType(type, key), map[key], node) : map[key])
    some = true
  }
  return some ? out : null
}

