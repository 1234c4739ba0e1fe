/** Expressions of webhook configurations and policies are compiled before they are stored: what does not compile, or gives the wrong type, is Invalid. */
import type { MatchCondition, ValidatingAdmissionPolicy } from '../../../../shared/api/admissionregistration-v1.ts'
import { messageOf } from '../../../../shared/base/errors.ts'
import type { CelType } from '../../cel/cel-type.ts'
import type { Declarations } from '../../cel/compile.ts'
import { compile, CompileError } from '../../cel/compile.ts'
import type { FieldError } from '../../resources/definition.ts'
import { invalidValue } from '../../resources/findings.ts'
import { conditionVariables, policyConditionVariables, policyVariables } from './environment.ts'

interface Checked { readonly findings: FieldError[]; readonly type: CelType }

/** `kinds`: what it may give. */
function checked(source: string | undefined, field: string, types: Declarations, kinds: readonly string[] | undefined): Checked {
  const unknown: CelType = { kind: 'dyn' }
  if (!source?.trim()) return { findings: [], type: unknown }
  try {
    const { type } = compile(source, types)
    const wrong = kinds && type.kind !== 'dyn' && !kinds.includes(type.kind)
    return { findings: wrong ? [invalidValue(field, source, kinds.length === 1 ? `must evaluate to ${kinds[0]}` : `must evaluate to one of [${kinds.map((k) => (k === 'null' ? 'null_type' : k)).join(' ')}]`)] : [], type }
  } catch (e) {
    if (!(e instanceof CompileError)) throw e
    return { findings: [invalidValue(field, source, `compilation failed: ${messageOf(e)}`)], type: unknown }
  }
}

const conditionFindings = (conditions: readonly MatchCondition[] | undefined, field: string, types: Declarations): FieldError[] =>
  (conditions ?? []).flatMap((c, i) => checked(c.expression, `${field}[${i}].expression`, types, ['bool']).findings)

export const webhookFindings = (hooks: readonly { readonly matchConditions?: readonly MatchCondition[] }[] | undefined): FieldError[] =>
  (hooks ?? []).flatMap((hook, i) => conditionFindings(hook.matchConditions, `webhooks[${i}].matchConditions`, conditionVariables))

export function policyFindings({ spec = {} }: ValidatingAdmissionPolicy): FieldError[] {
  const params = spec.paramKind !== undefined
  const known: Record<string, CelType> = {}
  const found = conditionFindings(spec.matchConditions, 'spec.matchConditions', policyConditionVariables(params))
  for (const [i, { name, expression }] of (spec.variables ?? []).entries()) {
    const { findings, type } = checked(expression, `spec.variables[${i}].expression`, policyVariables(params, known), undefined)
    found.push(...findings)
    known[name] = type
  }
  const types = policyVariables(params, known)
  for (const [i, v] of (spec.validations ?? []).entries()) {
    found.push(...checked(v.expression, `spec.validations[${i}].expression`, types, ['bool']).findings, ...checked(v.messageExpression, `spec.validations[${i}].messageExpression`, types, ['string']).findings)
  }
  for (const [i, a] of (spec.auditAnnotations ?? []).entries()) found.push(...checked(a.valueExpression, `spec.auditAnnotations[${i}].valueExpression`, types, ['string', 'null']).findings)
  return found
}
