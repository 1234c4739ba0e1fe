/** Type parameters and what they stand for while an expression is checked (`cel-go/checker/types.go`). Pure. */
import type { CelType } from './cel-type.ts'
import { DYN } from './cel-type.ts'
import type { Overload } from './function-table.ts'

/** Of a list `[x]` and so on: the types inside. */
function inner(type: CelType): readonly CelType[] {
  switch (type.kind) {
    case 'list': return [type.element]
    case 'map': return [type.key, type.value]
    case 'opaque': return type.params
    case 'type': return [type.of]
    default: return []
  }
}

function rebuilt(type: CelType, parts: readonly CelType[]): CelType {
  const [first = DYN, second = DYN] = parts
  switch (type.kind) {
    case 'list': return type.element === first ? type : { ...type, element: first }
    case 'map': return type.key === first && type.value === second ? type : { ...type, key: first, value: second }
    case 'opaque': return parts.every((p, i) => p === type.params[i]) ? type : { ...type, params: parts }
    case 'type': return type.of === first ? type : { ...type, of: first }
    default: return type
  }
}

const map = (type: CelType, leaf: (parameter: CelType & { kind: 'param' }) => CelType): CelType => {
  if (type.kind === 'param') return leaf(type)
  const parts = inner(type)
  return parts.length ? rebuilt(type, parts.map((p) => map(p, leaf))) : type
}

/** What null may be given for. */
const nullable = new Set<CelType['kind']>(['object', 'opaque', 'timestamp', 'duration', 'null'])

export class Substitution {
  #bound = new Map<string, CelType>()
  #fresh = 0

  fresh(): CelType { return { kind: 'param', name: `_var${this.#fresh++}` } }

  /** The overload with parameters of its own. */
  instantiate({ params, result, generic }: Overload): { params: readonly CelType[]; result: CelType } {
    if (!generic) return { params, result }
    const own = new Map<string, CelType>()
    const leaf = (p: CelType & { kind: 'param' }): CelType => {
      const known = own.get(p.name) ?? this.fresh()
      own.set(p.name, known)
      return known
    }
    return { params: params.map((p) => map(p, leaf)), result: map(result, leaf) }
  }

  /** With every parameter replaced by what it stands for; those that stand for nothing stay. */
  resolve(type: CelType): CelType {
    return map(type, (p) => {
      const bound = this.#bound.get(p.name)
      return bound ? this.resolve(bound) : p
    })
  }

  /** For messages: a parameter that stands for nothing is dyn. */
  printed(type: CelType): CelType { return map(this.resolve(type), () => DYN) }

  equal(a: CelType, b: CelType): boolean {
    const [x, y] = [this.resolve(a), this.resolve(b)]
    if (x.kind !== y.kind) return false
    if (x.kind === 'param' || x.kind === 'object' || x.kind === 'opaque') {
      if ((x as { name: string }).name !== (y as { name: string }).name) return false
    }
    const [left, right] = [inner(x), inner(y)]
    return left.length === right.length && left.every((l, i) => this.equal(l, right[i] as CelType))
  }

  /** May each be given for the parameter in its place? Binds parameters if so, none if not. */
  allAssignable(given: readonly CelType[], wanted: readonly CelType[]): boolean {
    const before = new Map(this.#bound)
    if (given.every((g, i) => this.#assign(g, wanted[i] as CelType))) return true
    this.#bound = before
    return false
  }

  assignable(given: CelType, wanted: CelType): boolean { return this.allAssignable([given], [wanted]) }

  /** The wider of two types of which one may be given for the other: dyn before all. */
  general(a: CelType, b: CelType): CelType { return this.resolve(a).kind === 'dyn' || this.resolve(b).kind === 'dyn' ? DYN : a }

  #top(type: CelType): CelType {
    let t = type
    for (let bound = t.kind === 'param' ? this.#bound.get(t.name) : undefined; bound; bound = t.kind === 'param' ? this.#bound.get(t.name) : undefined) t = bound
    return t
  }

  #occurs(name: string, type: CelType): boolean {
    const t = this.#top(type)
    return t.kind === 'param' ? t.name === name : inner(t).some((p) => this.#occurs(name, p))
  }

  #bind(name: string, type: CelType): boolean {
    if (type.kind === 'param' && type.name === name) return true
    if (this.#occurs(name, type)) return false
    this.#bound.set(name, type)
    return true
  }

  #assign(given: CelType, wanted: CelType): boolean {
    const [g, w] = [this.#top(given), this.#top(wanted)]
    if (w.kind === 'param') return this.#bind(w.name, g)
    if (g.kind === 'param') return this.#bind(g.name, w)
    if (g.kind === 'dyn' || w.kind === 'dyn' || g.kind === 'error' || w.kind === 'error') {
      // What a parameter inside meets is as unknown as the whole.
      for (const part of inner(g)) this.#assign(part, DYN)
      for (const part of inner(w)) this.#assign(DYN, part)
      return true
    }
    if (g.kind === 'null') return nullable.has(w.kind)
    if (w.kind === 'null') return nullable.has(g.kind)
    if (g.kind !== w.kind) return false
    if (g.kind === 'object' || g.kind === 'opaque') {
      if (g.name !== (w as { name: string }).name) return false
    }
    if (g.kind === 'type') return true
    const [left, right] = [inner(g), inner(w)]
    return left.length === right.length && left.every((l, i) => this.#assign(l, right[i] as CelType))
  }
}
