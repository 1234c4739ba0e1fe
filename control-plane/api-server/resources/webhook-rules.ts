/** What webhook configurations and admission policies share (`pkg/apis/admissionregistration/validation`). Pure. */
import type { MatchCondition, MatchResources, NamedRuleWithOperations, RuleWithOperations, WebhookClientConfig } from '../../../shared/api/admissionregistration-v1.ts'
import { validateDns1123Subdomain, validatePathSegment, validateQualifiedName } from '../../../shared/values/names.ts'
import { validateUrl } from '../custom-resources/definition-rules.ts'
import type { FieldError } from './definition.ts'
import { duplicate, invalidFor, invalidValue, notSupported, required, tooMany } from './findings.ts'
import { validateLabelSelector } from './object-meta.ts'

export const admissionGroup = 'admissionregistration.k8s.io'
const operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT', '*']
const scopes = ['Cluster', 'Namespaced', '*']
export const failurePolicies = ['Fail', 'Ignore']
export const matchPolicies = ['Equivalent', 'Exact']
/** Of conditions of one webhook or policy. */
const MAX_CONDITIONS = 64

export function defaultRules(rules: readonly RuleWithOperations[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ||= '*'
}

export function defaultMatch(match: MatchResources | undefined): void {
  if (!match) return
  match.matchPolicy ||= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  defaultRules(match.resourceRules)
  defaultRules(match.excludeResourceRules)
}

/** `what`: operations, API groups, API versions. */
function exclusiveStar(values: readonly string[] | undefined, field: string, what: string): FieldError[] {
  if (!values?.length) return [required(field)]
  return values.includes('*') && values.length > 1 ? [invalidValue(field, values, `if '*' is present, must not specify other ${what}`)] : []
}

const empties = (values: readonly string[] | undefined, field: string): FieldError[] => (values ?? []).flatMap((v, i) => (v === '' ? [required(`${field}[${i}]`)] : []))

function validateResources(resources: readonly string[] | undefined, field: string): FieldError[] {
  if (!resources?.length) return [required(field)]
  const found: FieldError[] = []
  const wholly = new Set<string>()
  const subresources = new Set<string>()
  resources.forEach((r, i) => {
    const at = `${field}[${i}]`
    const [resource = '', sub] = r.split('/')
    if (r === '') found.push(required(at))
    else if (r === '*/*' && resources.length > 1) found.push(invalidValue(at, r, "if '*/*' is present, must not specify other resources"))
    else if (sub === undefined) return
    else if (wholly.has(resource)) found.push(invalidValue(at, r, `if '${resource}/*' is present, must not specify ${r}`))
    else if (subresources.has(sub)) found.push(invalidValue(at, r, `if '*/${sub}' is present, must not specify ${r}`))
    if (sub === '*') wholly.add(resource)
    if (resource === '*' && sub !== undefined) subresources.add(sub)
  })
  if (resources.length > 1 && resources.includes('*') && resources.some((r) => r !== '*' && !r.includes('/'))) {
    found.push(invalidValue(field, resources, "if '*' is present, must not specify other resources without subresources"))
  }
  return found
}

function validateRule(rule: RuleWithOperations, field: string): FieldError[] {
  return [
    ...exclusiveStar(rule.operations, `${field}.operations`, 'operations'),
    ...(rule.operations ?? []).flatMap((o, i) => (operations.includes(o) ? [] : [notSupported(`${field}.operations[${i}]`, o, operations)])),
    ...exclusiveStar(rule.apiGroups, `${field}.apiGroups`, 'API groups'),
    ...exclusiveStar(rule.apiVersions, `${field}.apiVersions`, 'API versions'), ...empties(rule.apiVersions, `${field}.apiVersions`),
    ...validateResources(rule.resources, `${field}.resources`),
    ...(rule.scope !== undefined && !scopes.includes(rule.scope) ? [notSupported(`${field}.scope`, rule.scope, scopes)] : []),
  ]
}

export const validateRules = (rules: readonly RuleWithOperations[] | undefined, field: string): FieldError[] => (rules ?? []).flatMap((rule, i) => validateRule(rule, `${field}[${i}]`))

function validateNamedRule(rule: NamedRuleWithOperations, field: string): FieldError[] {
  const names = rule.resourceNames ?? []
  return [
    ...names.flatMap((n, i) => [...invalidFor(`${field}.resourceNames[${i}]`, n, validatePathSegment(n, false)), ...(names.indexOf(n) < i ? [duplicate(`${field}.resourceNames[${i}]`, n)] : [])]),
    ...validateRule(rule, field),
  ]
}

/** `needed`: a policy's constraints, which must choose something; a binding's only narrow them. */
export function validateMatch(match: MatchResources | undefined, field: string, needed: boolean): FieldError[] {
  if (!match) return needed ? [required(field)] : []
  return [
    ...(match.matchPolicy !== undefined && !matchPolicies.includes(match.matchPolicy) ? [notSupported(`${field}.matchPolicy`, match.matchPolicy, matchPolicies)] : []),
    ...validateLabelSelector(match.namespaceSelector, `${field}.namespaceSelector`), ...validateLabelSelector(match.objectSelector, `${field}.objectSelector`),
    ...(needed && !match.resourceRules?.length ? [required(`${field}.resourceRules`)] : []),
    ...(match.resourceRules ?? []).flatMap((r, i) => validateNamedRule(r, `${field}.resourceRules[${i}]`)),
    ...(match.excludeResourceRules ?? []).flatMap((r, i) => validateNamedRule(r, `${field}.excludeResourceRules[${i}]`)),
  ]
}

/** Without the expressions' own syntax: that is judged by admission, which has CEL. */
export function validateConditions(conditions: readonly MatchCondition[] | undefined, field: string): FieldError[] {
  const all = conditions ?? []
  if (all.length > MAX_CONDITIONS) return [tooMany(field, all.length, MAX_CONDITIONS)]
  return all.flatMap((c, i) => {
    const at = `${field}[${i}]`
    const name = !c.name ? [required(`${at}.name`)] : [...invalidFor(`${at}.name`, c.name, validateQualifiedName(c.name)), ...(all.findIndex((o) => o.name === c.name) < i ? [duplicate(`${at}.name`, c.name)] : [])]
    return [...(c.expression?.trim() ? [] : [required(`${at}.expression`)]), ...name]
  })
}

function validatePath(path: string, field: string): FieldError[] {
  if (path === '' || path === '/') return []
  if (!path.startsWith('/')) return [invalidValue(field, path, "must start with a '/'")]
  const steps = path.slice(1).replace(/\/$/, '').split('/')
  return steps.flatMap((step, i) => (step === '' ? [invalidValue(field, path, `segment[${i}] may not be empty`)]
    : validateDns1123Subdomain(step).map((m) => invalidValue(field, path, `segment[${i}]: ${m}`))))
}

export function validateClientConfig({ url, service }: WebhookClientConfig, field: string): FieldError[] {
  if ((url === undefined) === (service === undefined)) return [required(field, 'exactly one of url or service is required')]
  if (url !== undefined) return validateUrl(url, `${field}.url`)
  if (!service) return []
  const at = `${field}.service`
  const port = service.port ?? 443
  return [
    ...(service.name ? [] : [required(`${at}.name`, 'service name is required')]), ...(service.namespace ? [] : [required(`${at}.namespace`, 'service namespace is required')]),
    ...(service.path === undefined ? [] : validatePath(service.path, `${at}.path`)),
    ...(port < 1 || port > 65535 ? [invalidValue(`${at}.port`, port, 'port is not valid: must be between 1 and 65535, inclusive')] : []),
  ]
}

/** A name of at least three parts. */
export function validateFullName(name: string, field: string): FieldError[] {
  if (!name) return [required(field)]
  const found = invalidFor(field, name, validateDns1123Subdomain(name))
  if (found.length) return found
  return name.split('.').length < 3 ? [invalidValue(field, name, 'should be a domain with at least three segments separated by dots')] : []
}
