/**
 * The agent's part of the conversation (`shared/mqtt/messages.ts`): stores transfers one after another, acknowledges what is on disk, carries
 * reports up and calls down. Messages are handled strictly in order; one that cannot be is refused by name, and is not acknowledged.
 */
import { messageOf } from '../../shared/base/errors.ts'
import type { Host, Log } from '../../shared/base/host.ts'
import { Decoder } from '../../shared/mqtt/codec.ts'
import { receive, type Assembly } from '../../shared/mqtt/delta.ts'
import { decodeDown, decodeRpc, type DownMessage, type StateMessage, type UpMessage } from '../../shared/mqtt/messages.ts'
import type { Input } from './connection/machine.ts'
import type { DesiredStore } from './desired-store.ts'
import type { RpcServer } from './rpc-server.ts'
import type { StatusOutbox } from './status-outbox.ts'

export interface ConversationOptions {
  readonly host: Host
  readonly desired: DesiredStore
  readonly outbox: StatusOutbox
  readonly rpc: RpcServer
  readonly labels: Readonly<Record<string, string>>
  readonly version: string
  readonly send: (message: UpMessage) => void
  readonly input: (input: Input) => void
}

export class Conversation {
  readonly #options: ConversationOptions
  readonly #log: Log
  #decoders = { down: new Decoder(), rpc: new Decoder() }
  #session = ''
  #assembly: Assembly
  /** Transfers are stored one at a time, in order. */
  #tail: Promise<void> = Promise.resolve()
  #calls = new AbortController()

  constructor(options: ConversationOptions) {
    this.#options = options
    this.#log = options.host.log.child('conversation')
  }

  greet(session: string): void {
    const { desired, outbox, send, labels, version } = this.#options
    if (session !== this.#session) {
      this.#session = session
      this.#decoders = { down: new Decoder(), rpc: new Decoder() }
    }
    this.#assembly = undefined
    // After what is being stored: the position said is the one on disk.
    this.#inTurn(async () => {
      if (session !== this.#session) return
      send({ type: 'hello', session, position: desired.position, labels, version })
      outbox.connected((items) => send({ type: 'report', session, items }))
    })
  }

  lost(): void {
    this.#session = ''
    this.#assembly = undefined
    this.#options.outbox.disconnected()
    this.#calls.abort(new Error('connection lost'))
    this.#calls = new AbortController()
  }

  receive(channel: 'down' | 'rpc', payload: Buffer): void {
    try {
      const value = this.#decoders[channel].accept(payload)
      if (value === undefined) return
      if (channel === 'rpc') void this.#call(decodeRpc(value))
      else this.#down(decodeDown(value))
    } catch (error) {
      // No new greeting for it: what was bad once is bad again. Without an acknowledgement the gateway asks us to greet, in its own time.
      this.#log.error('message refused', { channel, error: messageOf(error) })
    }
  }

  /** Resolves when nothing is being stored any more. */
  idle(): Promise<void> { return this.#tail }

  #inTurn(work: () => Promise<void>): void {
    this.#tail = this.#tail.then(work).catch((error: unknown) => {
      // A full disk refuses the next try too: the gateway asks again when the acknowledgement does not come (30 s), not as fast as the link allows.
      this.#log.error('not stored', { error: messageOf(error) })
    })
  }

  #resync(why: string): void {
    this.#log.warn('greeting again', { why })
    this.#options.input({ on: 'resync' })
  }

  #down(message: DownMessage): void {
    if (message.type === 'greet') { this.#options.input({ on: 'resync' }); return }
    // Late words of an earlier session.
    if (message.session !== this.#session) return
    // A long transfer on a slow link must not be taken for silence.
    this.#options.input({ on: 'answered' })
    switch (message.type) {
      case 'state': this.#inTurn(() => this.#state(message)); break
      case 'inventory': this.#inTurn(() => this.#inventory(message.session)); break
      case 'reported': this.#options.outbox.receipts(message.items); break
    }
  }

  async #state(message: StateMessage): Promise<void> {
    if (message.session !== this.#session) return
    const { desired, send, outbox } = this.#options
    const result = receive(this.#assembly, desired.position, message)
    this.#assembly = result.assembly
    switch (result.outcome) {
      case 'more': return
      case 'resync': this.#resync(result.why); return
      case 'apply': await desired.apply(result.transfer); break
      case 'repeat': break
    }
    if (message.session !== this.#session) return
    send({ type: 'ack', session: message.session, position: message.to })
    outbox.gateway(message.to.incarnation)
  }

  async #inventory(session: string): Promise<void> {
    const { desired, send } = this.#options
    if (session !== this.#session) return
    if (desired.position === null) { this.#resync('asked for an inventory of nothing'); return }
    send({ type: 'inventory', session, position: desired.position, objects: desired.inventory() })
  }

  async #call(call: Parameters<RpcServer['handle']>[0]): Promise<void> {
    const session = this.#session
    const reply = await this.#options.rpc.handle(call, this.#calls.signal)
    if (session === this.#session) this.#options.send(reply)
  }
}
