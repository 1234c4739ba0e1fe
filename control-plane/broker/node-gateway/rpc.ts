/**
 * Requests to nodes over their `rpc` topic. The reply comes on `up`. A call whose answer is a stream names a path to dial: the agent opens a
 * WebSocket to the API server there, and the reply only says that it will.
 */
import type { Millis } from '../../../shared/base/brands.ts'
import { messageOf, StatusError, type Reason } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import { encode } from '../../../shared/mqtt/codec.ts'
import type { RpcMessage, UpMessage } from '../../../shared/mqtt/messages.ts'
import { nodeTopic } from '../../../shared/mqtt/topics.ts'
import type { MessageBus } from '../message-bus.ts'

export interface CallOptions {
  /** Path and query on the API server that the agent is to dial by WebSocket. */
  readonly dial?: string
  /** Default 10 s. */
  readonly timeout?: Millis
  readonly signal?: AbortSignal
}

export interface NodeRpc {
  /**
   * Calls `method` on the node; resolves with its result. Rejects with a {@link StatusError}: `ServiceUnavailable` where the node is not connected or
   * goes away, `Timeout`, or the reason the agent gave. A rejected call may have been carried out.
   */
  call(node: string, method: string, params: unknown, options?: CallOptions): Promise<unknown>
}

/** Calls waiting for a reply: a caller each, and callers are limited upstream of us. */
const maxWaiting = 2000

interface Waiting { readonly node: string; readonly done: (result: unknown) => void; readonly failed: (error: StatusError) => void }

export class RpcCalls implements NodeRpc {
  readonly #options: { readonly host: Host; readonly bus: MessageBus; readonly online: (node: string) => boolean }
  readonly #waiting = new Map<string, Waiting>()
  #count = 0

  constructor(options: { host: Host; bus: MessageBus; online: (node: string) => boolean }) { this.#options = options }

  async call(node: string, method: string, params: unknown, options: CallOptions = {}): Promise<unknown> {
    const { host, bus, online } = this.#options
    options.signal?.throwIfAborted()
    if (!online(node)) throw new StatusError('ServiceUnavailable', `node ${node} is not connected`)
    if (this.#waiting.size >= maxWaiting) throw new StatusError('TooManyRequests', `more than ${maxWaiting} calls to nodes wait for a reply`)
    const id = host.random.uuid()
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    // It may be rejected while the request is still being published, when nobody awaits it yet.
    promise.catch((error: unknown) => host.log.debug('call failed', { node, method, error: messageOf(error) }))
    this.#waiting.set(id, { node, done: resolve, failed: reject })
    const timeout = options.timeout ?? 10_000
    using _timer = host.clock.after(timeout, () => reject(new StatusError('Timeout', `node ${node} did not answer ${method} within ${timeout} ms`)))
    const aborted = (): void => reject(options.signal?.reason as Error)
    options.signal?.addEventListener('abort', aborted, { once: true })
    try {
      const message: RpcMessage = { type: 'call', id, method, params, ...(options.dial === undefined ? {} : { dial: options.dial }) }
      for (const payload of encode(JSON.stringify(message), ++this.#count)) await bus.publish({ topic: nodeTopic(node, 'rpc'), payload })
      return await promise
    } finally {
      options.signal?.removeEventListener('abort', aborted)
      this.#waiting.delete(id)
    }
  }

  /** False where nobody waits for it, or it comes from another node than was asked. */
  reply(node: string, message: Extract<UpMessage, { type: 'reply' }>): boolean {
    const waiting = this.#waiting.get(message.id)
    if (waiting?.node !== node) return false
    if ('error' in message) waiting.failed(new StatusError(message.error.reason as Reason, message.error.message))
    else waiting.done(message.result)
    return true
  }

  /** The node's connection is gone: nobody will reply. */
  lost(node: string): void {
    for (const w of this.#waiting.values()) if (w.node === node) w.failed(new StatusError('ServiceUnavailable', `node ${node} was disconnected`))
  }
}
