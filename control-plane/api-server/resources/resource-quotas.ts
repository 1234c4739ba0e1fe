import type { ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '../../../shared/api/core-v1.ts'
import { formatQuantity, parseQuantity, roundUpToMilli } from '../../../shared/values/quantity.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidValue, notSupported, required } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { validateQuantityOf, validateQuotaResourceName } from './resource-names.ts'
import { carryOverParts } from './spec-and-status.ts'

const scopes = ['BestEffort', 'CrossNamespacePodAffinity', 'NotBestEffort', 'NotTerminating', 'PriorityClass', 'Terminating', 'VolumeAttributesClass']
const computeOfPods = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory', 'ephemeral-storage', 'requests.ephemeral-storage', 'limits.ephemeral-storage', 'pods']

function applies(scope: string, resource: string): boolean {
  if (scope === 'BestEffort') return resource === 'pods'
  if (scope === 'VolumeAttributesClass') return resource.includes('storage') || resource === 'persistentvolumeclaims'
  return computeOfPods.includes(resource) || resource.startsWith('requests.hugepages-') || resource.startsWith('hugepages-')
}

function validateScopes(given: readonly string[], hard: readonly string[], field: string): FieldError[] {
  const found: FieldError[] = []
  for (const scope of given) {
    if (!scopes.includes(scope)) found.push(invalidValue(field, given, 'unsupported scope'))
    else for (const resource of hard) if (!resource.includes('/') && !applies(scope, resource)) found.push(invalidValue(field, given, 'unsupported scope applied to resource'))
  }
  for (const pair of [['BestEffort', 'NotBestEffort'], ['Terminating', 'NotTerminating']] as const) if (pair.every((s) => given.includes(s))) found.push(invalidValue(field, given, 'conflicting scopes'))
  return found
}

const selecting = ['In', 'NotIn']

function validateRequirement(r: ScopedResourceSelectorRequirement, at: string): FieldError[] {
  const found: FieldError[] = []
  const count = r.values?.length ?? 0
  if (!scopes.includes(r.scopeName)) found.push(invalidValue(`${at}.scopeName`, r.scopeName ?? '', 'unsupported scope'))
  if (['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'].includes(r.scopeName) && r.operator !== 'Exists') {
    found.push(invalidValue(`${at}.operator`, r.operator ?? '', "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"))
  }
  if (selecting.includes(r.operator)) {
    if (count === 0) found.push(required(`${at}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
  } else if (r.operator === 'Exists' || r.operator === 'DoesNotExist') {
    if (count > 0) found.push(invalidValue(`${at}.values`, r.values, "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"))
  } else found.push(notSupported(`${at}.operator`, r.operator ?? '', ['DoesNotExist', 'Exists', 'In', 'NotIn']))
  return found
}

const validateAmounts = (amounts: Readonly<Record<string, string>> | undefined, at: string): FieldError[] =>
  Object.entries(amounts ?? {}).flatMap(([name, amount]) => [...validateQuotaResourceName(name, `${at}[${name}]`), ...validateQuantityOf(name, amount, `${at}[${name}]`)])

function validate({ spec: given }: ResourceQuota): FieldError[] {
  const spec: ResourceQuotaSpec = given ?? {}
  const hard = Object.keys(spec.hard ?? {})
  const found = [...validateAmounts(spec.hard, 'spec.hard'), ...validateScopes(spec.scopes ?? [], hard, 'spec.scopes')]
  const selected = spec.scopeSelector?.matchExpressions ?? []
  selected.forEach((r, i) => found.push(...validateRequirement(r, `spec.scopeSelector.matchExpressions[${i}]`)))
  if (selected.length) found.push(...validateScopes(selected.map((r) => r.scopeName), hard, 'spec.scopeSelector.matchExpressions').filter((f) => f.detail !== 'unsupported scope'))
  return found
}

/** `used/hard` of each resource; those that begin with `limits.` have their own column. */
function usage({ status }: ResourceQuota, limits: boolean): string {
  const names = Object.keys(status?.hard ?? {}).filter((n) => n.startsWith('limits.') === limits).sort()
  return names.map((n) => `${n}: ${status?.used?.[n] ?? '0'}/${status?.hard?.[n] ?? '0'}`).join(', ')
}

export const resourceQuotas = define<ResourceQuota>({
  group: '', version: 'v1', resource: 'resourcequotas', kind: 'ResourceQuota', namespaced: true, schema: 'core-v1.ResourceQuota', shortNames: ['quota'], subresources: { status: true },
  columns: [
    nameColumn, column('Request', (q) => usage(q, false), { description: 'Request represents a minimum amount of cpu/memory that a container may consume.' }),
    column('Limit', (q) => usage(q, true), { description: 'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.' }), ageColumn,
  ],
  strategy: {
    default(q) {
      q.spec ??= {}
      q.status ??= {}
      for (const list of [q.spec.hard, q.status.hard, q.status.used]) {
        for (const [name, amount] of Object.entries(list ?? {})) if (list && /[nu]$|e-|\./.test(amount)) list[name] = formatQuantity(roundUpToMilli(parseQuantity(amount)))
      }
    },
    prepareForCreate: (q) => { q.status = {} },
    prepareForUpdate: carryOverParts, validate,
    validateUpdate: (q, old, { subresource }) => (subresource === 'status'
      ? [...validateAmounts(q.status?.hard, 'status.hard'), ...validateAmounts(q.status?.used, 'status.used')]
      : [...unchanged('spec.scopes', [...(q.spec?.scopes ?? [])].sort(), [...(old.spec?.scopes ?? [])].sort()), ...unchanged('spec.scopeSelector', q.spec?.scopeSelector, old.spec?.scopeSelector)]),
  },
})
