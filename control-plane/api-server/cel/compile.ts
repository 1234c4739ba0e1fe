/**
 * CEL as upstream's API server has it (`k8s.io/apiserver/pkg/cel/environment`, v1.33): the language, the extension libraries, costs and their
 * limits. The interface of this folder: `compile`, `evaluate` and what they take and give.
 *
 * Written here and not taken: of the libraries for JavaScript one has no type checker for more than names and constants (@bufbuild/cel 0.6), the
 * other none of CEL's generics, two-variable macros and messages (@marcbachmann/cel-js 8), and neither charges or estimates cost, which upstream's
 * limits are made of. Regular expressions are re2js'. Import this folder lazily: no rule, no memory.
 */
import type { CelType } from './cel-type.ts'
import type { Checked, Scope } from './checker.ts'
import { check } from './checker.ts'
import { estimateCost } from './cost-estimate.ts'
import type { Range } from './cost-rules.ts'
import { CostError, Evaluation } from './evaluate.ts'
import type { Bindings } from './evaluate.ts'
import { functions } from './library/all.ts'
import { SyntaxIssue } from './lexer.ts'
import { literalIssues } from './literals.ts'
import { parseExpression } from './parser.ts'
import type { Expression, Issue } from './syntax.ts'
import { formatIssues } from './syntax.ts'
import type { Value } from './values.ts'
import { adapt } from './values.ts'

/** Upstream's `PerCallLimit`: 0.1 s of a slow server. */
export const PER_CALL_LIMIT = 1_000_000
/** Upstream's `RuntimeCELCostBudget`: of all the rules for one object, or of all policies for one request. */
export const RUNTIME_BUDGET = 10_000_000

/** The message is cel-go's text of the issues: `ERROR: <input>:1:6: undeclared reference to 'x' (in container '')`, the line, a mark. */
export class CompileError extends Error {
  override readonly name = 'CompileError'
  readonly issues: readonly Issue[]
  constructor(source: string, issues: readonly Issue[]) {
    super(formatIssues(source, issues))
    this.issues = issues
  }
}

export interface Program {
  readonly source: string
  /** What it gives; dyn where that is only known when it runs. */
  readonly type: CelType
  /** Declared variables that it reads: a rule that reads `oldSelf` is a transition rule. */
  readonly reads: ReadonlySet<string>
  /** The least and the most it can cost, by the bounds of the declared types; Infinity where nothing bounds it. Made on each call. */
  estimate(): Range
  /** For {@link evaluate}. */
  readonly root: Expression
  readonly checked: Checked
}

/** Types of the variables an expression may use. */
export type Declarations = Readonly<Record<string, CelType>>

/** Throws {@link CompileError}. */
export function compile(source: string, declarations: Declarations): Program {
  const root = parsed(source)
  const reads = new Set<string>()
  const lookup = (name: string): CelType | undefined => (Object.hasOwn(declarations, name) ? declarations[name] : undefined)
  const scope: Scope = {
    lookup(name) {
      const type = lookup(name)
      if (type) reads.add(name)
      return type
    },
  }
  const checked = check(root, functions, scope)
  const issues = checked.issues.length ? checked.issues : literalIssues(root)
  if (issues.length) throw new CompileError(source, issues)
  return { source, type: checked.type, reads, root, checked, estimate: () => estimateCost(root, checked, { lookup }) }
}

function parsed(source: string): Expression {
  try {
    return parseExpression(source)
  } catch (e) {
    if (e instanceof SyntaxIssue) throw new CompileError(source, [e.issue])
    throw e
  }
}

/** What evaluations together may still cost. */
export class Budget {
  remaining: number
  constructor(total = RUNTIME_BUDGET) { this.remaining = total }
  /** False where it is used up: nothing further is to be run. */
  get left(): boolean { return this.remaining >= 0 }
}

/** JSON read as the declared type says, a value of CEL, or a function of what is only made when it is read. */
export type BoundVariables = Readonly<Record<string, unknown>>

/**
 * Runs a program. `types` are the declarations it was compiled with: JSON is read by them. Throws `CelError` where the expression fails, and
 * `CostError` where it costs more than the limit of a call; either way the budget has paid for it. That the budget is used up is the caller's to
 * see: `budget.left`.
 */
export function evaluate(program: Program, variables: BoundVariables, types: Declarations, budget: Budget = new Budget(), limit = PER_CALL_LIMIT): Value {
  const bindings: Bindings = (name) => {
    if (!Object.hasOwn(variables, name)) return undefined
    const given = variables[name]
    const json = typeof given === 'function' ? (given as () => unknown)() : given
    return json === undefined ? undefined : adapt(json, types[name])
  }
  const evaluation = new Evaluation(program.checked, bindings, limit)
  try {
    return evaluation.run(program.root)
  } catch (e) {
    // A literal thousands of lists deep: the parser's limit is on nesting in the text, not on what a fold builds.
    if (e instanceof RangeError) throw new CostError()
    throw e
  } finally {
    budget.remaining -= evaluation.cost
  }
}

export { CostError } from './evaluate.ts'
export { CelError, toJson } from './values.ts'
