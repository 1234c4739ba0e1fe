/** A ValidatingAdmissionPolicy with its expressions compiled. */
import type { ValidatingAdmissionPolicy } from '../../../../shared/api/admissionregistration-v1.ts'
import type { CelType } from '../../cel/cel-type.ts'
import type { Declarations, Program } from '../../cel/compile.ts'
import { compile } from '../../cel/compile.ts'
import type { Condition } from '../expressions/conditions.ts'
import { compileConditions } from '../expressions/conditions.ts'
import { policyConditionVariables, policyVariables } from '../expressions/environment.ts'

export interface CompiledValidation { readonly program: Program; readonly message: string; readonly messageProgram: Program | undefined; readonly reason: string }

export interface CompiledPolicy {
  readonly conditions: readonly Condition[]
  readonly conditionTypes: Declarations
  readonly variables: readonly { readonly name: string; readonly program: Program }[]
  readonly validations: readonly CompiledValidation[]
  readonly annotations: readonly { readonly key: string; readonly program: Program }[]
  /** Of everything but the conditions. */
  readonly types: Declarations
}

const known = new WeakMap<ValidatingAdmissionPolicy, CompiledPolicy>()

/** Throws a `CompileError`. */
export function compilePolicy(policy: ValidatingAdmissionPolicy): CompiledPolicy {
  const found = known.get(policy)
  if (found) return found
  const spec = policy.spec ?? {}
  const params = spec.paramKind !== undefined
  const variableTypes: Record<string, CelType> = {}
  const variables = (spec.variables ?? []).map(({ name, expression }) => {
    const program = compile(expression, policyVariables(params, variableTypes))
    variableTypes[name] = program.type
    return { name, program }
  })
  const types = policyVariables(params, variableTypes)
  const conditionTypes = policyConditionVariables(params)
  const compiled: CompiledPolicy = {
    conditions: compileConditions(spec.matchConditions, conditionTypes), conditionTypes, variables, types,
    validations: (spec.validations ?? []).map((v) => ({
      program: compile(v.expression, types), message: v.message?.trim() ?? '', reason: v.reason ?? 'Invalid',
      messageProgram: v.messageExpression ? compile(v.messageExpression, types) : undefined,
    })),
    annotations: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({ key, program: compile(valueExpression, types) })),
  }
  known.set(policy, compiled)
  return compiled
}
