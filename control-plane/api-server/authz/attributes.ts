import type { RequestInfo } from '../request-info.ts'
import type { User } from '../authn/user.ts'

/** What is asked, for authorization: `k8s.io/apiserver/pkg/authorization/authorizer.Attributes`. */
export interface Attributes {
  readonly user: User
  readonly verb: string
  readonly isResourceRequest: boolean
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  readonly path: string
  /** Of a list or watch, as the client wrote it. */
  readonly fieldSelector?: string
}

export const attributesOf = (user: User, info: RequestInfo): Attributes => ({
  user, verb: info.verb, isResourceRequest: info.isResourceRequest, group: info.group, resource: info.resource, subresource: info.subresource,
  namespace: info.namespace, name: info.name, path: info.path, fieldSelector: info.query.get('fieldSelector') ?? '',
})

/** `reason`: upstream's words, `''` where there is nothing to say. Not allowed by any authorizer is refused. */
export interface Decision { readonly allowed: boolean; readonly reason: string }
