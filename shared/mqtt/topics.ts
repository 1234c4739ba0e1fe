/** MQTT topics between control plane and nodes: `bramble/v1/nodes/<node>/<channel>`. */

/**
 * - `down`: control plane to node, desired state and receipts.
 * - `up`: node to control plane, greeting, acknowledgements, reports, replies.
 * - `online`: node to everybody, retained; the last will says offline.
 * - `rpc`: control plane to node, requests that want a reply.
 */
export type NodeChannel = 'down' | 'up' | 'online' | 'rpc'

const channels: ReadonlySet<string> = new Set<NodeChannel>(['down', 'up', 'online', 'rpc'])
const prefix = 'bramble/v1/nodes/'

/** Everything we publish. */
export const allTopics = 'bramble/v1/#'

export const nodeTopic = (node: string, channel: NodeChannel): string => `${prefix}${node}/${channel}`

/** The channel of every node. */
export const anyNode = (channel: NodeChannel): string => `${prefix}+/${channel}`

/** The node and channel of a topic; undefined where it is not exactly one of ours. */
export function parseNodeTopic(topic: string): { node: string; channel: NodeChannel } | undefined {
  if (!topic.startsWith(prefix)) return undefined
  const [node, channel, ...rest] = topic.slice(prefix.length).split('/')
  if (!node || node === '+' || node === '#' || channel === undefined || rest.length > 0 || !channels.has(channel)) return undefined
  return { node, channel: channel as NodeChannel }
}

/** The MQTT client id of a node's agent: a new connection takes the place of a half-open old one [MQTT-3.1.4-2]. */
export const nodeClientId = (node: string): string => `node:${node}`
