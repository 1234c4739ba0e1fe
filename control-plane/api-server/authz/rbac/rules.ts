/** RBAC: which rules a user has, and whether they cover a request (`k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac`). Pure. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '../../../../shared/api/rbac-v1.ts'
import type { User } from '../../authn/user.ts'
import type { Attributes } from '../attributes.ts'

/** All RBAC objects, by what they are found by. */
export interface RbacObjects {
  readonly clusterRoles: ReadonlyMap<string, ClusterRole>
  /** By `namespace/name`. */
  readonly roles: ReadonlyMap<string, Role>
  readonly clusterRoleBindings: readonly ClusterRoleBinding[]
  readonly roleBindings: readonly RoleBinding[]
}

/** A user's rules: those for everything, and those in one namespace. */
export interface UserRules {
  readonly cluster: readonly PolicyRule[]
  readonly namespaced: ReadonlyMap<string, readonly PolicyRule[]>
}

export function subjectMatches(subject: Subject, user: User, bindingNamespace: string): boolean {
  switch (subject.kind) {
    case 'User': return subject.name === user.name || subject.name === '*'
    case 'Group': return user.groups.includes(subject.name)
    case 'ServiceAccount': return user.name === `system:serviceaccount:${subject.namespace || bindingNamespace}:${subject.name}`
    default: return false
  }
}

/** A binding to a role that does not exist gives nothing. */
export function rulesOf(user: User, objects: RbacObjects): UserRules {
  const cluster: PolicyRule[] = []
  for (const { subjects, roleRef } of objects.clusterRoleBindings) {
    if (subjects?.some((s) => subjectMatches(s, user, ''))) cluster.push(...(objects.clusterRoles.get(roleRef.name)?.rules ?? []))
  }
  const namespaced = new Map<string, PolicyRule[]>()
  for (const { metadata, subjects, roleRef } of objects.roleBindings) {
    const namespace = metadata?.namespace ?? ''
    if (!subjects?.some((s) => subjectMatches(s, user, namespace))) continue
    const role = roleRef.kind === 'ClusterRole' ? objects.clusterRoles.get(roleRef.name) : objects.roles.get(`${namespace}/${roleRef.name}`)
    const rules = namespaced.get(namespace)
    if (rules) rules.push(...(role?.rules ?? []))
    else namespaced.set(namespace, [...(role?.rules ?? [])])
  }
  return { cluster, namespaced }
}

const has = (list: readonly string[] | undefined, value: string): boolean => list !== undefined && (list.includes(value) || list.includes('*'))

function resourceMatches(rule: PolicyRule, resource: string, subresource: string): boolean {
  const { resources } = rule
  if (!resources) return false
  return resources.includes('*') || resources.includes(subresource ? `${resource}/${subresource}` : resource) || (subresource !== '' && resources.includes(`*/${subresource}`))
}

const pathMatches = (patterns: readonly string[] | undefined, path: string): boolean =>
  patterns?.some((p) => p === '*' || p === path || (p.endsWith('*') && path.startsWith(p.slice(0, -1)))) ?? false

export function ruleAllows(rule: PolicyRule, asked: Omit<Attributes, 'user' | 'namespace'>): boolean {
  if (!has(rule.verbs, asked.verb)) return false
  if (!asked.isResourceRequest) return pathMatches(rule.nonResourceURLs, asked.path)
  return has(rule.apiGroups, asked.group) && resourceMatches(rule, asked.resource, asked.subresource)
    && (!rule.resourceNames?.length || rule.resourceNames.includes(asked.name))
}

export function allows(rules: UserRules, asked: Omit<Attributes, 'user'>): boolean {
  if (rules.cluster.some((rule) => ruleAllows(rule, asked))) return true
  return asked.isResourceRequest && asked.namespace !== '' && (rules.namespaced.get(asked.namespace)?.some((rule) => ruleAllows(rule, asked)) ?? false)
}

/**
 * The parts of `wanted` that `held` does not cover: one verb on one resource each (`rbac/validation.Covers`). Empty: the holder may
 * grant them.
 */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakdown).filter((part) => !held.some((rule) => covers(rule, part)))
}

function breakdown(rule: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = []
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) parts.push({ nonResourceURLs: [url], verbs: [verb] })
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const one = { apiGroups: [group], resources: [resource], verbs: [verb] }
        if (rule.resourceNames?.length) parts.push(...rule.resourceNames.map((name) => ({ ...one, resourceNames: [name] })))
        else parts.push(one)
      }
    }
  }
  return parts
}

function covers(rule: PolicyRule, part: PolicyRule): boolean {
  const each = (list: readonly string[] | undefined, values: readonly string[] | undefined): boolean => (values ?? []).every((v) => has(list, v))
  if (!each(rule.verbs, part.verbs)) return false
  if (part.nonResourceURLs) return part.nonResourceURLs.every((url) => pathMatches(rule.nonResourceURLs, url))
  if (!each(rule.apiGroups, part.apiGroups)) return false
  const resources = (part.resources ?? []).every((r) => has(rule.resources, r) || (r.includes('/') && (rule.resources?.includes(`*${r.slice(r.indexOf('/'))}`) ?? false)))
  if (!resources) return false
  return !rule.resourceNames?.length || (part.resourceNames !== undefined && part.resourceNames.every((n) => rule.resourceNames?.includes(n)))
}
