/**
 * Meeting point of a request for a stream and the node that serves it. A node is behind NAT: it is asked over MQTT and dials
 * back over HTTPS to a path only it was told. The path is single-use and belongs to one node's certificate.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { badRequest, isStatus, messageOf, StatusError } from '../../../shared/base/errors.ts'
import type { Clock, Random } from '../../../shared/base/host.ts'
import type { Burst } from '../../../shared/host/memory-return.ts'
import type { ChannelEnd } from '../../../shared/streams/channels.ts'
import type { StreamMethods } from '../../../shared/streams/requests.ts'
import { webSocketEnd } from '../../../shared/streams/websocket-connection.ts'

/** Asks a connected node. Rejects with a `StatusError` where it is not connected, does not answer or refuses. */
export interface NodeRpc {
  call(node: string, method: string, params: unknown, options?: { readonly dial?: string }): Promise<unknown>
}

const prefix = '/bramble/v1/dial/'
/** A node answers within round trips; a minute of silence is a node that is gone. */
const patience = 20_000

interface Waiting { readonly node: string; readonly arrived: (end: ChannelEnd) => void }

export class DialBacks {
  readonly #rpc: NodeRpc
  readonly #clock: Clock
  readonly #random: Random
  readonly #burst: Burst
  readonly #waiting = new Map<string, Waiting>()
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 4 << 20 })

  constructor(deps: { rpc: NodeRpc; clock: Clock; random: Random; burst: Burst }) {
    this.#rpc = deps.rpc
    this.#clock = deps.clock
    this.#random = deps.random
    this.#burst = deps.burst
  }

  /** Asks `node` for a stream and waits for it to dial back. The caller owns the end. */
  async request<M extends keyof StreamMethods>(node: string, method: M, params: StreamMethods[M]): Promise<ChannelEnd> {
    const id = Buffer.from(this.#random.bytes(16)).toString('hex')
    const arrival = Promise.withResolvers<ChannelEnd>()
    using _timer = this.#clock.after(patience, () => arrival.reject(new StatusError('Timeout', `node "${node}" did not open the stream within ${patience / 1000} s`)))
    this.#waiting.set(id, { node, arrived: arrival.resolve })
    try {
      const [end] = await Promise.all([arrival.promise, this.#rpc.call(node, method, params, { dial: prefix + id }).catch((e: unknown) => {
        arrival.reject(isStatus(e) ? e : new StatusError('ServiceUnavailable', `node "${node}": ${messageOf(e)}`))
        throw e
      })])
      return end
    } finally {
      this.#waiting.delete(id)
    }
  }

  /** Is this upgrade a node's dial-back? */
  static matches(path: string): boolean { return path.startsWith(prefix) }

  /** Takes the upgrade of a dial-back. `node` is the name in the client's certificate, undefined for anybody else. Throws where nobody waits for it. */
  accept(path: string, node: string | undefined, req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const id = path.slice(prefix.length)
    const waiting = this.#waiting.get(id)
    if (!waiting || waiting.node !== node) throw badRequest('nobody waits for this stream')
    this.#waiting.delete(id)
    this.#server.handleUpgrade(req, socket, head, (ws) => {
      const work = this.#burst.begin()
      ws.once('close', () => work[Symbol.dispose]())
      waiting.arrived(webSocketEnd(ws))
    })
  }
}
