/** Do a policy's expressions fit the kinds it is about? Said in its status, never a reason to refuse it (`plugin/policy/validating/typechecking.go`). Pure. */
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '../../../../shared/api/admissionregistration-v1.ts'
import { apiVersionOf } from '../../../../shared/api/object.ts'
import { messageOf } from '../../../../shared/base/errors.ts'
import type { CelType } from '../../cel/cel-type.ts'
import { DYN } from '../../cel/cel-type.ts'
import { compile, CompileError } from '../../cel/compile.ts'
import type { ResourceDefinition } from '../../resources/definition.ts'
import type { Registry } from '../../resources/live-registry.ts'
import { policyVariables } from '../expressions/environment.ts'
import { typeOfKind } from './typed-objects.ts'

/** Upstream looks at so many kinds of a policy. */
const MAX_KINDS = 10

/** Kinds that the rules name outright. */
function kindsOf({ spec }: ValidatingAdmissionPolicy, registry: Registry): readonly ResourceDefinition[] {
  const plain = (values: readonly string[] | undefined): readonly string[] => (values?.some((v) => v.includes('*')) ? [] : values ?? [])
  const found = new Set<ResourceDefinition>()
  for (const rule of spec?.matchConstraints?.resourceRules ?? []) {
    for (const group of plain(rule.apiGroups)) {
      for (const version of plain(rule.apiVersions)) {
        for (const resource of plain(rule.resources)) {
          const definition = registry.find(group, version, resource)
          if (definition && found.size < MAX_KINDS) found.add(definition)
        }
      }
    }
  }
  return [...found]
}

function paramsType({ spec }: ValidatingAdmissionPolicy, registry: Registry): CelType | undefined {
  if (!spec?.paramKind) return undefined
  const [first = '', second] = (spec.paramKind.apiVersion ?? '').split('/')
  const definition = registry.byKind(second === undefined ? '' : first, second ?? first, spec.paramKind.kind ?? '')
  return definition ? typeOfKind(definition) : DYN
}

interface Kind { readonly name: string; readonly types: (variables: Readonly<Record<string, CelType>>) => Readonly<Record<string, CelType>> }

function problem(source: string, types: Readonly<Record<string, CelType>>): { readonly type: CelType; readonly message?: string } {
  try {
    return { type: compile(source, types).type }
  } catch (e) {
    if (e instanceof CompileError) return { type: DYN, message: `compilation failed: ${messageOf(e)}` }
    throw e
  }
}

export function checkTypes(policy: ValidatingAdmissionPolicy, registry: Registry): ExpressionWarning[] {
  const params = paramsType(policy, registry)
  const kinds = kindsOf(policy, registry).map((definition): Kind => {
    const object = typeOfKind(definition)
    return {
      name: `${apiVersionOf(definition)}, Kind=${definition.kind}`,
      types: (variables) => ({ ...policyVariables(params !== undefined, variables), object, oldObject: object, ...(params ? { params } : {}) }),
    }
  })
  const variables = kinds.map((): Record<string, CelType> => ({}))
  const warnings: ExpressionWarning[] = []
  const check = (source: string, fieldRef: string, keep?: string): void => {
    const problems = kinds.flatMap((kind, i) => {
      const { type, message } = problem(source, kind.types(variables[i] ?? {}))
      if (keep !== undefined) (variables[i] ??= {})[keep] = type
      return message === undefined ? [] : [`${kind.name}: ${message}\n`]
    })
    if (problems.length) warnings.push({ fieldRef, warning: problems.join('') })
  }
  const { spec } = policy
  for (const [i, v] of (spec?.variables ?? []).entries()) check(v.expression, `spec.variables[${i}].expression`, v.name)
  for (const [i, v] of (spec?.validations ?? []).entries()) {
    check(v.expression, `spec.validations[${i}].expression`)
    if (v.messageExpression) check(v.messageExpression, `spec.validations[${i}].messageExpression`)
  }
  return warnings
}
