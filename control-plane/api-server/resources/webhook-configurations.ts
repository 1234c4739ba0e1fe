/** MutatingWebhookConfiguration and ValidatingWebhookConfiguration. What they configure is called in `admission/webhooks/`. */
import type { MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration } from '../../../shared/api/admissionregistration-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateDns1035Label } from '../../../shared/values/names.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError, Strategy } from './definition.ts'
import { duplicate, invalidFor, invalidValue, notSupported, required } from './findings.ts'
import { validateLabelSelector } from './object-meta.ts'
import { firstGeneration } from './spec-and-status.ts'
import { admissionGroup, defaultRules, failurePolicies, matchPolicies, validateClientConfig, validateConditions, validateFullName, validateRules } from './webhook-rules.ts'

type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>
type Configuration = ValidatingWebhookConfiguration & { webhooks?: Webhook[] }

const reviewVersions = ['v1', 'v1beta1']
const sideEffects = ['None', 'NoneOnDryRun']

function setDefaults(hook: Webhook, mutating: boolean): void {
  hook.failurePolicy ??= 'Fail'
  hook.matchPolicy ??= 'Equivalent'
  hook.namespaceSelector ??= {}
  hook.objectSelector ??= {}
  hook.timeoutSeconds ??= 10
  if (mutating) hook.reinvocationPolicy ??= 'Never'
  if (hook.clientConfig?.service) hook.clientConfig.service.port ??= 443
  defaultRules(hook.rules)
}

function validateReviewVersions(versions: readonly string[] | undefined, field: string): FieldError[] {
  if (!versions?.length) return [required(field, `must specify one of ${reviewVersions.join(', ')}`)]
  const found = versions.flatMap((v, i) => (versions.indexOf(v) < i ? [duplicate(`${field}[${i}]`, v)] : invalidFor(`${field}[${i}]`, v, validateDns1035Label(v))))
  return found.length || versions.some((v) => reviewVersions.includes(v)) ? found : [invalidValue(field, versions, `must include at least one of ${reviewVersions.join(', ')}`)]
}

function validateHook(hook: Webhook, at: string): FieldError[] {
  const supported = (field: string, value: string | undefined, values: readonly string[]): FieldError[] => (value === undefined || values.includes(value) ? [] : [notSupported(`${at}.${field}`, value, values)])
  const { timeoutSeconds = 10 } = hook
  return [
    ...validateFullName(hook.name ?? '', `${at}.name`), ...validateRules(hook.rules, `${at}.rules`),
    ...supported('failurePolicy', hook.failurePolicy, failurePolicies), ...supported('matchPolicy', hook.matchPolicy, matchPolicies),
    ...(hook.sideEffects ? supported('sideEffects', hook.sideEffects, sideEffects) : [required(`${at}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`)]),
    ...(timeoutSeconds < 1 || timeoutSeconds > 30 ? [invalidValue(`${at}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds')] : []),
    ...validateLabelSelector(hook.namespaceSelector, `${at}.namespaceSelector`), ...validateLabelSelector(hook.objectSelector, `${at}.objectSelector`),
    ...validateClientConfig(hook.clientConfig ?? {}, `${at}.clientConfig`), ...supported('reinvocationPolicy', hook.reinvocationPolicy, ['Never', 'IfNeeded']),
    ...validateReviewVersions(hook.admissionReviewVersions, `${at}.admissionReviewVersions`), ...validateConditions(hook.matchConditions, `${at}.matchConditions`),
  ]
}

function strategyOf(mutating: boolean): Strategy<Configuration> {
  return {
    default(c) { for (const hook of c.webhooks ?? []) setDefaults(hook, mutating) },
    prepareForCreate: firstGeneration,
    prepareForUpdate(c, old) {
      const generation = old.metadata?.generation ?? 1
      ;(c.metadata ??= {}).generation = equalJson(c.webhooks ?? [], old.webhooks ?? []) ? generation : generation + 1
    },
    validate(c) {
      const hooks = c.webhooks ?? []
      return hooks.flatMap((hook, i) => [
        ...validateHook(hook, `webhooks[${i}]`), ...(hook.name && hooks.findIndex((h) => h.name === hook.name) < i ? [duplicate(`webhooks[${i}].name`, hook.name)] : []),
      ])
    },
  }
}

const columns = [
  nameColumn, column<Configuration>('Webhooks', (c) => c.webhooks?.length ?? 0, { type: 'integer', description: 'Webhooks indicates the number of webhooks registered in this configuration' }), ageColumn,
]

export const mutatingWebhookConfigurations = define<MutatingWebhookConfiguration>({
  group: admissionGroup, version: 'v1', resource: 'mutatingwebhookconfigurations', kind: 'MutatingWebhookConfiguration', namespaced: false,
  schema: 'admissionregistration-v1.MutatingWebhookConfiguration', categories: ['api-extensions'], columns, strategy: strategyOf(true) as Strategy<MutatingWebhookConfiguration>,
})

export const validatingWebhookConfigurations = define<ValidatingWebhookConfiguration>({
  group: admissionGroup, version: 'v1', resource: 'validatingwebhookconfigurations', kind: 'ValidatingWebhookConfiguration', namespaced: false,
  schema: 'admissionregistration-v1.ValidatingWebhookConfiguration', categories: ['api-extensions'], columns, strategy: strategyOf(false) as Strategy<ValidatingWebhookConfiguration>,
})
