/** One policy, one binding, one set of parameters: what its expressions say of a request (`plugin/policy/validating/validator.go`). */
import { messageOf } from '../../../../shared/base/errors.ts'
import type { BoundVariables, Program } from '../../cel/compile.ts'
import { Budget, CelError, CostError, evaluate } from '../../cel/compile.ts'
import { LazyObject } from '../../cel/values.ts'
import type { Value } from '../../cel/values.ts'
import { holds } from '../expressions/conditions.ts'
import type { CompiledPolicy, CompiledValidation } from './compiled.ts'

export interface Failure {
  readonly message: string
  readonly reason: string
  /** Of the policy's validations. */
  readonly expressionIndex: number
}
export interface Judgement {
  readonly failures: readonly Failure[]
  /** Key and value; null values are left out. */
  readonly annotations: readonly { readonly key: string; readonly value: string }[]
}

/** Of match conditions, and of all the rest together. */
const CONDITION_BUDGET = 2_500_000
const MAX_MESSAGE = 5 * 1024
const MAX_ANNOTATION = 10 * 1024
const OVER_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run'

interface Run { readonly policy: CompiledPolicy; readonly variables: BoundVariables; readonly budget: Budget; readonly fail: boolean }

/** Each variable is worked out when it is first read, and once. */
function lazily({ variables, types }: CompiledPolicy, bound: BoundVariables, budget: Budget): BoundVariables {
  const results = new Map<string, { value: Value } | { error: CelError }>()
  const all: Record<string, unknown> = { ...bound }
  const read = (name: string, program: Program): Value => {
    let result = results.get(name)
    if (!result) {
      try {
        result = { value: evaluate(program, all, types, budget) }
      } catch (e) {
        if (!(e instanceof CelError)) throw e
        result = { error: new CelError(`composited variable ${JSON.stringify(name)} fails to evaluate: ${e.message}`) }
      }
      results.set(name, result)
    }
    if ('error' in result) throw result.error
    return result.value
  }
  all.variables = new LazyObject('kubernetes.variables', Object.fromEntries(variables.map(({ name, program }) => [name, () => read(name, program)])))
  return all
}

function messageFor(run: Run, { messageProgram, message, program }: CompiledValidation): string {
  const plain = message || `failed expression: ${program.source.trim()}`
  if (!messageProgram) return plain
  try {
    const value = evaluate(messageProgram, run.variables, run.policy.types, run.budget)
    return typeof value === 'string' && value.trim() && value.length <= MAX_MESSAGE && !/[\r\n]/.test(value) ? value.trim() : plain
  } catch (e) {
    // A message that cannot be made is no reason to say nothing: upstream falls back the same way.
    if (e instanceof CelError || e instanceof CostError) return plain
    throw e
  }
}

function judgeOne(run: Run, validation: CompiledValidation, expressionIndex: number): Failure | undefined {
  try {
    if (evaluate(validation.program, run.variables, run.policy.types, run.budget) === true) return undefined
    return { message: messageFor(run, validation), reason: validation.reason, expressionIndex }
  } catch (e) {
    if (!(e instanceof CelError) && !(e instanceof CostError)) throw e
    return run.fail ? { message: `expression '${validation.program.source}' resulted in error: ${messageOf(e)}`, reason: 'Invalid', expressionIndex } : undefined
  }
}

function annotate(run: Run): { annotations: { key: string; value: string }[]; failures: Failure[] } {
  const annotations: { key: string; value: string }[] = []
  const failures: Failure[] = []
  for (const { key, program } of run.policy.annotations) {
    try {
      const value = evaluate(program, run.variables, run.policy.types, run.budget)
      if (typeof value === 'string' && value.trim()) annotations.push({ key, value: value.trim().slice(0, MAX_ANNOTATION) })
    } catch (e) {
      if (!(e instanceof CelError) && !(e instanceof CostError)) throw e
      if (run.fail) failures.push({ message: `expression '${program.source}' resulted in error: ${messageOf(e)}`, reason: 'Invalid', expressionIndex: -1 })
    }
  }
  return { annotations, failures }
}

/** Undefined: the conditions say that the policy is not about this request. */
export function judge(policy: CompiledPolicy, bound: BoundVariables, failurePolicy: string): Judgement | undefined {
  const fail = failurePolicy !== 'Ignore'
  const condition = holds(policy.conditions, bound, policy.conditionTypes, new Budget(CONDITION_BUDGET))
  if (condition.error !== undefined) return fail ? { failures: [{ message: condition.error, reason: 'Invalid', expressionIndex: -1 }], annotations: [] } : undefined
  if (!condition.matches) return undefined
  const budget = new Budget()
  const run: Run = { policy, budget, fail, variables: lazily(policy, bound, budget) }
  const failures: Failure[] = []
  for (const [index, validation] of policy.validations.entries()) {
    const failure = judgeOne(run, validation, index)
    if (failure) failures.push(failure)
    if (budget.left) continue
    return { failures: fail ? [...failures, { message: OVER_BUDGET, reason: 'Invalid', expressionIndex: index }] : failures, annotations: [] }
  }
  const { annotations, failures: more } = annotate(run)
  return { failures: [...failures, ...more], annotations }
}
