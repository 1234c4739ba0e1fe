/** Macros of CEL and of upstream's environment, as what they stand for (`cel-go/parser/macro.go`, `cel-go/ext/comprehensions.go`). Pure. */
import type { Expression, FoldNode } from './syntax.ts'
import { ACCUMULATOR } from './syntax.ts'
import { SyntaxIssue } from './lexer.ts'

/** Makes nodes at the place of the macro's call. */
export interface NodeMaker {
  constant(value: null | boolean | bigint): Expression
  ident(name: string): Expression
  call(name: string, ...args: Expression[]): Expression
  member(target: Expression, name: string, ...args: Expression[]): Expression
  list(...items: Expression[]): Expression
  map(...entries: (readonly [Expression, Expression])[]): Expression
  fold(fold: Pick<FoldNode, 'range' | 'variable' | 'second' | 'accumulator' | 'init' | 'condition' | 'step' | 'result'>): Expression
  test(of: Expression): Expression
}

/** Expands a call, or gives undefined for what is no macro. */
export function expandMacro(make: NodeMaker, name: string, target: Expression | undefined, args: readonly Expression[]): Expression | undefined {
  if (!target) return name === 'has' && args.length === 1 ? has(make, args[0] as Expression) : undefined
  const macro = macros[`${name}/${args.length}`]
  return macro?.(make, target, args)
}

function has(make: NodeMaker, arg: Expression): Expression {
  if (arg.kind === 'select' && !arg.test) return make.test(arg)
  throw new SyntaxIssue(arg.at, 'invalid argument to has() macro')
}

function nameOf(arg: Expression | undefined, message = 'argument must be a simple name'): string {
  if (arg?.kind !== 'ident' || arg.name.startsWith('.')) throw new SyntaxIssue(arg?.at ?? 0, message)
  return arg.name
}

type Macro = (make: NodeMaker, target: Expression, args: readonly Expression[]) => Expression
type Parts = Pick<FoldNode, 'init' | 'condition' | 'step' | 'result'>

/** The variables come first; what is left is handed on. */
function folding(count: 1 | 2, parts: (make: NodeMaker, accu: () => Expression, rest: readonly Expression[], variables: readonly string[]) => Parts): Macro {
  return (make, target, args) => {
    const variables = args.slice(0, count).map((a) => nameOf(a))
    if (count === 2 && variables[0] === variables[1]) throw new SyntaxIssue((args[1] as Expression).at, 'duplicate iteration variable name')
    return make.fold({
      range: target, variable: variables[0] as string, second: variables[1], accumulator: ACCUMULATOR,
      ...parts(make, () => make.ident(ACCUMULATOR), args.slice(count), variables),
    })
  }
}

const all = (count: 1 | 2): Macro => folding(count, (make, accu, [predicate]) => ({
  init: make.constant(true), condition: make.call('@not_strictly_false', accu()), step: make.call('_&&_', accu(), predicate as Expression), result: accu(),
}))

const exists = (count: 1 | 2): Macro => folding(count, (make, accu, [predicate]) => ({
  init: make.constant(false), condition: make.call('@not_strictly_false', make.call('!_', accu())), step: make.call('_||_', accu(), predicate as Expression), result: accu(),
}))

const existsOne = (count: 1 | 2): Macro => folding(count, (make, accu, [predicate]) => ({
  init: make.constant(0n), condition: make.constant(true),
  step: make.call('_?_:_', predicate as Expression, make.call('_+_', accu(), make.constant(1n)), accu()), result: make.call('_==_', accu(), make.constant(1n)),
}))

/** With a filter the arguments after the variables are filter and transformation. */
const map = (count: 1 | 2, filtered: boolean): Macro => folding(count, (make, accu, rest) => {
  const add = make.call('_+_', accu(), make.list(rest.at(-1) as Expression))
  return { init: make.list(), condition: make.constant(true), step: filtered ? make.call('_?_:_', rest[0] as Expression, add, accu()) : add, result: accu() }
})

const filter: Macro = folding(1, (make, accu, [predicate], [variable]) => ({
  init: make.list(), condition: make.constant(true),
  step: make.call('_?_:_', predicate as Expression, make.call('_+_', accu(), make.list(make.ident(variable as string))), accu()), result: accu(),
}))

const transformMap = (filtered: boolean, entry: boolean): Macro => folding(2, (make, accu, rest, [key]) => {
  const value = rest.at(-1) as Expression
  const insert = entry ? make.call('cel.@mapInsert', accu(), value) : make.call('cel.@mapInsert', accu(), make.ident(key as string), value)
  return { init: make.map(), condition: make.constant(true), step: filtered ? make.call('_?_:_', rest[0] as Expression, insert, accu()) : insert, result: accu() }
})

/** `target.optMap(v, f)`: f of the value where there is one. */
const optional = (flat: boolean): Macro => (make, target, args) => {
  const variable = nameOf(args[0], `${flat ? 'optFlatMap' : 'optMap'}() variable name must be a simple identifier`)
  const bound = make.fold({
    range: make.list(), variable: '#unused', second: undefined, accumulator: variable, init: make.member(target, 'value'), condition: make.constant(false),
    step: make.ident(variable), result: args[1] as Expression,
  })
  return make.call('_?_:_', make.member(target, 'hasValue'), flat ? bound : make.call('optional.of', bound), make.call('optional.none'))
}

const macros: Readonly<Record<string, Macro>> = {
  'all/2': all(1), 'exists/2': exists(1), 'exists_one/2': existsOne(1), 'map/2': map(1, false), 'map/3': map(1, true), 'filter/2': filter,
  'all/3': all(2), 'exists/3': exists(2), 'existsOne/3': existsOne(2), 'exists_one/3': existsOne(2),
  'transformList/3': map(2, false), 'transformList/4': map(2, true),
  'transformMap/3': transformMap(false, false), 'transformMap/4': transformMap(true, false),
  'transformMapEntry/3': transformMap(false, true), 'transformMapEntry/4': transformMap(true, true),
  'optMap/2': optional(false), 'optFlatMap/2': optional(true),
}
