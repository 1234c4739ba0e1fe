/** ValidatingAdmissionPolicy and its bindings. Their expressions are compiled and run in `admission/policies/`. */
import type {
  AuditAnnotation, ParamRef, Validation, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicySpec, Variable,
} from '../../../shared/api/admissionregistration-v1.ts'
import { formatLabelSelector } from '../../../shared/values/selector.ts'
import { validateDns1123Subdomain, validateQualifiedName } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { duplicate, invalidFor, invalidValue, notSupported, required } from './findings.ts'
import { validateConditions as validateStatusConditions, validateLabelSelector } from './object-meta.ts'
import { carryOver, countSpecChanges, firstGeneration, startGeneration } from './spec-and-status.ts'
import { admissionGroup, defaultMatch, failurePolicies, validateConditions, validateMatch } from './webhook-rules.ts'

const reasons = ['Unauthorized', 'Forbidden', 'Invalid', 'RequestEntityTooLarge']
const actions = ['Deny', 'Warn', 'Audit']
const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/

function validateValidation(v: Validation, at: string): FieldError[] {
  const found: FieldError[] = v.expression?.trim() ? [] : [required(`${at}.expression`, 'expression is not specified')]
  const message = v.message ?? ''
  if (message.trim() === '' && message !== '') found.push(invalidValue(`${at}.message`, message, 'message must be non-empty if specified'))
  else if (/[\r\n]/.test(message.trim())) found.push(invalidValue(`${at}.message`, message, 'message must not contain line breaks'))
  else if (/[\r\n]/.test(v.expression?.trim() ?? '') && !message.trim()) found.push(required(`${at}.message`, 'message must be specified if expression contains line breaks'))
  if (v.messageExpression !== undefined && v.messageExpression !== '' && !v.messageExpression.trim()) found.push(invalidValue(`${at}.messageExpression`, v.messageExpression, 'must be non-empty if specified'))
  if (v.reason !== undefined && !reasons.includes(v.reason)) found.push(notSupported(`${at}.reason`, v.reason, reasons))
  return found
}

function validateVariables(variables: readonly Variable[]): FieldError[] {
  return variables.flatMap((v, i) => {
    const at = `spec.variables[${i}]`
    const found: FieldError[] = !v.name ? [required(`${at}.name`, 'name is not specified')] : identifier.test(v.name) ? [] : [invalidValue(`${at}.name`, v.name, 'name is not a valid CEL identifier')]
    if (!v.expression?.trim()) found.push(required(`${at}.expression`, 'expression is not specified'))
    if (v.name && variables.findIndex((o) => o.name === v.name) < i) found.push(duplicate(`${at}.name`, v.name))
    return found
  })
}

function validateAnnotations(annotations: readonly AuditAnnotation[], policy: string): FieldError[] {
  return annotations.flatMap((a, i) => {
    const at = `spec.auditAnnotations[${i}]`
    const found: FieldError[] = invalidFor(`${at}.key`, a.key ?? '', validateQualifiedName(policy ? `${policy}/${a.key ?? ''}` : a.key ?? ''))
    if (!a.valueExpression?.trim()) found.push(required(`${at}.valueExpression`, 'valueExpression is not specified'))
    if (annotations.findIndex((o) => o.key === a.key) < i) found.push(duplicate(`${at}.key`, a.key))
    return found
  })
}

function validatePolicy(policy: ValidatingAdmissionPolicy): FieldError[] {
  const spec: ValidatingAdmissionPolicySpec = policy.spec ?? {}
  const found: FieldError[] = []
  if (!failurePolicies.includes(spec.failurePolicy ?? '')) found.push(notSupported('spec.failurePolicy', spec.failurePolicy ?? '', failurePolicies))
  const { paramKind } = spec
  if (paramKind) {
    if (!paramKind.apiVersion) found.push(required('spec.paramKind.apiVersion'))
    else if (!/^(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[a-z]([-a-z0-9]*[a-z0-9])?$/.test(paramKind.apiVersion)) found.push(invalidValue('spec.paramKind.apiVersion', paramKind.apiVersion, 'must be a valid group and version'))
    if (!paramKind.kind) found.push(required('spec.paramKind.kind'))
  }
  found.push(...validateMatch(spec.matchConstraints, 'spec.matchConstraints', true), ...validateConditions(spec.matchConditions, 'spec.matchConditions'), ...validateVariables(spec.variables ?? []))
  if (!spec.validations?.length && !spec.auditAnnotations?.length) {
    found.push(required('spec.validations', 'validations or auditAnnotations must contain at least one item'), required('spec.auditAnnotations', 'validations or auditAnnotations must contain at least one item'))
  }
  return [...found, ...(spec.validations ?? []).flatMap((v, i) => validateValidation(v, `spec.validations[${i}]`)), ...validateAnnotations(spec.auditAnnotations ?? [], policy.metadata?.name ?? '')]
}

const paramKindText = ({ spec }: ValidatingAdmissionPolicy): string => {
  const { apiVersion = '', kind = '' } = spec?.paramKind ?? {}
  return spec?.paramKind ? (apiVersion ? `${apiVersion}/${kind}` : kind) : '<unset>'
}

export const validatingAdmissionPolicies = define<ValidatingAdmissionPolicy>({
  group: admissionGroup, version: 'v1', resource: 'validatingadmissionpolicies', kind: 'ValidatingAdmissionPolicy', namespaced: false,
  schema: 'admissionregistration-v1.ValidatingAdmissionPolicy', categories: ['api-extensions'], subresources: { status: true },
  columns: [
    nameColumn, column('Validations', (p) => p.spec?.validations?.length ?? 0, { type: 'integer', description: 'Validations indicates the number of validation rules defined in this configuration' }),
    column('ParamKind', paramKindText, { description: 'ParamKind specifies the kind of resources used to parameterize this policy' }), ageColumn,
  ],
  strategy: {
    default(p) {
      const spec = (p.spec ??= {})
      spec.failurePolicy ??= 'Fail'
      defaultMatch(spec.matchConstraints)
    },
    prepareForCreate: (p) => startGeneration(p), prepareForUpdate: carryOver, validate: validatePolicy,
    validateUpdate: (p, _old, { subresource }) => (subresource === 'status' ? validateStatusConditions(p.status?.conditions, 'status.conditions') : []),
  },
})

function validateParamRef(ref: ParamRef | undefined): FieldError[] {
  if (!ref) return []
  const found: FieldError[] = []
  const at = 'spec.paramRef'
  if (ref.name) found.push(...invalidFor(`${at}.name`, ref.name, validateDns1123Subdomain(ref.name)))
  if (ref.name && ref.selector) found.push({ type: 'Forbidden', field: `${at}.name`, detail: 'name and selector are mutually exclusive' })
  else if (!ref.name && !ref.selector) found.push(required(at, 'one of name or selector must be specified'))
  found.push(...validateLabelSelector(ref.selector, `${at}.selector`))
  if (!ref.parameterNotFoundAction) found.push(required(`${at}.parameterNotFoundAction`))
  else if (ref.parameterNotFoundAction !== 'Allow' && ref.parameterNotFoundAction !== 'Deny') found.push(notSupported(`${at}.parameterNotFoundAction`, ref.parameterNotFoundAction, ['Deny', 'Allow']))
  return found
}

function validateBinding(binding: ValidatingAdmissionPolicyBinding): FieldError[] {
  const { policyName = '', paramRef, matchResources, validationActions = [] } = binding.spec ?? {}
  const found: FieldError[] = policyName ? invalidFor('spec.policyName', policyName, validateDns1123Subdomain(policyName)) : [required('spec.policyName')]
  found.push(...validateParamRef(paramRef), ...validateMatch(matchResources, 'spec.matchResources', false))
  const at = 'spec.validationActions'
  if (!validationActions.length) found.push(required(at, 'at least one validation action is required'))
  validationActions.forEach((action, i) => {
    if (!actions.includes(action)) found.push(notSupported(`${at}[${i}]`, action, actions))
    if (validationActions.indexOf(action) < i) found.push(duplicate(`${at}[${i}]`, action))
  })
  if (validationActions.includes('Deny') && validationActions.includes('Warn')) {
    found.push(invalidValue(at, validationActions, 'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'))
  }
  return found
}

function paramRefText({ spec }: ValidatingAdmissionPolicyBinding): string {
  const { name, namespace, selector } = spec?.paramRef ?? {}
  if (!spec?.paramRef) return '<unset>'
  const what = name ?? formatLabelSelector(selector)
  return namespace ? `${namespace}/${what}` : what
}

export const validatingAdmissionPolicyBindings = define<ValidatingAdmissionPolicyBinding>({
  group: admissionGroup, version: 'v1', resource: 'validatingadmissionpolicybindings', kind: 'ValidatingAdmissionPolicyBinding', namespaced: false,
  schema: 'admissionregistration-v1.ValidatingAdmissionPolicyBinding', categories: ['api-extensions'],
  columns: [
    nameColumn, column('PolicyName', (b) => b.spec?.policyName ?? '', { description: 'PolicyName indicates the policy definition which the policy binding binded to' }),
    column('ParamRef', paramRefText, { description: 'ParamRef indicates the param resource which sets the configation param' }), ageColumn,
  ],
  strategy: { default: (b) => defaultMatch(b.spec?.matchResources), prepareForCreate: firstGeneration, prepareForUpdate: countSpecChanges, validate: validateBinding },
})
