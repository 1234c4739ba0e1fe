/** May this user do that? Superusers, then the node rules, then RBAC. */
import type { CertificateSigningRequest } from '../../../shared/api/certificates-v1.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { forbidden, StatusError } from '../../../shared/base/errors.ts'
import type { Store } from '../../store/store.ts'
import { SUPERUSERS } from '../authn/user.ts'
import { objectKey, resourcePrefix } from '../keys.ts'
import type { ObjectCache } from '../watch/cache.ts'
import type { Attributes } from './attributes.ts'
import type { NodeFacts } from './node/rules.ts'
import { nodeAllows, nodeOf } from './node/rules.ts'
import type { RbacCache } from './rbac/cache.ts'
import { allows } from './rbac/rules.ts'

export interface Authorizer { allows(asked: Attributes): boolean }

const podKind = { group: '', resource: 'pods', namespaced: true }
const csrKind = { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', namespaced: false }

export function nodeFacts(store: Store, objects: ObjectCache): NodeFacts {
  return {
    runsPodOf: (node, namespace, serviceAccount) => namespace !== '' && store.list({ prefix: resourcePrefix(podKind, namespace) }).entries.some((entry) => {
      const { spec } = objects.object(entry) as Pod
      return spec?.nodeName === node && (spec.serviceAccountName || 'default') === serviceAccount
    }),
    requestorOf(name) {
      const entry = store.get(objectKey(csrKind, '', name))
      return entry && (objects.object(entry) as CertificateSigningRequest).spec.username
    },
  }
}

export function createAuthorizer(rbac: Pick<RbacCache, 'rules'>, facts: NodeFacts): Authorizer {
  return {
    allows(asked) {
      if (asked.user.groups.includes(SUPERUSERS)) return true
      const node = nodeOf(asked.user)
      if (node !== undefined && nodeAllows(node, asked, facts)) return true
      return allows(rbac.rules(asked.user), asked)
    },
  }
}

/** The 403 for a refused request, in upstream's words. */
export function refusal(asked: Attributes): StatusError {
  const user = `User ${JSON.stringify(asked.user.name)}`
  if (!asked.isResourceRequest) return new StatusError('Forbidden', `forbidden: ${user} cannot ${asked.verb} path ${JSON.stringify(asked.path)}`, { details: {} })
  const resource = asked.subresource ? `${asked.resource}/${asked.subresource}` : asked.resource
  const where = asked.namespace ? `in the namespace ${JSON.stringify(asked.namespace)}` : 'at the cluster scope'
  const why = `${user} cannot ${asked.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(asked.group)} ${where}`
  return forbidden({ group: asked.group, resource: asked.resource, name: asked.name }, why)
}
