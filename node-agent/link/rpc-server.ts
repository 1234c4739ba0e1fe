/** The agent's end of calls from the control plane: handlers by method name. */
import { isStatus, messageOf } from '../../shared/base/errors.ts'
import type { Log } from '../../shared/base/host.ts'
import type { RpcMessage, UpMessage } from '../../shared/mqtt/messages.ts'

export interface CallContext {
  /** Path on the API server to dial by WebSocket for the stream, where the call is for one. */
  readonly dial: string | undefined
  /** Aborts when the connection is lost: the caller then no longer waits. */
  readonly signal: AbortSignal
}

/** Throw a {@link StatusError} to give the caller a reason. The result must be JSON. */
export type CallHandler = (params: unknown, context: CallContext) => Promise<unknown>

/** Calls under way at once; a stream's call ends once it is dialled. */
const maxCalls = 64
/** Calls that wait for one of those to end: a caller waits ten seconds, so that what is further back would be answered to nobody. */
const maxWaiting = 1024

export class RpcServer {
  readonly #handlers = new Map<string, CallHandler>()
  readonly #log: Log
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(log: Log) { this.#log = log.child('rpc') }

  /** One handler per method. Dispose to take it away. */
  register(method: string, handler: CallHandler): Disposable {
    if (this.#handlers.has(method)) throw new Error(`method ${method} has a handler already`)
    this.#handlers.set(method, handler)
    return { [Symbol.dispose]: () => { this.#handlers.delete(method) } }
  }

  async handle(call: RpcMessage, signal: AbortSignal): Promise<Extract<UpMessage, { type: 'reply' }>> {
    const failed = (reason: string, message: string) => ({ type: 'reply', id: call.id, error: { reason, message } }) as const
    const handler = this.#handlers.get(call.method)
    if (!handler) return failed('NotFound', `this agent has no method ${call.method}`)
    if (this.#running >= maxCalls) {
      if (this.#waiting.length >= maxWaiting) return failed('TooManyRequests', `${maxCalls} calls are under way on this node and ${maxWaiting} wait`)
      // Whoever ends hands its place on.
      await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
    } else {
      this.#running++
    }
    if (signal.aborted) {
      this.#next()
      return failed('ServiceUnavailable', 'the connection was lost')
    }
    try {
      return { type: 'reply', id: call.id, result: (await handler(call.params, { dial: call.dial, signal })) ?? null }
    } catch (error) {
      if (isStatus(error)) return failed(error.reason, error.message)
      this.#log.error('call failed', { method: call.method, error: messageOf(error) })
      return failed('InternalError', messageOf(error))
    } finally {
      this.#next()
    }
  }

  #next(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#running--
  }
}
