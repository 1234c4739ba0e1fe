/** May this user do that? Superusers, then the node rules, then RBAC. */
import { forbidden, StatusError } from '../../../shared/base/errors.ts'
import type { User } from '../authn/user.ts'
import { SUPERUSERS } from '../authn/user.ts'
import type { Attributes, Decision } from './attributes.ts'
import type { NodeGraph } from './node/graph.ts'
import { nodeDecides, nodeOf } from './node/rules.ts'
import type { RbacCache } from './rbac/cache.ts'
import type { UserRules } from './rbac/rules.ts'
import { describeGrant, grantFor, missingIn } from './rbac/rules.ts'

export interface Authorizer {
  allows(asked: Attributes): boolean
  /** The same with its reason, for reviews and refusals. Costs a little more. Left out by stand-ins of tests. */
  decide?(asked: Attributes): Decision
}

/** Authorization as the server itself has it. */
export interface FullAuthorizer extends Authorizer {
  decide(asked: Attributes): Decision
  /** What RBAC gives a user. */
  rules(user: User): UserRules
}

export function createAuthorizer(rbac: Pick<RbacCache, 'rules'>, graph: NodeGraph): FullAuthorizer {
  const allows = (asked: Attributes): boolean => {
    if (asked.user.groups.includes(SUPERUSERS)) return true
    const node = nodeOf(asked.user)
    if (node !== undefined && nodeDecides(node, asked, graph).allowed) return true
    return grantFor(rbac.rules(asked.user), asked) !== undefined
  }
  const decide = (asked: Attributes): Decision => {
    if (asked.user.groups.includes(SUPERUSERS)) return { allowed: true, reason: '' }
    const node = nodeOf(asked.user)
    const byNode = node === undefined ? undefined : nodeDecides(node, asked, graph)
    if (byNode?.allowed) return byNode
    const rules = rbac.rules(asked.user)
    const grant = grantFor(rules, asked)
    if (grant) return { allowed: true, reason: `RBAC: allowed by ${describeGrant(grant)}` }
    const missing = missingIn(rules, asked.isResourceRequest ? asked.namespace : '')
    const unresolved = missing.length ? `RBAC: ${missing.length === 1 ? missing[0] : `[${missing.join(', ')}]`}` : ''
    return { allowed: false, reason: [byNode?.reason, unresolved].filter(Boolean).join('\n') }
  }
  return { allows, decide, rules: (user) => rbac.rules(user) }
}

/** The 403 for a refused request, in upstream's words. */
export function refusal(asked: Attributes, reason = ''): StatusError {
  const because = reason ? `: ${reason}` : ''
  const user = `User ${JSON.stringify(asked.user.name)}`
  if (!asked.isResourceRequest) return new StatusError('Forbidden', `forbidden: ${user} cannot ${asked.verb} path ${JSON.stringify(asked.path)}${because}`, { details: {} })
  const resource = asked.subresource ? `${asked.resource}/${asked.subresource}` : asked.resource
  const where = asked.namespace ? `in the namespace ${JSON.stringify(asked.namespace)}` : 'at the cluster scope'
  const why = `${user} cannot ${asked.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(asked.group)} ${where}${because}`
  return forbidden({ group: asked.group, resource: asked.resource, name: asked.name }, why)
}

/** Throws the 403 where the request is not allowed. */
export function authorize(authorizer: Authorizer, asked: Attributes): void {
  if (!authorizer.allows(asked)) throw refusal(asked, authorizer.decide?.(asked).reason)
}
