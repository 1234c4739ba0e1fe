/** The variables of expressions in admission, and their values for a request (`k8s.io/apiserver/pkg/admission/plugin/cel`). Loaded with the first expression. */
import type { Namespace } from '../../../../shared/api/core-v1.ts'
import type { User } from '../../authn/user.ts'
import type { Attributes } from '../../authz/attributes.ts'
import type { Authorizer } from '../../authz/authorizer.ts'
import type { CelType } from '../../cel/cel-type.ts'
import { BOOL, DYN, INT, listOf, mapOf, objectType, opaque, STRING, TIMESTAMP } from '../../cel/cel-type.ts'
import type { BoundVariables, Declarations } from '../../cel/compile.ts'
import type { Decide, Question } from '../../cel/library/authorizer.ts'
import { AUTHORIZER, authorizerValue, RESOURCE_CHECK, resourceCheck } from '../../cel/library/authorizer.ts'
import type { AdmissionRequest } from '../chain.ts'
import type { Versioned } from '../webhooks/review.ts'

const gvk = objectType('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING })
const gvr = objectType('kubernetes.GroupVersionResource', { group: STRING, version: STRING, resource: STRING })
const userInfo = objectType('kubernetes.UserInfo', { username: STRING, uid: STRING, groups: listOf(STRING), extra: mapOf(STRING, listOf(STRING)) })

const requestType = objectType('kubernetes.AdmissionRequest', {
  kind: gvk, resource: gvr, subResource: STRING, requestKind: gvk, requestResource: gvr, requestSubResource: STRING, name: STRING, namespace: STRING, operation: STRING,
  userInfo, dryRun: BOOL, options: DYN,
})

const namespaceType = objectType('kubernetes.Namespace', {
  metadata: objectType('kubernetes.NamespaceMetadata', {
    name: STRING, generateName: STRING, namespace: STRING, labels: mapOf(STRING, STRING), annotations: mapOf(STRING, STRING), UID: STRING, creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT, deletionTimestamp: TIMESTAMP, generation: INT, resourceVersion: STRING, finalizers: listOf(STRING),
  }),
  spec: objectType('kubernetes.NamespaceSpec', { finalizers: listOf(STRING) }), status: objectType('kubernetes.NamespaceStatus', { phase: STRING }),
})

const authorizers: Declarations = { authorizer: opaque(AUTHORIZER), 'authorizer.requestResource': opaque(RESOURCE_CHECK) }

/** Of match conditions of webhooks and policies. */
export const conditionVariables: Declarations = { object: DYN, oldObject: DYN, request: requestType, ...authorizers }

/** Of a policy's other expressions: `variables` grows with each variable. */
export const policyVariables = (params: boolean, variables: Readonly<Record<string, CelType>>): Declarations =>
  ({ ...conditionVariables, namespaceObject: namespaceType, ...(params ? { params: DYN } : {}), variables: objectType('kubernetes.variables', variables) })

/** Conditions of a policy may look at its parameters too. */
export const policyConditionVariables = (params: boolean): Declarations => policyVariables(params, {})

function attributesOf(user: User, q: Question): Attributes {
  const asked = q.serviceAccount
  const who: User = asked ? {
    name: `system:serviceaccount:${asked.namespace}:${asked.name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${asked.namespace}`, 'system:authenticated'],
  } : user
  return {
    user: who, verb: q.verb ?? '', isResourceRequest: q.path === undefined, group: q.group ?? '', resource: q.resource ?? '', subresource: q.subresource ?? '', namespace: q.namespace ?? '',
    name: q.name ?? '', path: q.path ?? '', fieldSelector: q.fieldSelector ?? '',
  }
}

/** Values that need no type: the object is read as it is. */
export function bindingsOf(request: AdmissionRequest, review: object, { object, old }: Versioned, authorizer: Authorizer): BoundVariables {
  const decide: Decide = (question) => {
    const attributes = attributesOf(request.user, question)
    return authorizer.decide?.(attributes) ?? { allowed: authorizer.allows(attributes), reason: '' }
  }
  const { asked, subresource, namespace, name } = request
  return {
    object: object ?? null, oldObject: old ?? null, request: review, authorizer: authorizerValue(decide),
    'authorizer.requestResource': () => resourceCheck(decide, { group: asked.group, resource: asked.resource, subresource, namespace, name }),
  }
}

/** What expressions see of a namespace. */
export function namespaceValue(namespace: Namespace | undefined): unknown {
  if (!namespace) return null
  const { uid, ...metadata } = namespace.metadata ?? {}
  return { ...namespace, metadata: { ...metadata, ...(uid === undefined ? {} : { UID: uid }) } }
}
