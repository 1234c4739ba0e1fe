/** Who may do what on the broker. Identity is the verified client certificate, never the client id or a user name. */
import { allTopics, nodeClientId, parseNodeTopic } from '../../../shared/mqtt/topics.ts'

export type Identity =
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'admin'; readonly name: string }
  | { readonly kind: 'stranger'; readonly name: string }

export type Verdict = { readonly allow: true } | { readonly allow: false; readonly why: string }

const yes: Verdict = { allow: true }
const no = (why: string): Verdict => ({ allow: false, why })

const nodePrefix = 'system:node:'

/** Upstream's names for users and groups (`staging/src/k8s.io/apiserver/pkg/authentication/user`). */
export function identify(certificate: { readonly commonName: string; readonly organizations: readonly string[] }): Identity {
  const { commonName, organizations } = certificate
  const node = commonName.slice(nodePrefix.length)
  if (organizations.includes('system:nodes') && commonName.startsWith(nodePrefix) && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(node)) return { kind: 'node', node }
  if (organizations.includes('system:masters')) return { kind: 'admin', name: commonName }
  return { kind: 'stranger', name: commonName }
}

export const nameOf = (identity: Identity): string => (identity.kind === 'node' ? `${nodePrefix}${identity.node}` : identity.name)

export interface Connect { readonly clientId: string; readonly clean: boolean; readonly will: { readonly topic: string; readonly retain: boolean } | undefined }

export function mayConnect(identity: Identity, connect: Connect): Verdict {
  if (identity.kind === 'stranger') return no('certificate is neither of a node nor of system:masters')
  // A session that outlives its connection is a queue in our memory that nobody may ever read.
  if (!connect.clean) return no('persistent sessions are not kept: connect with a clean session')
  const { clientId } = connect
  if (identity.kind === 'node') {
    // The id decides whose connection a new one replaces.
    const own = nodeClientId(identity.node)
    if (clientId !== own && !clientId.startsWith(`${own}/`)) return no(`client id of this node must be ${own} or start with ${own}/`)
  } else if (clientId.startsWith(nodeClientId(''))) return no('client ids of nodes are theirs alone')
  return connect.will ? mayPublish(identity, connect.will) : yes
}

export function mayPublish(identity: Identity, message: { readonly topic: string; readonly retain: boolean }): Verdict {
  if (identity.kind !== 'node') return no('only nodes publish')
  const to = parseNodeTopic(message.topic)
  if (to?.node !== identity.node) return no('topic is not one of this node')
  if (to.channel !== 'up' && to.channel !== 'online') return no(`nodes do not publish on ${to.channel}`)
  if (message.retain && to.channel !== 'online') return no(`messages on ${to.channel} are not retained`)
  return yes
}

export function maySubscribe(identity: Identity, filter: string): Verdict {
  switch (identity.kind) {
    case 'stranger': return no('not known here')
    case 'admin': return filter.startsWith(allTopics.slice(0, -1)) ? yes : no(`only ${allTopics} and what is in it`)
    case 'node': {
      const to = parseNodeTopic(filter)
      return to?.node === identity.node && (to.channel === 'down' || to.channel === 'rpc') ? yes : no('not a topic for this node')
    }
  }
}
