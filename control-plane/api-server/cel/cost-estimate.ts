/**
 * The least and the most an expression can cost, by the bounds its variables are declared with (`cel-go/checker/cost.go`). What nothing bounds
 * costs Infinity. Pure.
 */
import type { CelType } from './cel-type.ts'
import { DYN } from './cel-type.ts'
import type { Checked, Scope } from './checker.ts'
import type { CallSizes, Range, Sizes } from './cost-rules.ts'
import { add, estimateOf, fixed, multiply, union, UNKNOWN } from './cost-rules.ts'
import type { CallNode, Expression, FoldNode } from './syntax.ts'
import { countRunes } from './values.ts'

const NOTHING = fixed(0)

/** What is known of an expression's value. `declared` is the type in the declarations that a path of fields leads to: it carries the bounds. */
interface Known { readonly cost: Range; readonly size: Range | undefined; readonly declared: CelType | undefined; readonly entries?: Entries | undefined }
interface Entries { readonly key: Range; readonly value: Range }
interface Local { readonly declared: CelType | undefined; readonly size: Range | undefined; readonly entries?: Entries | undefined }

const scalars = new Set<CelType['kind']>(['bool', 'int', 'uint', 'double', 'null', 'timestamp', 'duration', 'type'])

function isScalar(type: CelType): boolean {
  if (type.kind === 'opaque' && type.name === 'optional_type') return isScalar(type.params[0] ?? DYN)
  return scalars.has(type.kind)
}

const bounded = (type: CelType | undefined): Range | undefined => (type?.maxElements === undefined ? undefined : { min: 0, max: type.maxElements })

export function estimateCost(root: Expression, checked: Checked, variables: Scope): Range { return new Estimator(checked, variables).of(root).cost }

class Estimator {
  readonly #checked: Checked
  readonly #variables: Scope
  readonly #locals = new Map<string, Local[]>()

  constructor(checked: Checked, variables: Scope) {
    this.#checked = checked
    this.#variables = variables
  }

  of(e: Expression): Known {
    switch (e.kind) {
      case 'constant': return { cost: NOTHING, size: constantSize(e.value), declared: undefined }
      case 'ident': {
        const local = this.#locals.get(e.name)?.at(-1)
        const known = local ?? { declared: this.#variables.lookup(e.name.replace(/^\./, '')), size: undefined }
        return this.#sized(e, { cost: fixed(1), ...known })
      }
      case 'select': return this.#select(e)
      case 'call': return this.#call(e)
      case 'list': {
        const items = e.items.map((item) => this.of(item))
        const value = items.reduce<Range>((range, item) => union(range, item.size ?? UNKNOWN), items.length ? { min: Infinity, max: 0 } : NOTHING)
        return { cost: add(sum(items), fixed(10)), size: fixed(items.length), declared: undefined, entries: { key: fixed(1), value } }
      }
      case 'map': {
        const parts = e.entries.flatMap((entry) => [this.of(entry.key), this.of(entry.value)])
        const range = (odd: number): Range => parts.filter((_, i) => i % 2 === odd).reduce<Range>((r, p) => union(r, p.size ?? UNKNOWN), parts.length ? { min: Infinity, max: 0 } : NOTHING)
        return { cost: add(sum(parts), fixed(30)), size: fixed(e.entries.length), declared: undefined, entries: { key: range(0), value: range(1) } }
      }
      case 'struct': return { cost: add(sum(e.fields.map((f) => this.of(f.value))), fixed(40)), size: undefined, declared: undefined }
      case 'fold': return e.variable === '#unused' ? this.#bind(e) : this.#fold(e)
    }
  }

  /** A size that is not known by itself: the declaration's bound, else that of the type. */
  #sized(e: Expression, known: Known): Known {
    if (known.size) return known
    const type = this.#checked.types.get(e.id)
    return { ...known, size: bounded(known.declared) ?? (type && isScalar(type) ? fixed(1) : undefined) }
  }

  #select(e: Extract<Expression, { kind: 'select' }>): Known {
    if (this.#checked.qualified.has(e.id)) return { cost: fixed(1), size: fixed(1), declared: undefined }
    const operand = this.of(e.operand)
    if (e.test) return { cost: operand.cost, size: fixed(1), declared: undefined }
    const type = this.#checked.types.get(e.operand.id) ?? DYN
    const cost = type.kind === 'map' || type.kind === 'object' || type.kind === 'param' ? add(operand.cost, fixed(1)) : operand.cost
    const { declared } = operand
    return this.#sized(e, { cost, size: undefined, declared: declared?.kind === 'object' ? declared.fields.get(e.field)?.type : declared?.kind === 'map' ? declared.value : undefined })
  }

  #sizes(e: Expression, known: Known): Sizes {
    const type = this.#checked.types.get(e.id) ?? DYN
    const element = known.declared?.kind === 'list' ? known.declared.element : type.kind === 'list' ? type.element : undefined
    const size = known.size ?? UNKNOWN
    return { size, elements: element && { text: element.kind === 'string' || element.kind === 'bytes', size: bounded(known.declared?.kind === 'list' ? element : undefined) ?? UNKNOWN } }
  }

  #call(e: CallNode): Known {
    const args = e.args.map((a) => this.of(a))
    const argCost = sum(args)
    const [first, second, third] = args
    if (e.name === 'dyn' && first) return { ...first, cost: add(first.cost, fixed(1)) }
    switch (e.name) {
      case '_&&_': case '_||_':
        return { cost: { min: first?.cost.min ?? 0, max: argCost.max }, size: fixed(1), declared: undefined }
      case '_?_:_': return conditional(first, second, third)
      case '_[_]': case '_[?_]': case '_?._': return this.#index(e, argCost, first)
      default: break
    }
    const target = e.target && !this.#checked.qualified.has(e.id) ? this.of(e.target) : undefined
    const call: CallSizes = { target: target && e.target && this.#sizes(e.target, target), args: e.args.map((a, i) => this.#sizes(a, args[i] as Known)) }
    let cost: Range | undefined
    let size: Range | undefined
    for (const overload of this.#checked.overloads.get(e.id) ?? []) {
      const estimate = estimateOf(overload.cost, call)
      cost = cost ? union(cost, estimate.cost) : estimate.cost
      if (estimate.result) size = size ? union(size, estimate.result) : estimate.result
    }
    const entries = e.name === '_+_' && first?.entries && second?.entries ? joined(first.entries, second.entries) : undefined
    return this.#sized(e, { cost: add(add(argCost, target?.cost ?? NOTHING), cost ?? NOTHING), size, declared: undefined, entries })
  }

  #index(e: CallNode, cost: Range, operand: Known | undefined): Known {
    const declared = operand?.declared
    const inside = declared?.kind === 'list' ? declared.element : declared?.kind === 'map' ? declared.value
      : declared?.kind === 'object' && e.name === '_?._' ? declared.fields.get(fieldName(e))?.type : undefined
    return this.#sized(e, { cost: add(cost, fixed(1)), size: operand?.entries?.value, declared: inside })
  }

  #scoped<T>(name: string, local: Local, act: () => T): T {
    const stack = this.#locals.get(name) ?? []
    this.#locals.set(name, [...stack, local])
    try {
      return act()
    } finally {
      this.#locals.set(name, stack)
    }
  }

  #bind(e: FoldNode): Known {
    const init = this.of(e.init)
    const result = this.#scoped(e.accumulator, init, () => this.of(e.result))
    return { ...result, cost: add(add(fixed(10), init.cost), result.cost) }
  }

  #fold(e: FoldNode): Known {
    const range = this.of(e.range)
    const init = this.of(e.init)
    const { declared, entries } = range
    const listed = (this.#checked.types.get(e.range.id) ?? DYN).kind === 'list'
    const key: Local = { declared: declared?.kind === 'map' ? declared.key : undefined, size: listed ? fixed(1) : entries?.key }
    const value: Local = { declared: declared?.kind === 'list' ? declared.element : declared?.kind === 'map' ? declared.value : undefined, size: entries?.value }
    const accumulator: Local = { declared: undefined, size: init.size, entries: init.entries }
    return this.#scoped(e.accumulator, accumulator, () => {
      const body = (): readonly [Known, Known] => [this.of(e.condition), this.of(e.step)]
      const { second } = e
      const [condition, step] = second === undefined ? this.#scoped(e.variable, listed ? value : key, body)
        : this.#scoped(e.variable, key, () => this.#scoped(second, value, body))
      const result = this.of(e.result)
      const count = range.size ?? UNKNOWN
      const cost = add(add(add(range.cost, init.cost), result.cost), multiply(count, add(condition.cost, step.cost)))
      const grows = e.init.kind === 'list' || e.init.kind === 'map'
      return { cost, size: grows ? count : init.size, declared: undefined, ...(grows ? { entries: step.entries } : {}) }
    })
  }
}

const sum = (parts: readonly Known[]): Range => parts.reduce<Range>((total, p) => add(total, p.cost), NOTHING)
const joined = (a: Entries, b: Entries): Entries => ({ key: union(a.key, b.key), value: union(a.value, b.value) })

function fieldName(e: CallNode): string {
  const field = e.args[1]
  return field?.kind === 'constant' && typeof field.value === 'string' ? field.value : ''
}

function conditional(test: Known | undefined, yes: Known | undefined, no: Known | undefined): Known {
  if (!test || !yes || !no) return { cost: NOTHING, size: undefined, declared: undefined }
  return {
    cost: add(test.cost, union(yes.cost, no.cost)), size: union(yes.size ?? UNKNOWN, no.size ?? UNKNOWN), declared: undefined,
    entries: yes.entries && no.entries && joined(yes.entries, no.entries),
  }
}

function constantSize(value: unknown): Range {
  return fixed(typeof value === 'string' ? countRunes(value) : value instanceof Uint8Array ? value.length : 1)
}
