/**
 * Sets of fields. A set is its own FieldsV1 form, the JSON tree that stands in `managedFields`: nothing is parsed to work with one and nothing
 * printed to store it. A node without members of its own is in the set; one with children is where it has the member `.`.
 * Children stand in upstream's order. Sets are never changed: operations give new ones, or an operand where that is the result. Pure.
 */
import { isRecord } from '../../../shared/values/json-value.ts'
import type { FieldType } from './field-type.ts'
import { memberType } from './field-type.ts'
import { canonicalStep, compareSteps, nameOf, stepText } from './path-element.ts'

export interface FieldSet { readonly [step: string]: FieldSet }

/** The node of a field that is in the set and has nothing below; as a whole set, the empty one. */
export const LEAF: FieldSet = Object.freeze({})
export const EMPTY: FieldSet = LEAF

/** Of the top of a set: whether it has nothing in it. Inside a set such a node is a member. */
export const isEmpty = (set: FieldSet): boolean => {
  for (const _ in set) return false
  return true
}
const hasChildren = (node: FieldSet): boolean => {
  for (const step in node) if (step !== '.') return true
  return false
}
/** Whether the node's own path is in the set. */
export const isMember = (node: FieldSet): boolean => node['.'] !== undefined || isEmpty(node)

/** Puts steps in order and gives the node. `self`: the node's own path is in the set too. Undefined where nothing is. */
export function nodeOf(children: Record<string, FieldSet>, self: boolean): FieldSet | undefined {
  const steps = Object.keys(children)
  if (!steps.length) return self ? LEAF : undefined
  let sorted = true
  for (let i = 1; i < steps.length && sorted; i++) sorted = compareSteps(steps[i - 1] as string, steps[i] as string) < 0
  if (sorted && !self) return children
  const out: Record<string, FieldSet> = {}
  if (self) out['.'] = LEAF
  for (const step of sorted ? steps : steps.sort(compareSteps)) out[step] = children[step] as FieldSet
  return out
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a) || a === b) return b
  if (isEmpty(b)) return a
  return joined(a, b, false)
}

function joined(a: FieldSet, b: FieldSet, inner: boolean): FieldSet {
  const children: Record<string, FieldSet> = {}
  for (const step in a) {
    if (step === '.') continue
    const other = b[step]
    children[step] = other ? joined(a[step] as FieldSet, other, true) : a[step] as FieldSet
  }
  for (const step in b) if (step !== '.' && !a[step]) children[step] = b[step] as FieldSet
  return nodeOf(children, inner && (isMember(a) || isMember(b))) ?? LEAF
}

/** What is in `a` and not in `b`. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet => (isEmpty(a) || isEmpty(b) ? a : without(a, b, false) ?? EMPTY)

function without(a: FieldSet, b: FieldSet, inner: boolean): FieldSet | undefined {
  const self = inner && isMember(a) && !isMember(b)
  let same = self === (inner && isMember(a))
  const children: Record<string, FieldSet> = {}
  for (const step in a) {
    if (step === '.') continue
    const node = a[step] as FieldSet
    const other = b[step]
    const left = other ? without(node, other, true) : node
    if (left !== node) same = false
    if (left) children[step] = left
  }
  return same ? a : nodeOf(children, self)
}

/** What is in `a` and whose path, or a path above it, is not in `b`. */
export const recursiveDifference = (a: FieldSet, b: FieldSet): FieldSet => (isEmpty(b) ? a : cut(a, b, false) ?? EMPTY)

function cut(a: FieldSet, b: FieldSet, inner: boolean): FieldSet | undefined {
  const children: Record<string, FieldSet> = {}
  for (const step in a) {
    if (step === '.') continue
    const other = b[step]
    const left = other === undefined ? a[step] as FieldSet : isMember(other) ? undefined : cut(a[step] as FieldSet, other, true)
    if (left) children[step] = left
  }
  return nodeOf(children, inner && isMember(a))
}

export const intersection = (a: FieldSet, b: FieldSet): FieldSet => common(a, b, false) ?? EMPTY

function common(a: FieldSet, b: FieldSet, inner: boolean): FieldSet | undefined {
  const children: Record<string, FieldSet> = {}
  for (const step in a) {
    const other = step === '.' ? undefined : b[step]
    const both = other && common(a[step] as FieldSet, other, true)
    if (both) children[step] = both
  }
  return nodeOf(children, inner && isMember(a) && isMember(b))
}

/** Whether the sets meet in a path. */
export function intersects(a: FieldSet, b: FieldSet, inner = false): boolean {
  if (inner && isMember(a) && isMember(b)) return true
  for (const step in a) {
    const other = step === '.' ? undefined : b[step]
    if (other && intersects(a[step] as FieldSet, other, true)) return true
  }
  return false
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true
  let count = 0
  for (const step in a) {
    const other = b[step]
    if (!other || !equalSets(a[step] as FieldSet, other)) return false
    count++
  }
  for (const _ in b) count--
  return count === 0
}

/** Paths as messages print them, `.spec.replicas`, in the order of the set: members of a node first, then what is below. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  const own: string[] = []
  const below: string[] = []
  for (const step in set) {
    if (step === '.') continue
    const node = set[step] as FieldSet
    const path = prefix + stepText(step)
    if (isMember(node)) own.push(path)
    if (hasChildren(node)) below.push(...pathsOf(node, path))
  }
  return [...own, ...below]
}

/**
 * Fields with a name in the schema count as members where something below them does: to remove all that somebody owned is to remove
 * `spec` too, if nobody else is below it.
 */
export function withNamedFields(set: FieldSet, type: FieldType | undefined, inner = false): FieldSet {
  const children: Record<string, FieldSet> = {}
  for (const step in set) {
    if (step === '.') continue
    const node = set[step] as FieldSet
    const named = type?.form === 'map' && step.startsWith('f:') ? type.field(nameOf(step)) : undefined
    const child = childType(type, step)
    const below = withNamedFields(node, child, true)
    children[step] = named && !isMember(below) ? { '.': LEAF, ...below } : below
  }
  return nodeOf(children, inner && isMember(set)) ?? LEAF
}

function childType(type: FieldType | undefined, step: string): FieldType | undefined {
  if (!type) return undefined
  if (step.startsWith('f:')) return memberType(type, nameOf(step))
  return step.startsWith('k:') ? type.element : undefined
}

/** Not a FieldsV1 document. */
export class FieldsError extends Error {
  override readonly name = 'FieldsError'
}

/** A set from what a client sent, in canonical spelling and order. Throws {@link FieldsError}. */
export function parseFields(value: unknown, inner = false): FieldSet {
  if (!isRecord(value)) throw new FieldsError('a node of fieldsV1 must be an object')
  const children: Record<string, FieldSet> = {}
  const keys = Object.keys(value)
  for (const key of keys) {
    if (key === '.') continue
    const step = canonicalStep(key)
    if (step === undefined) throw new FieldsError(`unable to parse path element ${JSON.stringify(key)}`)
    const node = parseFields(value[key], true)
    children[step] = children[step] ? joined(children[step], node, true) : node
  }
  return nodeOf(children, inner && (!keys.length || Object.hasOwn(value, '.'))) ?? LEAF
}
