/** What roles and bindings share (`pkg/apis/rbac/validation`). Pure. */
import type { PolicyRule, RoleRef, Subject } from '../../../shared/api/rbac-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { validateDns1123Subdomain, validatePathSegment } from '../../../shared/values/names.ts'
import { ageColumn, column, nameColumn } from './define.ts'
import type { Column, FieldError, Strategy } from './definition.ts'
import { invalidFor, invalidValue, notSupported, required } from './findings.ts'

export const rbacGroup = 'rbac.authorization.k8s.io'

export function validateRules(rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, i) => {
    const at = `rules[${i}]`
    const found: FieldError[] = rule.verbs?.length ? [] : [required(`${at}.verbs`, 'verbs must contain at least one value')]
    if (rule.nonResourceURLs?.length) {
      if (namespaced) found.push(invalidValue(`${at}.nonResourceURLs`, rule.nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'))
      if (rule.apiGroups?.length || rule.resources?.length || rule.resourceNames?.length) found.push(invalidValue(`${at}.nonResourceURLs`, rule.nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'))
      return found
    }
    if (!rule.apiGroups?.length) found.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'))
    if (!rule.resources?.length) found.push(required(`${at}.resources`, 'resource rules must supply at least one resource'))
    return found
  })
}

type Binding = KubeObject & { roleRef: RoleRef; subjects?: Subject[] }

function validateSubject(s: Subject, at: string, clusterWide: boolean): FieldError[] {
  const found: FieldError[] = s.name ? [] : [required(`${at}.name`)]
  switch (s.kind) {
    case 'ServiceAccount':
      if (s.name) found.push(...invalidFor(`${at}.name`, s.name, validateDns1123Subdomain(s.name)))
      if (s.apiGroup) found.push(notSupported(`${at}.apiGroup`, s.apiGroup, ['']))
      if (clusterWide && !s.namespace) found.push(required(`${at}.namespace`))
      break
    case 'User': case 'Group':
      if (s.apiGroup !== rbacGroup) found.push(notSupported(`${at}.apiGroup`, s.apiGroup ?? '', [rbacGroup]))
      break
    default: found.push(notSupported(`${at}.kind`, s.kind ?? '', ['ServiceAccount', 'User', 'Group']))
  }
  return found
}

function validateBinding(binding: Binding, roleKinds: readonly string[]): FieldError[] {
  const { apiGroup, kind, name } = binding.roleRef ?? {}
  const found: FieldError[] = apiGroup === rbacGroup ? [] : [notSupported('roleRef.apiGroup', apiGroup ?? '', [rbacGroup])]
  if (!roleKinds.includes(kind ?? '')) found.push(notSupported('roleRef.kind', kind ?? '', roleKinds))
  if (!name) found.push(required('roleRef.name'))
  else found.push(...invalidFor('roleRef.name', name, validatePathSegment(name, false)))
  return [...found, ...(binding.subjects ?? []).flatMap((s, i) => validateSubject(s, `subjects[${i}]`, true))]
}

/** Strategy of a binding that may refer to these kinds of role. */
export const bindingStrategy = (roleKinds: readonly string[]): Strategy<Binding> => ({
  default(binding) {
    if (binding.roleRef) binding.roleRef.apiGroup ||= rbacGroup
    for (const s of binding.subjects ?? []) if (!s.apiGroup && (s.kind === 'User' || s.kind === 'Group')) s.apiGroup = rbacGroup
  },
  validate: (binding) => validateBinding(binding, roleKinds),
  validateUpdate: (binding, old) => (equalJson(binding.roleRef, old.roleRef) ? [] : [invalidValue('roleRef', binding.roleRef, 'cannot change roleRef')]),
  validateName: validatePathSegment, allowCreateOnUpdate: true,
})

export const roleStrategy = <T extends KubeObject & { rules?: PolicyRule[] }>(namespaced: boolean): Strategy<T> =>
  ({ validate: (role) => validateRules(role.rules, namespaced), validateName: validatePathSegment, allowCreateOnUpdate: true })

export const roleColumns: readonly Column<KubeObject>[] = [
  nameColumn, { name: 'Created At', type: 'date', priority: 0, description: ageColumn.description, value: (o) => o.metadata?.creationTimestamp ?? null },
]

const subjects = (binding: Binding, kind: string): string =>
  (binding.subjects ?? []).filter((s) => s.kind === kind).map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name)).join(', ')

export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn, column('Role', (b) => `${b.roleRef?.kind}/${b.roleRef?.name}`, { description: 'RoleRef references the role that the subjects are given.' }), ageColumn,
  column('Users', (b) => subjects(b, 'User'), { wide: true, description: 'Users in the binding' }), column('Groups', (b) => subjects(b, 'Group'), { wide: true, description: 'Groups in the binding' }),
  column('ServiceAccounts', (b) => subjects(b, 'ServiceAccount'), { wide: true, description: 'ServiceAccounts in the binding' }),
]
