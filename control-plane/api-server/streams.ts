/**
 * The hook for requests whose answer is a stream from a node: logs, exec, attach, port-forward. The API server authenticates and authorizes
 * them; the handler joins them with the node's dial-back. A verb without handler is refused by name.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { NodeUsage } from '../../shared/streams/usage.ts'
import type { User } from './authn/user.ts'
import type { RequestInfo } from './request-info.ts'

export type StreamRequest = RequestInfo & { readonly user: User }

export interface StreamHandlers {
  /**
   * An upgrade for which {@link takesUpgrades}. The handler owns the socket from here: it answers 101 or an error, and
   * ends the socket. A rejection with a `StatusError` before anything was written is answered by the server with that status.
   */
  handle(request: StreamRequest, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
  /** `GET pods/log`. The handler writes the answer and ends it, and stops when the client goes. A rejection before the headers are sent is answered as `Status`. */
  logs(request: StreamRequest, req: IncomingMessage, res: ServerResponse): Promise<void>
  /** Any other request that {@link isProxy}; answered and ended as logs are. */
  proxy(request: StreamRequest, req: IncomingMessage, res: ServerResponse): Promise<void>
  /** What a node and its containers use; asked of the node at most every ten seconds. Rejects with a `StatusError` where it does not answer. */
  usage?(node: string): Promise<NodeUsage>
  /** A node's dial-back: an upgrade to a path below `/bramble/`. `node` is the name in the client's certificate, undefined for anybody else. A throw is answered as above. */
  dial?(path: string, node: string | undefined, req: IncomingMessage, socket: Duplex, head: Buffer): void
}

const podUpgrades = new Set(['exec', 'attach', 'portforward', 'log'])
const proxied = new Set(['pods', 'services', 'nodes'])

/** `{pods,services,nodes}/NAME/proxy`, of any method and with any path behind it. */
export const isProxy = (info: RequestInfo): boolean => info.isResourceRequest && info.group === '' && info.subresource === 'proxy' && proxied.has(info.resource) && info.name !== ''

/** Requests that may switch protocols. */
export const takesUpgrades = (info: RequestInfo): boolean => isProxy(info) || (info.isResourceRequest && info.group === '' && info.resource === 'pods' && podUpgrades.has(info.subresource))
