/** Judges the expressions in webhook configurations and policies; CEL is loaded with the first that has some. */
import type { MatchCondition, ValidatingAdmissionPolicy } from '../../../../shared/api/admissionregistration-v1.ts'
import { equalJson } from '../../../../shared/values/json-value.ts'
import { invalid } from '../../encode/validation-status.ts'
import { admissionGroup } from '../../resources/webhook-rules.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../chain.ts'

interface Configuration { readonly webhooks?: readonly { readonly matchConditions?: readonly MatchCondition[] }[]; readonly spec?: unknown }

async function judge(request: AdmissionRequest, object: Configuration): Promise<void> {
  const { policyFindings, webhookFindings } = await import('./stored-rules.ts')
  const found = object.webhooks ? webhookFindings(object.webhooks) : policyFindings(object as ValidatingAdmissionPolicy)
  if (found.length) throw invalid(request.definition, request.name, found)
}

export const storedExpressions: AdmissionPlugin = {
  name: 'StoredExpressions',
  validate(request) {
    const { definition, object, old, subresource } = request
    if (definition.group !== admissionGroup || !object || subresource !== '') return undefined
    const [now, before] = [object as Configuration, old as Configuration | undefined]
    // What is stored already stays writable, whatever we think of it today.
    if (before && equalJson(now.webhooks, before.webhooks) && equalJson(now.spec, before.spec)) return undefined
    const has = definition.resource === 'validatingadmissionpolicies' || now.webhooks?.some((hook) => hook.matchConditions?.length)
    return has ? judge(request, now) : undefined
  },
}
