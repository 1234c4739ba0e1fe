/** What somebody would grant without holding it (`k8s.io/kubernetes/pkg/registry/rbac/validation`). Pure. */
import type { PolicyRule } from '../../../../shared/api/rbac-v1.ts'

const has = (list: readonly string[] | undefined, value: string): boolean => list !== undefined && (list.includes(value) || list.includes('*'))

/**
 * The parts of `wanted` that `held` does not cover: one verb on one resource each (`Covers`). Empty: the holder may grant them.
 */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakdown).filter((part) => !held.some((rule) => covers(rule, part)))
}

function breakdown(rule: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = []
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs) {
        const one = { apiGroups: [group], resources: [resource], verbs: [verb] }
        if (rule.resourceNames?.length) parts.push(...rule.resourceNames.map((name) => ({ ...one, resourceNames: [name] })))
        else parts.push(one)
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? []) for (const verb of rule.verbs) parts.push({ nonResourceURLs: [url], verbs: [verb] })
  return parts
}

/** A held URL covers a wanted one where they are equal or the held one is a prefix with a star. */
const urlCovers = (held: string, wanted: string): boolean => held === '*' || held === wanted || (held.endsWith('*') && wanted.startsWith(held.slice(0, -1)))

function covers(rule: PolicyRule, part: PolicyRule): boolean {
  const each = (list: readonly string[] | undefined, values: readonly string[] | undefined): boolean => (values ?? []).every((v) => has(list, v))
  if (!each(rule.verbs, part.verbs)) return false
  if (part.nonResourceURLs) return part.nonResourceURLs.every((url) => rule.nonResourceURLs?.some((own) => urlCovers(own, url)) ?? false)
  if (!each(rule.apiGroups, part.apiGroups)) return false
  const resources = (part.resources ?? []).every((r) => has(rule.resources, r) || (r.includes('/') && (rule.resources?.includes(`*${r.slice(r.indexOf('/'))}`) ?? false)))
  if (!resources) return false
  return !rule.resourceNames?.length || (part.resourceNames !== undefined && part.resourceNames.every((n) => rule.resourceNames?.includes(n)))
}

/** Go's `%q` of a list of strings. */
export const goList = (values: readonly string[]): string => `[${values.map((v) => JSON.stringify(v)).join(' ')}]`

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}` (`rbac/v1.CompactString`). */
export function compactString(rule: PolicyRule): string {
  const parts: string[] = []
  const add = (name: string, values: readonly string[] | undefined): void => { if (values?.length) parts.push(`${name}:${goList(values)}`) }
  add('APIGroups', rule.apiGroups)
  add('Resources', rule.resources)
  add('NonResourceURLs', rule.nonResourceURLs)
  add('ResourceNames', rule.resourceNames)
  add('Verbs', rule.verbs)
  return `{${parts.join(', ')}}`
}

/** Rules about one resource of one group and nothing else become one rule with all their verbs (`CompactRules`). */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const simple = new Map<string, PolicyRule & { verbs: string[] }>()
  const others: PolicyRule[] = []
  for (const rule of rules) {
    const plain = !rule.resourceNames?.length && !rule.nonResourceURLs?.length && rule.apiGroups?.length === 1 && rule.resources?.length === 1
    if (!plain) {
      others.push(rule)
      continue
    }
    const key = `${rule.apiGroups?.[0]}/${rule.resources?.[0]}`
    const known = simple.get(key)
    if (known) known.verbs.push(...rule.verbs)
    else simple.set(key, { ...rule, verbs: [...rule.verbs] })
  }
  return [...others, ...simple.values()]
}

/** Why the grant is refused, with the rules that are missing; undefined where nothing is. */
export function escalation(user: { readonly name: string; readonly groups: readonly string[] }, held: readonly PolicyRule[], wanted: readonly PolicyRule[], unresolved: readonly string[]): string | undefined {
  const missing = uncovered(held, wanted)
  if (!missing.length) return undefined
  const texts = [...new Set(compactRules(missing).map(compactString))].sort()
  const errors = unresolved.length ? `; resolution errors: [${unresolved.join(' ')}]` : ''
  return `user ${JSON.stringify(user.name)} (groups=${goList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}${errors}`
}
