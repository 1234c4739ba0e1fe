/**
 * What a call costs: when it runs, by the sizes of its arguments, and before, by the most they may have. The numbers are upstream's
 * (`cel-go/interpreter/runtimecost.go`, `cel-go/checker/cost.go`, `k8s.io/apiserver/pkg/cel/library/cost.go`): rules that compile there must compile
 * here. Where an estimate looks at another argument than the charge does, so does upstream's. Pure.
 */
import { costOfMatching } from './pattern.ts'
import type { Value } from './values.ts'
import { CelList, CelMap, sizeOf } from './values.ts'

/** Bounds; `max` is Infinity where nothing bounds it. Of sizes and of costs. */
export interface Range { readonly min: number; readonly max: number }

export const fixed = (n: number): Range => ({ min: n, max: n })
export const UNKNOWN: Range = { min: 0, max: Infinity }
export const add = (a: Range, b: Range): Range => ({ min: a.min + b.min, max: a.max + b.max })
/** Nothing times infinity is nothing. */
const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b)
export const multiply = (a: Range, b: Range): Range => ({ min: times(a.min, b.min), max: times(a.max, b.max) })
export const scale = (a: Range, factor: number): Range => ({ min: Math.ceil(a.min * factor), max: Math.ceil(a.max * factor) })
export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) })

/** Reading one character. */
const TRAVERSAL = 0.1
const REGEX = 0.25

const traverse = (v: Value | undefined, factor = TRAVERSAL): number => (v === undefined ? 0 : Math.ceil(sizeOf(v) * factor))

/** An argument, for the estimate. */
export interface Sizes {
  /** UNKNOWN where nothing is known. */
  readonly size: Range
  /** Of a list's elements where they are text or bytes; undefined for what is no list. */
  readonly elements: { readonly text: boolean; readonly size: Range } | undefined
}
export interface CallSizes { readonly target: Sizes | undefined; readonly args: readonly Sizes[] }
export interface Estimate { readonly cost: Range; readonly result?: Range }

interface Rule {
  /** Charged before the call, so that what costs too much is not begun. */
  charge(args: readonly Value[]): number
  /** Charged when the result is known, in the place of `charge`. */
  after?(result: Value): number
  estimate?(call: CallSizes): Estimate | undefined
}

const ONE: Estimate = { cost: fixed(1) }
const one: Rule = { charge: () => 1 }

/** Everything in a value, read once. */
function deep(v: Value): number {
  if (typeof v === 'string' || v instanceof Uint8Array) return Math.trunc(v.length * TRAVERSAL)
  if (v instanceof CelList) return v.toArray().reduce<number>((sum, e) => sum + deep(e), 0)
  if (v instanceof CelMap) return v.keys().reduce<number>((sum, key) => sum + deep(key) + deep(v.get(key) ?? null), 0)
  return 1
}

const sized = (sizes: Sizes | undefined, factor: number): Estimate | undefined => sizes && { cost: scale(sizes.size, factor) }
const smaller = ([a, b]: readonly Value[]): number => Math.ceil(Math.min(sizeOf(a ?? null), sizeOf(b ?? null)) * TRAVERSAL)

function replaceSize(sz: Range, from: Range, to: Range): Range {
  let max: number
  if (from.min === 0) max = times(sz.max + 1, to.max) + sz.max
  else max = to.max <= from.min ? sz.max : times(Math.ceil(sz.max / from.min), to.max)
  let min: number
  if (from.max === 0) min = times(sz.min + 1, to.min) + sz.min
  else min = from.max <= to.min ? sz.min : times(Math.ceil(sz.min / from.max), to.min)
  return { min, max }
}

function joinSize({ target, args }: CallSizes): Range {
  if (!target) return UNKNOWN
  const items = target.elements ? multiply(target.size, target.elements.size) : fixed(0)
  const separators = { min: Math.max(target.size.min - 1, 0), max: Math.max(target.size.max - 1, 0) }
  return args[0] ? add(items, multiply(args[0].size, separators)) : items
}

function concatenated({ args: [a, b] }: CallSizes): Range | undefined { return a && b && add(a.size, b.size) }

function compared({ args: [a, b] }: CallSizes): Estimate | undefined {
  if (!a || !b) return undefined
  const max = Math.min(a.size.max, b.size.max)
  return { cost: scale({ min: max > 0 ? 1 : 0, max }, TRAVERSAL) }
}

function regex(text: Sizes | undefined, pattern: Sizes | undefined): Range | undefined {
  return text && pattern && multiply(scale(add(text.size, fixed(1)), TRAVERSAL), scale(pattern.size, REGEX))
}
function regexCharge([text, pattern]: readonly Value[]): number {
  const byLength = Math.ceil((1 + sizeOf(text ?? null)) * TRAVERSAL) * traverse(pattern, REGEX)
  return typeof text === 'string' && typeof pattern === 'string' ? Math.max(byLength, costOfMatching(text, pattern)) : byLength
}

const addresses = scale({ min: 8, max: 32 }, TRAVERSAL)
const network = add(add(addresses, scale({ min: 4, max: 16 }, TRAVERSAL)), fixed(1))
const textToo = (base: Range) => ({ args }: CallSizes): Estimate => ({ cost: args[0] ? add(base, scale(args[0].size, TRAVERSAL)) : base })
/** An address counts by its bytes. */
const addressCharge = ([cidr]: readonly Value[]): number => Math.ceil(sizeOf(cidr ?? null) * 2 * TRAVERSAL)

const rules = {
  one,
  /** Only two authorization checks fit into one expression. */
  check: { charge: () => 350_000, estimate: () => ({ cost: fixed(350_000) }) },
  sameSize: { charge: ([text]) => traverse(text), estimate: ({ target }) => target && { cost: scale(target.size, TRAVERSAL), result: target.size } },
  url: { charge: ([text]) => traverse(text), estimate: ({ args: [text] }) => sized(text, TRAVERSAL) },
  parse: { charge: ([text]) => traverse(text) },
  parseTwice: { charge: ([text]) => traverse(text, 2 * TRAVERSAL) },
  elements: {
    charge: ([list]) => deep(list ?? null),
    estimate({ target }) {
      if (!target) return undefined
      if (!target.elements) return { cost: scale(target.size, TRAVERSAL) }
      return { cost: multiply(target.size, target.elements.text ? add(fixed(1), scale(target.elements.size, TRAVERSAL)) : fixed(1)) }
    },
  },
  replace: {
    charge: ([text]) => traverse(text, 2 * TRAVERSAL),
    estimate: ({ target, args: [from, to] }) => target && from && to && { cost: scale(target.size, 2 * TRAVERSAL), result: replaceSize(target.size, from.size, to.size) },
  },
  split: { charge: ([text]) => traverse(text, 2 * TRAVERSAL), estimate: ({ target }) => target && { cost: scale(target.size, 2 * TRAVERSAL), result: { min: 0, max: target.size.max } } },
  join: {
    charge: () => 0, after: (result) => traverse(result, 2 * TRAVERSAL),
    estimate(call) {
      const result = joinSize(call)
      return { cost: scale(result, TRAVERSAL), result }
    },
  },
  find: {
    charge: regexCharge,
    estimate({ target, args: [pattern] }) {
      const cost = regex(target, pattern)
      return cost && target && { cost, result: { min: 0, max: target.size.max } }
    },
  },
  containsIP: { charge: addressCharge, estimate: () => ({ cost: addresses }) },
  containsIPText: { charge: (args) => addressCharge(args) + traverse(args[1]), estimate: textToo(addresses) },
  containsCIDR: { charge: (args) => addressCharge(args) + traverse(args[0]) + 1, estimate: () => ({ cost: network }) },
  containsCIDRText: { charge: (args) => addressCharge(args) + traverse(args[0]) + 1 + traverse(args[1]), estimate: textToo(network) },
  affix: { charge: ([text]) => traverse(text), estimate: ({ args: [affix] }) => sized(affix, TRAVERSAL) },
  toBytes: { charge: ([text]) => traverse(text), estimate: ({ args: [text] }) => text && { cost: scale(text.size, TRAVERSAL), result: { min: text.size.min, max: text.size.max * 4 } } },
  fromBytes: { charge: ([bytes]) => traverse(bytes), estimate: ({ args: [bytes] }) => bytes && { cost: scale(bytes.size, TRAVERSAL), result: { min: Math.floor(bytes.size.min / 4), max: bytes.size.max } } },
  quote: { charge: ([text]) => traverse(text), estimate: ({ args: [text] }) => text && { cost: scale(text.size, TRAVERSAL), result: { min: text.size.min + 2, max: text.size.max * 2 + 2 } } },
  in: { charge: ([, list]) => sizeOf(list ?? null), estimate: ({ args: [, list] }) => sized(list, 1) },
  compare: { charge: smaller, estimate: compared },
  concat: {
    charge: ([a, b]) => Math.ceil((sizeOf(a ?? null) + sizeOf(b ?? null)) * TRAVERSAL),
    estimate(call) {
      const result = concatenated(call)
      return result && { cost: scale(result, TRAVERSAL), result }
    },
  },
  concatList: {
    charge: () => 1,
    estimate(call) {
      const result = concatenated(call)
      return result && { cost: fixed(1), result }
    },
  },
  matches: {
    charge: regexCharge,
    estimate({ target, args: [pattern] }) {
      const cost = regex(target, pattern)
      return cost && { cost }
    },
  },
  contains: {
    charge: ([text, part]) => traverse(text) * traverse(part),
    estimate: ({ target, args: [part] }) => target && part && { cost: multiply(scale(target.size, TRAVERSAL), scale(part.size, TRAVERSAL)) },
  },
} as const satisfies Readonly<Record<string, Rule>>

export type CostRule = keyof typeof rules

export const chargeOf = (rule: CostRule): Rule => rules[rule]
export const estimateOf = (rule: CostRule, call: CallSizes): Estimate => (rules[rule] as Rule).estimate?.(call) ?? ONE
