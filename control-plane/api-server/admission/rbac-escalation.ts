/** Nobody grants rights that they do not have (`pkg/registry/rbac`): roles by their rules, bindings by the rules of the role they name. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../../../shared/api/rbac-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { SUPERUSERS } from '../authn/user.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { RbacCache } from '../authz/rbac/cache.ts'
import { RBAC_GROUP } from '../authz/rbac/cache.ts'
import { uncovered } from '../authz/rbac/rules.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'

export function rbacEscalation(rbac: RbacCache, authorizer: Authorizer): AdmissionPlugin {
  const may = (request: AdmissionRequest, verb: string, resource: string, name: string): boolean => authorizer.allows({
    user: request.user, verb, isResourceRequest: true, group: RBAC_GROUP, resource, subresource: '', namespace: request.namespace, name, path: '',
  })
  return {
    name: 'RBACEscalation',
    validate(request) {
      const { definition, user, namespace, object, old } = request
      if (definition.group !== RBAC_GROUP || !object || user.groups.includes(SUPERUSERS)) return
      const binding = definition.resource.endsWith('bindings')
      const wanted = binding ? boundRules(rbac, namespace, object as ClusterRoleBinding) : (object as ClusterRole).rules ?? []
      if (old && !binding && equalJson((old as ClusterRole).rules, (object as ClusterRole).rules)) return
      const { kind = '', name = '' } = binding ? (object as ClusterRoleBinding).roleRef : {}
      if (binding ? may(request, 'bind', kind === 'ClusterRole' ? 'clusterroles' : 'roles', name) : may(request, 'escalate', definition.resource, request.name)) return
      const held = rbac.rules(user)
      const missing = uncovered([...held.cluster, ...(held.namespaced.get(namespace) ?? [])], wanted)
      if (!missing.length) return
      const extra = missing.map((r) => JSON.stringify(r)).sort().join('\n')
      throw forbidden({ group: RBAC_GROUP, resource: definition.resource, name: request.name },
        `user ${JSON.stringify(user.name)} (groups=${JSON.stringify(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${extra}`)
    },
  }
}

function boundRules(rbac: RbacCache, namespace: string, { roleRef }: ClusterRoleBinding): readonly PolicyRule[] {
  const { clusterRoles, roles } = rbac.objects
  return (roleRef.kind === 'ClusterRole' ? clusterRoles.get(roleRef.name) : roles.get(`${namespace}/${roleRef.name}`))?.rules ?? []
}
