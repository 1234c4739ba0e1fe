/**
 * What a node may do (`plugin/pkg/auth/authorizer/node.NodeAuthorizer`): its own Node, Lease and CSINode, and what the pods bound to it refer
 * to. Which of its writes are legal in their content is the business of admission (NodeRestriction). Pure.
 */
import type { PolicyRule } from '../../../../shared/api/rbac-v1.ts'
import type { User } from '../../authn/user.ts'
import type { Attributes, Decision } from '../attributes.ts'
import { ruleAllows } from '../rbac/rules.ts'
import type { NodeObject } from './references.ts'

const NODE_PREFIX = 'system:node:'

/** The node a user is, if it is one. */
export function nodeOf(user: User): string | undefined {
  return user.name.startsWith(NODE_PREFIX) && user.groups.includes('system:nodes') ? user.name.slice(NODE_PREFIX.length) : undefined
}

/** What the decision needs to know; {@link NodeGraph} is it. */
export interface NodeRelations {
  /** Does something bound to the node lead to the object? */
  related(node: string, object: NodeObject, namespace: string, name: string): boolean
  /** Rules of the role system:node for whatever is not subdivided by node. */
  readonly rules: readonly PolicyRule[]
}

const yes: Decision = { allowed: true, reason: '' }
const no = (reason: string): Decision => ({ allowed: false, reason })

export function nodeDecides(node: string, asked: Attributes, relations: NodeRelations): Decision {
  if (asked.isResourceRequest) {
    const decided = subdivided[`${asked.group}/${asked.resource}`]?.(node, asked, relations)
    if (decided) return decided
  }
  return relations.rules.some((rule) => ruleAllows(rule, asked)) ? yes : no('')
}

type Rule = (node: string, asked: Attributes, relations: NodeRelations) => Decision

function related(kind: NodeObject, node: string, { namespace, name }: Attributes, relations: NodeRelations): Decision {
  if (!name) return no('No Object name found')
  return relations.related(node, kind, namespace, name) ? yes : no(`no relationship found between node '${node}' and this object`)
}

const readNamespaced = (kind: NodeObject): Rule => (node, asked, relations) => {
  if (asked.verb !== 'get' && asked.verb !== 'list' && asked.verb !== 'watch') return no('can only read resources of this type')
  if (asked.subresource) return no('cannot read subresource')
  if (!asked.namespace) return no('can only read namespaced object of this type')
  return related(kind, node, asked, relations)
}

const getOne = (kind: NodeObject): Rule => (node, asked, relations) => {
  if (asked.verb !== 'get') return no('can only get individual resources of this type')
  if (asked.subresource) return no('cannot get subresource')
  return related(kind, node, asked, relations)
}

const claims: Rule = (node, asked, relations) => {
  if (asked.subresource !== 'status') return getOne('claim')(node, asked, relations)
  if (asked.verb !== 'get' && asked.verb !== 'update' && asked.verb !== 'patch') return no('can only get/update/patch this type')
  return related('claim', node, asked, relations)
}

const tokens: Rule = (node, asked, relations) => {
  if (asked.verb !== 'create' || !asked.name) return no('can only create tokens for individual service accounts')
  if (asked.subresource !== 'token') return no('can only create token subresource of serviceaccount')
  return related('account', node, asked, relations)
}

const ownVerbs = ['get', 'create', 'update', 'patch', 'delete']

const leases: Rule = (node, asked) => {
  if (!ownVerbs.includes(asked.verb)) return no('can only get, create, update, patch, or delete a node lease')
  if (asked.namespace !== 'kube-node-lease') return no('can only access leases in the "kube-node-lease" system namespace')
  // The name of what is created is not in the path: admission looks at it.
  return asked.verb === 'create' || asked.name === node ? yes : no('can only access node lease with the same name as the requesting node')
}

const csiNodes: Rule = (node, asked) => {
  if (!ownVerbs.includes(asked.verb)) return no('can only get, create, update, patch, or delete a CSINode')
  if (asked.subresource) return no('cannot authorize CSINode subresources')
  return asked.verb === 'create' || asked.name === node ? yes : no('can only access CSINode with the same name as the requesting node')
}

const nodes: Rule = (node, asked) => {
  const writes = asked.verb === 'update' || asked.verb === 'patch'
  if (asked.subresource === 'status') return writes ? yes : no('')
  if (asked.subresource) return no('')
  if (writes || asked.verb === 'create') return yes
  if (asked.verb !== 'get' && asked.verb !== 'list' && asked.verb !== 'watch') return no('')
  if (asked.name === node) return yes
  return no(asked.name ? `node '${node}' cannot read '${asked.name}', only its own Node object` : `node '${node}' cannot read all nodes, only its own Node object`)
}

const pods: Rule = (node, asked, relations) => {
  const { verb, subresource } = asked
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? yes : no('')
  if (subresource === 'eviction') return verb === 'create' ? yes : no('')
  if (subresource) return no('')
  if (verb === 'create' || verb === 'delete') return yes
  if (verb === 'get') return related('pod', node, asked, relations)
  if (verb !== 'list' && verb !== 'watch') return no('')
  const own = (asked.fieldSelector ?? '').split(',').some((term) => /^spec\.nodeName==?/.test(term.trim()) && term.slice(term.lastIndexOf('=') + 1).trim() === node)
  return own ? yes : no('can only list/watch pods with spec.nodeName field selector')
}

const subdivided: Readonly<Record<string, Rule>> = {
  '/secrets': readNamespaced('secret'), '/configmaps': readNamespaced('configmap'), '/persistentvolumeclaims': claims, '/persistentvolumes': getOne('volume'),
  'storage.k8s.io/volumeattachments': getOne('attachment'), '/serviceaccounts': tokens, 'coordination.k8s.io/leases': leases, 'storage.k8s.io/csinodes': csiNodes,
  '/nodes': nodes, '/pods': pods,
}
