/** What the request path needs to know of aggregated API servers. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { User } from '../authn/user.ts'
import type { RequestInfo } from '../request-info.ts'

/** A request that was authenticated and authorized here. */
export interface ForwardedRequest {
  readonly req: IncomingMessage
  readonly user: User
  /** What was read of the request already, which is all of it; undefined: the body is passed on as it comes. */
  readonly body: Buffer | undefined
}

/** The server behind an APIService. */
export interface RemoteServer {
  /** Passes the request on and the answer back, as a stream. Answers 503 in upstream's words where nobody answers; resolves when the answer is over. */
  proxy(request: ForwardedRequest, res: ServerResponse): Promise<void>
  /** The same for a connection that switches protocols; the socket is the remote server's from here. */
  upgrade(request: ForwardedRequest, socket: Duplex, head: Buffer): Promise<void>
}

export interface Aggregation {
  /** The server that answers for this path; undefined where we do. Called for every request: costs nothing where nothing is aggregated. */
  serverOf(info: RequestInfo): RemoteServer | undefined
}
