/** Nobody grants rights that they do not have (`pkg/registry/rbac/*\/policybased`): roles by their rules, bindings by the rules of the role they name. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../../../shared/api/rbac-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { forbidden, notFound } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { SUPERUSERS } from '../authn/user.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import type { RbacCache } from '../authz/rbac/cache.ts'
import { RBAC_GROUP } from '../authz/rbac/cache.ts'
import { escalation, uncovered } from '../authz/rbac/escalation-rules.ts'
import { missingIn, rulesIn } from '../authz/rbac/rules.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'

const everything: readonly PolicyRule[] = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }]

export function rbacEscalation(rbac: RbacCache, authorizer: Authorizer): AdmissionPlugin {
  const may = (request: AdmissionRequest, verb: string, resource: string, name: string): boolean => authorizer.allows({
    user: request.user, verb, isResourceRequest: true, group: RBAC_GROUP, resource, subresource: '', namespace: request.namespace, name, path: '',
  })
  const refuse = (request: AdmissionRequest, why: string): never => { throw forbidden({ group: RBAC_GROUP, resource: request.definition.resource, name: request.name }, why) }
  const confirm = (request: AdmissionRequest, wanted: readonly PolicyRule[]): void => {
    const held = rbac.rules(request.user)
    const why = escalation(request.user, rulesIn(held, request.namespace), wanted, missingIn(held, request.namespace))
    if (why !== undefined) refuse(request, why)
  }
  return {
    name: 'RBACEscalation',
    validate(request) {
      const { definition, user, namespace, object, old } = request
      if (definition.group !== RBAC_GROUP || !object || user.groups.includes(SUPERUSERS) || (old && onlyCollected(object, old))) return
      if (definition.resource.endsWith('bindings')) {
        const { kind, name } = (object as ClusterRoleBinding).roleRef
        const resource = kind === 'ClusterRole' ? 'clusterroles' : 'roles'
        if (may(request, 'bind', resource, name)) return
        const { clusterRoles, roles } = rbac.objects
        const role = kind === 'ClusterRole' ? clusterRoles.get(name) : roles.get(`${namespace}/${name}`)
        if (!role) throw notFound({ group: RBAC_GROUP, resource, name })
        return confirm(request, role.rules ?? [])
      }
      if (may(request, 'escalate', definition.resource, request.name)) return
      confirm(request, (object as ClusterRole).rules ?? [])
      // What is aggregated later may be anything.
      const gathers = [object, old].some((r) => ((r as ClusterRole | undefined)?.aggregationRule?.clusterRoleSelectors?.length ?? 0) > 0)
      if (gathers && uncovered(rulesIn(rbac.rules(user), ''), everything).length) refuse(request, 'must have cluster-admin privileges to use an aggregationRule')
    },
  }
}

/** Only what the garbage collector needs changed: owners and finalizers. */
function onlyCollected(object: KubeObject, old: KubeObject): boolean {
  const rest = ({ metadata, ...others }: KubeObject): object => {
    const { ownerReferences: _owners, finalizers: _finalizers, resourceVersion: _version, managedFields: _managed, ...meta } = metadata ?? {}
    return { ...others, metadata: meta }
  }
  return !equalJson(object, old) && equalJson(rest(object), rest(old))
}
