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

/** What one binding gives a user. */
export interface Grant { readonly binding: ClusterRoleBinding | RoleBinding; readonly subject: Subject; readonly rules: readonly PolicyRule[] }

/** A user's grants: those for everything, and those in one namespace. */
export interface UserRules {
  readonly cluster: readonly Grant[]
  readonly namespaced: ReadonlyMap<string, readonly Grant[]>
  /** Roles that bindings of this user name and that are not there, as upstream says it: by namespace, `''` for cluster bindings. */
  readonly missing: ReadonlyMap<string, readonly string[]>
}

export function subjectMatches(subject: Subject, user: User, bindingNamespace: string): boolean {
  switch (subject.kind) {
    case 'User': return subject.name === user.name || subject.name === '*'
    case 'Group': return user.groups.includes(subject.name)
    case 'ServiceAccount': return user.name === `system:serviceaccount:${subject.namespace || bindingNamespace}:${subject.name}`
    default: return false
  }
}

/** A binding to a role that does not exist gives nothing; it is named in `missing`. */
export function rulesOf(user: User, objects: RbacObjects): UserRules {
  const grants = new Map<string, Grant[]>()
  const missing = new Map<string, string[]>()
  const add = (binding: ClusterRoleBinding | RoleBinding, namespace: string): void => {
    const subject = binding.subjects?.find((s) => subjectMatches(s, user, namespace))
    if (!subject) return
    const { kind, name } = binding.roleRef
    const role = kind === 'ClusterRole' ? objects.clusterRoles.get(name) : objects.roles.get(`${namespace}/${name}`)
    if (role) pushTo(grants, namespace, { binding, subject, rules: role.rules ?? [] })
    else pushTo(missing, namespace, `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`)
  }
  for (const binding of objects.clusterRoleBindings) add(binding, '')
  for (const binding of objects.roleBindings) add(binding, binding.metadata?.namespace ?? '')
  const cluster = grants.get('') ?? []
  grants.delete('')
  return { cluster, namespaced: grants, missing }
}

function pushTo<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
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

/** The grant that allows it; cluster bindings are looked at first, as upstream does. */
export function grantFor(rules: UserRules, asked: Omit<Attributes, 'user'>): Grant | undefined {
  const within = (grants: readonly Grant[] | undefined): Grant | undefined => grants?.find((g) => g.rules.some((rule) => ruleAllows(rule, asked)))
  return within(rules.cluster) ?? (asked.isResourceRequest && asked.namespace !== '' ? within(rules.namespaced.get(asked.namespace)) : undefined)
}

/** Everything the user may do in a namespace (`''`: cluster bindings only), in the order of the bindings. */
export const rulesIn = (rules: UserRules, namespace: string): PolicyRule[] =>
  [...rules.cluster, ...(namespace ? rules.namespaced.get(namespace) ?? [] : [])].flatMap((g) => g.rules)

export const missingIn = (rules: UserRules, namespace: string): string[] =>
  [...new Set([...rules.missing.get('') ?? [], ...(namespace ? rules.missing.get(namespace) ?? [] : [])])]

/** `ClusterRoleBinding "a" of ClusterRole "b" to Group "c"`: the source of a right, as a review's reason names it. */
export function describeGrant({ binding, subject }: Grant): string {
  const { name = '', namespace } = binding.metadata ?? {}
  const { kind, name: role } = binding.roleRef
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || namespace || ''}` : subject.name
  const which = namespace ? `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}` : `ClusterRoleBinding ${JSON.stringify(name)}`
  return `${which} of ${kind} ${JSON.stringify(role)} to ${subject.kind} ${JSON.stringify(who)}`
}
