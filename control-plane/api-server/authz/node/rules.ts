/**
 * What a node may do beyond RBAC, small because desired state comes to it over MQTT: ask for tokens of service accounts whose pods it runs,
 * and handle its own certificate requests. Pure.
 */
import type { User } from '../../authn/user.ts'
import type { Attributes } from '../attributes.ts'

const NODE_PREFIX = 'system:node:'

/** The node a user is, if it is one. */
export function nodeOf(user: User): string | undefined {
  return user.name.startsWith(NODE_PREFIX) && user.groups.includes('system:nodes') ? user.name.slice(NODE_PREFIX.length) : undefined
}

export interface NodeFacts {
  /** Does a pod bound to the node run as this service account? */
  runsPodOf(node: string, namespace: string, serviceAccount: string): boolean
  /** The requestor of a certificate signing request. */
  requestorOf(name: string): string | undefined
}

export function nodeAllows(node: string, asked: Attributes, facts: NodeFacts): boolean {
  if (!asked.isResourceRequest) return false
  if (asked.group === '' && asked.resource === 'serviceaccounts' && asked.subresource === 'token' && asked.verb === 'create') {
    return facts.runsPodOf(node, asked.namespace, asked.name)
  }
  if (asked.group === 'certificates.k8s.io' && asked.resource === 'certificatesigningrequests' && asked.subresource === '') {
    if (asked.verb === 'create') return true
    // A watch of one request is how the node learns that it was signed.
    if (asked.verb === 'get' || asked.verb === 'watch' || asked.verb === 'list') return asked.name !== '' && facts.requestorOf(asked.name) === asked.user.name
  }
  if (asked.group === '' && asked.resource === 'nodes' && asked.subresource === '' && asked.verb === 'get') return asked.name === node
  return false
}
