/**
 * The agent's MQTT connection (mqtt.js over a TLS socket that was verified first), driven by `connection/machine.ts`. Each connection has a session
 * of its own, named in its last will, and sends whole messages; what is lost with it is the business of those who speak over it.
 */
// First, since the packet writer takes what it needs when it is loaded.
import { keepNoPacketNumbers } from '../../shared/mqtt/packet-memory.ts'
// The client alone: the package's entry point brings its ways to connect (proxies, browsers), half a megabyte of code that an agent, which dials itself, never runs.
import mqttClient from 'mqtt/lib/client'
import type { TLSSocket } from 'node:tls'
import { messageOf } from '../../shared/base/errors.ts'
import type { Host } from '../../shared/base/host.ts'
import { encode } from '../../shared/mqtt/codec.ts'
import type { OnlineMessage, UpMessage } from '../../shared/mqtt/messages.ts'
import { nodeClientId, nodeTopic } from '../../shared/mqtt/topics.ts'
import { step, type Effect, type Input, type State } from './connection/machine.ts'

const { default: MqttClient } = mqttClient

/** The broker cuts off a client silent for 1.5 times this. A ping each way costs some 150 bytes on the wire. */
export const keepaliveSeconds = 30

export interface ConnectionOptions {
  readonly host: Host
  readonly nodeName: string
  /** Opens a verified socket to the broker. */
  readonly dial: (signal: AbortSignal) => Promise<TLSSocket>
  /** Say hello: the connection is subscribed, and this is its session. Called again when the conversation must start over. */
  readonly greet: (session: string) => void
  readonly message: (channel: 'down' | 'rpc', payload: Buffer) => void
  /** The connection is gone. */
  readonly lost: () => void
}

export class LinkConnection {
  readonly #options: ConnectionOptions
  readonly #log
  #state: State = { at: 'idle' }
  #client: InstanceType<typeof MqttClient> | undefined
  #session = ''
  #timer: Disposable | undefined
  #dialling: AbortController | undefined
  #messages = 0
  #failure = ''
  readonly #listeners = new Set<(state: State['at']) => void>()

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#log = options.host.log.child('connection')
    keepNoPacketNumbers()
  }

  get state(): State['at'] { return this.#state.at }
  get session(): string { return this.#session }
  /** Bytes of TLS payload sent and received on the present connection. */
  get traffic(): { sent: number; received: number } {
    const socket = this.#client?.stream as TLSSocket | undefined
    return { sent: socket?.bytesWritten ?? 0, received: socket?.bytesRead ?? 0 }
  }

  /** Called with each new state. */
  onState(listener: (state: State['at']) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => { this.#listeners.delete(listener) } }
  }

  input(input: Input): void {
    const result = step(this.#state, input)
    if (result === 'ignored') return
    const before = this.#state.at
    this.#state = result.next
    for (const effect of result.effects) this.#perform(effect)
    if (this.#state.at === before) return
    if (this.#state.at === 'live') { this.#log.info('connected'); this.#failure = '' }
    for (const listener of [...this.#listeners]) listener(this.#state.at)
  }

  /** Sends one message. What cannot be sent now is dropped: everything sent is answered, or said again after the next greeting. */
  send(message: UpMessage): void {
    const client = this.#client
    if (!client?.connected) return
    for (const payload of encode(JSON.stringify(message), ++this.#messages)) client.publish(nodeTopic(this.#options.nodeName, 'up'), payload, { qos: 0 })
  }

  /** Says that the node's agent goes away on purpose, and closes. */
  async close(): Promise<void> {
    const client = this.#client
    if (client?.connected) {
      const offline: OnlineMessage = { online: false, session: this.#session }
      // A clean disconnect cancels the will [MQTT-3.14.4-3]: say it ourselves.
      await new Promise<void>((resolve) => { client.publish(nodeTopic(this.#options.nodeName, 'online'), JSON.stringify(offline), { retain: true }, () => resolve()) })
      await new Promise<void>((resolve) => { client.end(false, {}, () => resolve()) })
    }
    this.input({ on: 'stop' })
  }

  #perform(effect: Effect): void {
    const { clock, random } = this.#options.host
    switch (effect.do) {
      case 'dial': void this.#dial(); break
      case 'hang-up': this.#hangUp(); break
      case 'greet': this.#options.greet(this.#session); break
      case 'wake':
        this.#timer?.[Symbol.dispose]()
        this.#timer = clock.after(effect.after * (1 - random.float() / 2), () => this.input({ on: 'elapsed' }))
        break
      case 'cancel-wake': this.#timer?.[Symbol.dispose](); break
    }
  }

  #hangUp(): void {
    this.#dialling?.abort()
    this.#dialling = undefined
    const client = this.#client
    this.#client = undefined
    if (!client) return
    client.removeAllListeners()
    // Its own late errors concern nobody any more.
    client.on('error', () => {})
    client.end(true)
    this.#options.lost()
  }

  async #dial(): Promise<void> {
    const dialling = this.#dialling = new AbortController()
    try {
      const socket = await this.#options.dial(dialling.signal)
      if (dialling.signal.aborted) { socket.destroy(); return }
      this.#open(socket)
    } catch (error) {
      if (dialling.signal.aborted) return
      this.#failed(messageOf(error))
      this.input({ on: 'lost' })
    }
  }

  #failed(why: string): void {
    // The same failure every minute for a week is one line, not ten thousand.
    if (why !== this.#failure) this.#log.warn('no connection to the control plane', { why })
    this.#failure = why
  }

  #open(socket: TLSSocket): void {
    const { nodeName, message, host } = this.#options
    const session = this.#session = host.random.uuid()
    const online = nodeTopic(nodeName, 'online')
    const client = this.#client = new MqttClient(() => socket, {
      protocolVersion: 4, clientId: nodeClientId(nodeName), clean: true, keepalive: keepaliveSeconds, reconnectPeriod: 0, connectTimeout: 15_000, resubscribe: false, queueQoSZero: false,
      will: { topic: online, payload: Buffer.from(JSON.stringify({ online: false, session } satisfies OnlineMessage)), qos: 0, retain: true },
    })
    const mine = (): boolean => this.#client === client
    client.on('message', (topic, payload) => {
      if (!mine()) return
      if (topic === nodeTopic(nodeName, 'down')) message('down', payload)
      else if (topic === nodeTopic(nodeName, 'rpc')) message('rpc', payload)
    })
    client.on('error', (error) => { if (mine()) this.#failed(error.message) })
    client.on('close', () => {
      if (!mine()) return
      if (this.#state.at === 'live') this.#failed('connection lost')
      this.#hangUp()
      this.input({ on: 'lost' })
    })
    client.once('connect', () => {
      if (!mine()) return
      client.publish(online, JSON.stringify({ online: true, session } satisfies OnlineMessage), { retain: true, qos: 0 })
      client.subscribe([nodeTopic(nodeName, 'down'), nodeTopic(nodeName, 'rpc')], { qos: 0 }, (error, granted) => {
        if (!mine()) return
        const refused = granted?.find((g) => g.qos > 2)
        if (!error && !refused) { this.input({ on: 'connected' }); return }
        this.#failed(error?.message ?? `subscription to ${refused?.topic} refused`)
        client.end(true)
      })
    })
  }
}
