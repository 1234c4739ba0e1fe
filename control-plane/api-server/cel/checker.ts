/** Types of a whole expression, and which overloads each of its calls may come to (`cel-go/checker`). Pure. */
import type { CelType, ObjectField } from './cel-type.ts'
import { BOOL, BYTES, DOUBLE, DYN, ERROR, formatType, INT, listOf, mapOf, NULL, optionalOf, STRING, typeOf, UINT } from './cel-type.ts'
import type { FunctionTable, Overload } from './function-table.ts'
import type { CallNode, Constant, Expression, FoldNode, Issue, ListNode, MapNode, SelectNode } from './syntax.ts'
import { Substitution } from './unify.ts'

export interface Scope { lookup(name: string): CelType | undefined }

/** What was found out, by the ids of nodes. */
export interface Checked {
  readonly types: ReadonlyMap<number, CelType>
  /** Calls whose target is part of the function's name (`sets.contains(a, b)`), and selections that are a name with dots: the whole name. */
  readonly qualified: ReadonlyMap<number, string>
  readonly overloads: ReadonlyMap<number, readonly Overload[]>
  readonly type: CelType
  readonly issues: readonly Issue[]
}

const typeNames: Readonly<Record<string, CelType>> = {
  bool: BOOL, bytes: BYTES, double: DOUBLE, int: INT, uint: UINT, string: STRING, dyn: DYN, null_type: NULL, list: listOf(DYN), map: mapOf(DYN, DYN),
  'google.protobuf.Timestamp': { kind: 'timestamp' }, 'google.protobuf.Duration': { kind: 'duration' },
}

function constantType(value: Constant): CelType {
  switch (typeof value) {
    case 'boolean': return BOOL
    case 'bigint': return INT
    case 'number': return DOUBLE
    case 'string': return STRING
    default: return value === null ? NULL : value instanceof Uint8Array ? BYTES : UINT
  }
}

export function check(root: Expression, functions: FunctionTable, variables: Scope): Checked {
  const checker = new Checker(functions, variables)
  const type = checker.run(root)
  return { types: checker.types, qualified: checker.qualified, overloads: checker.overloads, type, issues: checker.issues.toSorted((a, b) => a.at - b.at) }
}

class Checker {
  readonly types = new Map<number, CelType>()
  readonly qualified = new Map<number, string>()
  readonly overloads = new Map<number, readonly Overload[]>()
  readonly issues: Issue[] = []
  readonly #functions: FunctionTable
  readonly #variables: Scope
  readonly #locals: { name: string; type: CelType }[] = []
  readonly #unify = new Substitution()

  constructor(functions: FunctionTable, variables: Scope) {
    this.#functions = functions
    this.#variables = variables
  }

  run(root: Expression): CelType {
    const type = this.#check(root)
    for (const [id, t] of this.types) this.types.set(id, this.#unify.resolve(t))
    return this.#unify.resolve(type)
  }

  #check(e: Expression): CelType {
    const type = this.#typeOf(e)
    this.types.set(e.id, type)
    return type
  }

  #typeOf(e: Expression): CelType {
    switch (e.kind) {
      case 'constant': return constantType(e.value)
      case 'ident': return this.#lookup(e.name) ?? this.#refuse(e.at, `undeclared reference to '${e.name.replace(/^\./, '')}' (in container '')`)
      case 'select': return this.#select(e)
      case 'call': return this.#call(e)
      case 'list': return this.#list(e)
      case 'map': return this.#map(e)
      case 'struct':
        for (const f of e.fields) this.#check(f.value)
        return this.#refuse(e.at, `undeclared reference to '${e.name}' (in container '')`)
      case 'fold': return this.#fold(e)
    }
  }

  #refuse(at: number, message: string): CelType {
    this.issues.push({ at, message })
    return ERROR
  }

  #lookup(name: string): CelType | undefined {
    for (let i = this.#locals.length - 1; i >= 0; i--) {
      const local = this.#locals[i]
      if (local?.name === name) return local.type
    }
    const bare = name.replace(/^\./, '')
    const declared = this.#variables.lookup(bare)
    if (declared) return declared
    const named = typeNames[bare]
    return named && typeOf(named)
  }

  /** `a.b.c` as written, where it is nothing but names. */
  #qualifiedName(e: Expression): string | undefined {
    if (e.kind === 'ident') return e.name
    if (e.kind !== 'select' || e.test) return undefined
    const head = this.#qualifiedName(e.operand)
    return head === undefined ? undefined : `${head}.${e.field}`
  }

  #select(e: SelectNode): CelType {
    const name = e.test ? undefined : this.#qualifiedName(e)
    if (name !== undefined && !this.#locals.some((l) => l.name === name.split('.')[0])) {
      // `authorizer.requestResource` is one variable whose name has a dot.
      const named = this.#variables.lookup(name) ?? (typeNames[name] && typeOf(typeNames[name]))
      if (named) {
        this.qualified.set(e.id, name)
        return named
      }
    }
    const field = this.#field(e.at, this.#check(e.operand), e.field, false)
    return e.test ? BOOL : field
  }

  /** Type of a field; through an optional the field is optional too. */
  #field(at: number, operand: CelType, name: string, optional: boolean): CelType {
    let target = this.#unify.resolve(operand)
    if (target.kind === 'opaque' && target.name === 'optional_type') return this.#optionally(this.#field(at, target.params[0] ?? DYN, name, true))
    if (target.kind === 'param') {
      this.#unify.assignable(DYN, target)
      target = DYN
    }
    switch (target.kind) {
      case 'error': case 'dyn': return DYN
      case 'map': return target.value
      case 'object': {
        const field: ObjectField | undefined = target.fields.get(name)
        return field ? field.type : this.#refuse(at, `undefined field '${name}'`)
      }
      default: return optional ? this.#refuse(at, `unsupported optional field selection: ${name}`) : this.#refuse(at, `type '${formatType(target)}' does not support field selection`)
    }
  }

  #optionally(type: CelType): CelType { return type.kind === 'opaque' && type.name === 'optional_type' ? type : optionalOf(type) }

  #call(e: CallNode): CelType {
    if (e.name === '_?._') {
      const [operand, field] = e.args
      const name = field?.kind === 'constant' && typeof field.value === 'string' ? field.value : ''
      if (field) this.types.set(field.id, STRING)
      return this.#optionally(this.#field(e.at, this.#check(operand as Expression), name, true))
    }
    if (!e.target) return this.#resolve(e, e.name.replace(/^\./, ''), false, e.args)
    const head = this.#qualifiedName(e.target)
    const whole = head === undefined ? undefined : `${head}.${e.name}`.replace(/^\./, '')
    if (whole !== undefined && this.#functions.get(whole)) {
      this.qualified.set(e.id, whole)
      return this.#resolve(e, whole, false, e.args)
    }
    return this.#resolve(e, e.name, true, [e.target, ...e.args])
  }

  #resolve(e: CallNode, name: string, member: boolean, args: readonly Expression[]): CelType {
    const types = args.map((a) => this.#check(a))
    const overloads = this.#functions.get(name)
    if (!overloads) return this.#refuse(e.at, `undeclared reference to '${name}' (in container '')`)
    const found: Overload[] = []
    let result: CelType | undefined
    for (const overload of overloads) {
      if (overload.member !== member || overload.params.length !== args.length) continue
      const instance = this.#unify.instantiate(overload)
      if (!this.#unify.allAssignable(types, instance.params)) continue
      found.push(overload)
      const given = this.#unify.resolve(instance.result)
      result = result === undefined ? given : this.#unify.equal(result, given) ? result : DYN
    }
    if (result === undefined) {
      if (types.some((t) => this.#unify.resolve(t).kind === 'error')) return ERROR
      const shown = types.map((t) => formatType(this.#unify.printed(t)))
      const applied = member ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`
      return this.#refuse(e.at, `found no matching overload for '${name}' applied to '${applied}'`)
    }
    this.overloads.set(e.id, found)
    return result
  }

  /** Elements of a literal are of one type, as upstream's environment demands. */
  #joined(known: CelType | undefined, next: CelType, at: number): CelType {
    if (known === undefined) return next
    if (this.#unify.assignable(next, known)) return this.#unify.general(known, next)
    if (this.#unify.assignable(known, next)) return next
    return this.#refuse(at, `expected type '${formatType(this.#unify.printed(known))}' but found '${formatType(this.#unify.printed(next))}'`)
  }

  #element(e: Expression, optional: boolean): CelType {
    const type = this.#unify.resolve(this.#check(e))
    if (!optional || type.kind === 'dyn' || type.kind === 'error') return type
    if (type.kind === 'opaque' && type.name === 'optional_type') return type.params[0] ?? DYN
    return this.#refuse(e.at, `expected type 'optional_type(${formatType(type)})' but found '${formatType(type)}'`)
  }

  #list(e: ListNode): CelType {
    let element: CelType | undefined
    e.items.forEach((item, i) => { element = this.#joined(element, this.#element(item, e.optional.has(i)), item.at) })
    return listOf(element ?? this.#unify.fresh())
  }

  #map(e: MapNode): CelType {
    let key: CelType | undefined
    let value: CelType | undefined
    for (const entry of e.entries) {
      key = this.#joined(key, this.#check(entry.key), entry.key.at)
      value = this.#joined(value, this.#element(entry.value, entry.optional), entry.value.at)
    }
    return mapOf(key ?? this.#unify.fresh(), value ?? this.#unify.fresh())
  }

  #expect(e: Expression, wanted: CelType): void {
    const found = this.types.get(e.id) ?? DYN
    if (!this.#unify.assignable(found, wanted)) this.#refuse(e.at, `expected type '${formatType(this.#unify.printed(wanted))}' but found '${formatType(this.#unify.printed(found))}'`)
  }

  #fold(e: FoldNode): CelType {
    const range = this.#unify.resolve(this.#check(e.range))
    const accumulator = this.#check(e.init)
    const [first, second] = this.#iterated(e, range)
    this.#locals.push({ name: e.accumulator, type: accumulator })
    this.#locals.push({ name: e.variable, type: first })
    if (e.second !== undefined) this.#locals.push({ name: e.second, type: second })
    this.#check(e.condition)
    this.#expect(e.condition, BOOL)
    this.#check(e.step)
    this.#expect(e.step, accumulator)
    this.#locals.length -= e.second === undefined ? 1 : 2
    const result = this.#check(e.result)
    this.#locals.pop()
    return this.#unify.resolve(result)
  }

  #iterated(e: FoldNode, range: CelType): readonly [CelType, CelType] {
    switch (range.kind) {
      case 'list': return e.second === undefined ? [range.element, DYN] : [INT, range.element]
      case 'map': return [range.key, range.value]
      case 'dyn': case 'error': return [DYN, DYN]
      case 'param':
        this.#unify.assignable(DYN, range)
        return [DYN, DYN]
      default: return [this.#refuse(e.range.at, `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`), ERROR]
    }
  }
}
