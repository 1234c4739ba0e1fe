/** `matchConditions`: a webhook or policy is about a request only where all of them hold (`plugin/webhook/matchconditions`). */
import type { MatchCondition } from '../../../../shared/api/admissionregistration-v1.ts'
import type { BoundVariables, Budget, Declarations, Program } from '../../cel/compile.ts'
import { compile, evaluate } from '../../cel/compile.ts'
import { messageOf } from '../../../../shared/base/errors.ts'

export interface Condition { readonly name: string; readonly program: Program }

/** Throws a `CompileError`: what is stored was compiled before it was let in. */
export const compileConditions = (conditions: readonly MatchCondition[] | undefined, declarations: Declarations): readonly Condition[] =>
  (conditions ?? []).map(({ name, expression }) => ({ name, program: compile(expression, declarations) }))

/** `error` says what went wrong where no condition was false. */
export function holds(conditions: readonly Condition[], variables: BoundVariables, declarations: Declarations, budget: Budget): { readonly matches: boolean; readonly error?: string } {
  const errors: string[] = []
  for (const { name, program } of conditions) {
    try {
      if (evaluate(program, variables, declarations, budget) === false) return { matches: false }
    } catch (e) {
      errors.push(`expression '${program.source}' resulted in error: ${messageOf(e)}`)
      if (!budget.left) errors.push(`condition ${name}: running out of cost budget`)
    }
  }
  return errors.length ? { matches: false, error: errors.length === 1 ? errors[0] as string : `[${errors.join(', ')}]` } : { matches: true }
}
