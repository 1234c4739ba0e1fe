/** How much of a request is written down: an `audit.k8s.io/v1` Policy, as `k8s.io/apiserver/pkg/audit/policy/checker.go` reads it. Pure. */
import type { Attributes } from '../authz/attributes.ts'

export type Level = 'None' | 'Metadata' | 'Request' | 'RequestResponse'
export type Stage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic'

export interface GroupResources { readonly group?: string; readonly resources?: readonly string[]; readonly resourceNames?: readonly string[] }

export interface PolicyRule {
  readonly level: Level
  readonly users?: readonly string[]
  readonly userGroups?: readonly string[]
  readonly verbs?: readonly string[]
  readonly resources?: readonly GroupResources[]
  readonly namespaces?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly omitStages?: readonly Stage[]
  readonly omitManagedFields?: boolean
}

export interface Policy { readonly rules: readonly PolicyRule[]; readonly omitStages?: readonly Stage[]; readonly omitManagedFields?: boolean }

export interface Verdict { readonly level: Level; readonly omitStages: readonly Stage[]; readonly omitManagedFields: boolean }

/** The first rule that matches decides; none: nothing is written. */
export function evaluate(policy: Policy, asked: Attributes): Verdict {
  for (const rule of policy.rules) {
    if (!matches(rule, asked)) continue
    return { level: rule.level, omitStages: [...(policy.omitStages ?? []), ...(rule.omitStages ?? [])], omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false }
  }
  return { level: 'None', omitStages: policy.omitStages ?? [], omitManagedFields: policy.omitManagedFields ?? false }
}

function matches(rule: PolicyRule, asked: Attributes): boolean {
  const { users = [], userGroups = [], verbs = [], namespaces = [], nonResourceURLs = [], resources = [] } = rule
  if (users.length && !users.includes(asked.user.name)) return false
  if (userGroups.length && !userGroups.some((g) => asked.user.groups.includes(g))) return false
  if (verbs.length && !verbs.includes(asked.verb)) return false
  if (namespaces.length || resources.length) return asked.isResourceRequest && (!namespaces.length || namespaces.includes(asked.namespace)) && coversResource(resources, asked)
  if (nonResourceURLs.length) return !asked.isResourceRequest && nonResourceURLs.some((url) => coversPath(url, asked.path))
  return true
}

function coversResource(list: readonly GroupResources[], asked: Attributes): boolean {
  if (!list.length) return true
  const name = asked.subresource ? `${asked.resource}/${asked.subresource}` : asked.resource
  return list.some(({ group = '', resources = [], resourceNames = [] }) => {
    if (group !== asked.group) return false
    if (!resources.length) return true
    if (resourceNames.length && !resourceNames.includes(asked.name)) return false
    return resources.some((r) => r === name || r === '*' || (asked.subresource !== '' && (r === `${asked.resource}/*` || r === `*/${asked.subresource}`)))
  })
}

const coversPath = (url: string, path: string): boolean => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1)))

const levels: readonly string[] = ['None', 'Metadata', 'Request', 'RequestResponse']
const stages: readonly string[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic']

/** What is wrong with a policy, in sentences; empty where nothing is (`audit/validation`). */
export function policyFaults(raw: unknown): string[] {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return ['a policy is an object']
  const { apiVersion, kind, rules } = raw as Record<string, unknown>
  const faults: string[] = []
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy') faults.push(`apiVersion must be audit.k8s.io/v1 and kind Policy, not ${String(apiVersion)} ${String(kind)}`)
  if (!Array.isArray(rules) || !rules.length) return [...faults, 'loaded illegal policy with 0 rules']
  rules.forEach((rule: unknown, i) => { faults.push(...ruleFaults(rule).map((why) => `rules[${i}]: ${why}`)) })
  faults.push(...stageFaults((raw as { omitStages?: unknown }).omitStages))
  return faults
}

const isTexts = (value: unknown): value is string[] => value === undefined || (Array.isArray(value) && value.every((v) => typeof v === 'string'))
const known = new Set(['level', 'users', 'userGroups', 'verbs', 'resources', 'namespaces', 'nonResourceURLs', 'omitStages', 'omitManagedFields'])

function ruleFaults(rule: unknown): string[] {
  if (typeof rule !== 'object' || rule === null) return ['a rule is an object']
  const r = rule as Record<string, unknown>
  const faults = Object.keys(r).filter((k) => !known.has(k)).map((k) => `unknown field ${JSON.stringify(k)}`)
  if (!levels.includes(String(r.level))) faults.push(`level: Unsupported value: ${JSON.stringify(r.level ?? '')}: supported values: ${levels.map((l) => JSON.stringify(l)).join(', ')}`)
  for (const field of ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs']) if (!isTexts(r[field])) faults.push(`${field}: must be a list of strings`)
  if (r.nonResourceURLs && (r.resources || r.namespaces)) faults.push('nonResourceURLs: rules cannot apply to both regular resources and non-resource URLs')
  if (r.resources !== undefined && (!Array.isArray(r.resources) || !r.resources.every((g: unknown) => typeof g === 'object' && g !== null && isTexts((g as GroupResources).resources) && isTexts((g as GroupResources).resourceNames)))) {
    faults.push('resources: must be a list of group, resources and resourceNames')
  }
  return [...faults, ...stageFaults(r.omitStages)]
}

function stageFaults(value: unknown): string[] {
  if (!isTexts(value)) return ['omitStages: must be a list of strings']
  return ((value ?? []) as string[]).filter((s) => !stages.includes(s)).map((s) => `omitStages: Invalid value: ${JSON.stringify(s)}: allowed stages are ${stages.join(',')}`)
}
