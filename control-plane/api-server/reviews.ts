/** Questions about rights, answered and never stored: `kubectl auth can-i` and `auth whoami`. */
import type { SelfSubjectAccessReview, SubjectAccessReview } from '../../shared/api/authorization-v1.ts'
import { badRequest } from '../../shared/base/errors.ts'
import type { User } from './authn/user.ts'
import type { Attributes } from './authz/attributes.ts'
import type { Authorizer } from './authz/authorizer.ts'
import type { VirtualResource } from './discovery/groups.ts'
import type { Decodable } from './schema/decode.ts'

export interface Review { readonly body: Decodable; answer(authorizer: Authorizer, user: User, body: unknown): object }

const authorization = (kind: string): Decodable => ({ group: 'authorization.k8s.io', version: 'v1', kind, schema: `authorization-v1.${kind}` })

function asked(user: User, spec: SelfSubjectAccessReview['spec']): Attributes {
  const { resourceAttributes: r, nonResourceAttributes: path } = spec
  if (r && path) throw badRequest('only one of spec.resourceAttributes and spec.nonResourceAttributes may be set')
  if (!r && !path) throw badRequest('one of spec.resourceAttributes and spec.nonResourceAttributes must be set')
  return {
    user, verb: r?.verb ?? path?.verb ?? '', isResourceRequest: r !== undefined, group: r?.group ?? '', resource: r?.resource ?? '', subresource: r?.subresource ?? '',
    namespace: r?.namespace ?? '', name: r?.name ?? '', path: path?.path ?? '',
  }
}

/** By `group/resource`. */
export const reviews: Readonly<Record<string, Review>> = {
  'authorization.k8s.io/selfsubjectaccessreviews': {
    body: authorization('SelfSubjectAccessReview'),
    answer: (authorizer, user, body) => ({ ...(body as object), status: { allowed: authorizer.allows(asked(user, (body as SelfSubjectAccessReview).spec)) } }),
  },
  'authorization.k8s.io/subjectaccessreviews': {
    body: authorization('SubjectAccessReview'),
    answer(authorizer, _user, body) {
      const { spec } = body as SubjectAccessReview
      const user: User = { name: spec.user ?? '', groups: spec.groups ?? [], ...(spec.uid ? { uid: spec.uid } : {}) }
      if (!user.name && !user.groups.length) throw badRequest('at least one of spec.user and spec.groups must be set')
      return { ...(body as object), status: { allowed: authorizer.allows(asked(user, spec)) } }
    },
  },
  'authentication.k8s.io/selfsubjectreviews': {
    body: { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview', schema: 'authentication-v1.SelfSubjectReview' },
    answer: (_authorizer, { name, uid, groups, extra }, body) =>
      ({ ...(body as object), status: { userInfo: { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) } } }),
  },
}

export const reviewResources: readonly VirtualResource[] = Object.entries(reviews).map(([key, { body }]) => ({
  group: body.group, version: 'v1', resource: key.slice(key.indexOf('/') + 1), singular: body.kind.toLowerCase(), kind: body.kind, namespaced: false, verbs: ['create'],
}))
