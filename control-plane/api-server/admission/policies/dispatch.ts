/** Validating admission policies: which bindings a request meets, and what their actions make of what the policies say (`plugin/policy/validating/dispatcher.go`). */
import type { MatchResources, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../../../shared/api/admissionregistration-v1.ts'
import type { Namespace } from '../../../../shared/api/core-v1.ts'
import { forbidden, messageOf, StatusError } from '../../../../shared/base/errors.ts'
import type { Reason } from '../../../../shared/base/errors.ts'
import { bindingsOf, namespaceValue } from '../expressions/environment.ts'
import type { AdmissionRequest } from '../chain.ts'
import type { Seen } from '../match.ts'
import { matchesNamespace, matchesObject, matchRules, namespaceOf } from '../match.ts'
import type { Registered } from '../registered.ts'
import { kindOf } from '../stored-objects.ts'
import { versioned } from '../webhooks/calls.ts'
import type { WebhookDeps } from '../webhooks/calls.ts'
import { reviewRequest } from '../webhooks/review.ts'
import { compilePolicy } from './compiled.ts'
import type { Failure } from './evaluate.ts'
import { judge } from './evaluate.ts'
import { ConfigurationError, paramsOf } from './params.ts'

export type PolicyDeps = Pick<WebhookDeps, 'stored' | 'registry' | 'authorizer' | 'log'>

const namespaces = kindOf<Namespace>('', 'namespaces', false)

interface Denied { readonly policy: string; readonly binding: string; readonly failure: Failure }
/** What all policies said together: told at the end, as upstream publishes it. */
interface Findings { readonly denied: Denied[]; readonly audited: object[]; readonly annotations: Map<string, string[]> }

function matches(deps: PolicyDeps, match: MatchResources | undefined, request: AdmissionRequest): Seen | undefined {
  if (!match) return { definition: request.asked, kind: request.asked }
  const seen = matchRules({ rules: match.resourceRules ?? [], exclude: match.excludeResourceRules ?? [], matchPolicy: match.matchPolicy ?? 'Equivalent' }, request, deps.registry)
  if (!seen || !matchesNamespace(match.namespaceSelector, request, (name) => deps.stored.get(namespaces, '', name)?.metadata?.labels)) return undefined
  return matchesObject(match.objectSelector, request) ? seen : undefined
}

async function failuresOf(deps: PolicyDeps, policy: ValidatingAdmissionPolicy, binding: ValidatingAdmissionPolicyBinding, request: AdmissionRequest, seen: Seen, found: Findings): Promise<Failure[]> {
  const { spec, metadata } = policy
  const compiled = compilePolicy(policy)
  const namespace = namespaceOf(request)
  const bound = bindingsOf(request, reviewRequest(request, seen, ''), await versioned(request, seen), deps.authorizer)
  const failures: Failure[] = []
  for (const params of await paramsOf(deps, spec?.paramKind, binding.spec?.paramRef, request)) {
    const variables = { ...bound, params: params ?? null, namespaceObject: () => namespaceValue(namespace ? deps.stored.get(namespaces, '', namespace) : undefined) }
    const judgement = judge(compiled, variables, spec?.failurePolicy ?? 'Fail')
    if (!judgement) continue
    failures.push(...judgement.failures)
    for (const { key, value } of judgement.annotations) {
      const values = found.annotations.get(`${metadata?.name}/${key}`) ?? []
      if (!values.includes(value)) values.push(value)
      found.annotations.set(`${metadata?.name}/${key}`, values)
    }
  }
  return failures
}

async function apply(deps: PolicyDeps, policy: ValidatingAdmissionPolicy, binding: ValidatingAdmissionPolicyBinding, request: AdmissionRequest, seen: Seen, found: Findings): Promise<void> {
  const [policyName, bindingName] = [policy.metadata?.name ?? '', binding.metadata?.name ?? '']
  let failures: Failure[]
  try {
    failures = await failuresOf(deps, policy, binding, request, seen, found)
  } catch (e) {
    if (!(e instanceof ConfigurationError)) throw e
    if (policy.spec?.failurePolicy === 'Ignore') {
      deps.log.debug('a policy is passed by', { policy: policyName, binding: bindingName, error: e.message })
      return
    }
    found.denied.push({ policy: policyName, binding: bindingName, failure: { message: `failed to configure ${e.of}: ${e.message}`, reason: 'Invalid', expressionIndex: -1 } })
    return
  }
  const actions = binding.spec?.validationActions ?? []
  for (const failure of failures) {
    const { message, expressionIndex } = failure
    if (actions.includes('Deny')) found.denied.push({ policy: policyName, binding: bindingName, failure })
    if (actions.includes('Warn')) request.warn(`Validation failed for ValidatingAdmissionPolicy '${policyName}' with binding '${bindingName}': ${message}`)
    if (actions.includes('Audit')) found.audited.push({ message, policy: policyName, binding: bindingName, expressionIndex, validationActions: actions })
  }
}

const codes: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413, Invalid: 422 }

function refusal(request: AdmissionRequest, { policy, binding, failure }: Denied): StatusError {
  const { asked, name } = request
  const message = `ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: ${failure.message}`
  const refused = forbidden({ group: asked.group, resource: asked.resource, name }, message)
  return new StatusError(failure.reason as Reason, refused.message, { code: codes[failure.reason] ?? 422, details: { ...refused.details, causes: [{ message }] } })
}

export async function applyPolicies(deps: PolicyDeps, { policies, bindings }: Registered, request: AdmissionRequest): Promise<void> {
  const found: Findings = { denied: [], audited: [], annotations: new Map() }
  for (const policy of policies) {
    const bound = bindings.filter((b) => b.spec?.policyName === policy.metadata?.name)
    const seen = bound.length ? matches(deps, policy.spec?.matchConstraints, request) : undefined
    if (!seen) continue
    for (const binding of bound) {
      if (!matches(deps, binding.spec?.matchResources, request)) continue
      try {
        await apply(deps, policy, binding, request, seen, found)
      } catch (e) {
        if ((e as Error).name !== 'CompileError') throw e
        // Only what was stored by an older version of us: what is written today compiled.
        found.denied.push({ policy: policy.metadata?.name ?? '', binding: binding.metadata?.name ?? '', failure: { message: `failed to configure policy: ${messageOf(e)}`, reason: 'Invalid', expressionIndex: -1 } })
      }
    }
  }
  for (const [key, values] of found.annotations) request.annotate(key, values.join(', '))
  if (found.audited.length) request.annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(found.audited))
  if (found.denied[0]) throw refusal(request, found.denied[0])
}
