/**
 * The control plane's end of the conversation with nodes (`shared/mqtt/messages.ts`): desired state down, reports up. Built on informers and the
 * API client alone; holds nothing that a restart would lose: agents greet again and say what they have.
 */
import { refs } from '../../../shared/api/refs.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import { nextTurn } from '../../../shared/host/turn.ts'
import { Decoder, encode } from '../../../shared/mqtt/codec.ts'
import { decodeOnline, decodeUp, type DownMessage, type Position, type UpMessage } from '../../../shared/mqtt/messages.ts'
import { anyNode, nodeTopic, parseNodeTopic } from '../../../shared/mqtt/topics.ts'
import type { SharedInformers } from '../../../shared/reconcile/shared-informers.ts'
import { createSupervisor } from '../../../shared/reconcile/supervisor.ts'
import type { MessageBus } from '../message-bus.ts'
import { createDesiredTables, type DesiredTables } from './desired-tables.ts'
import { Ingest } from './ingest.ts'
import { renewLeases } from './leases.ts'
import { step, type Input, type State } from './liveness/machine.ts'
import { NodeWriter } from './node-writer.ts'
import { acknowledged, difference, nextStep, type Outbox } from './outbox/plan.ts'
import type { Entry, Item } from './outbox/table.ts'
import { partsOf, serialize, type Serialize } from './outbox/transfer.ts'
import { RpcCalls, type NodeRpc } from './rpc.ts'
import { keyOf } from './scope.ts'

export interface NodeGateway {
  readonly rpc: NodeRpc
  /** Is the node's agent connected now? */
  online(node: string): boolean
  close(): Promise<void>
}

/** Changes within this many milliseconds of the first go out together: a rollout touches many objects at a time. */
const gather = 4
/** A transfer is given this long, and a second more for each 8 KiB, before the node is asked to greet again. */
const ackTimeout = 30_000

interface Session {
  readonly id: string
  outbox: Outbox
  timer: Disposable | undefined
}

/** Subscribes and answers once the informers have their first lists. Close it before the bus and the informers. */
export async function createNodeGateway(options: { host: Host; bus: MessageBus; client: ApiClient; informers: SharedInformers }): Promise<NodeGateway> {
  const gateway = new Gateway(options)
  await gateway.start()
  return gateway
}

class Gateway implements NodeGateway {
  readonly rpc: RpcCalls
  readonly #host: Host
  readonly #bus: MessageBus
  readonly #informers: SharedInformers
  /** Of this run: revisions of another run mean nothing here. */
  readonly #incarnation: string
  readonly #tables: DesiredTables
  readonly #ingest: Ingest
  readonly #nodes: NodeWriter
  readonly #client: ApiClient
  readonly #sessions = new Map<string, Session>()
  readonly #decoders = new Map<string, Decoder>()
  readonly #liveness = new Map<string, { state: State; wake: Disposable | undefined }>()
  readonly #dirty = new Set<string>()
  readonly #stop = new AbortController()
  readonly #supervisor
  readonly #disposables: (Disposable | AsyncDisposable)[] = []
  #gathering: Disposable | undefined
  #flushing = false
  #ready = false
  #messages = 0

  constructor({ host, bus, client, informers }: { host: Host; bus: MessageBus; client: ApiClient; informers: SharedInformers }) {
    this.#host = { ...host, log: host.log.child('gateway') }
    this.#bus = bus
    this.#client = client
    this.#informers = informers
    this.#incarnation = host.random.uuid()
    this.#supervisor = createSupervisor(this.#host)
    this.rpc = new RpcCalls({ host: this.#host, bus, online: (node) => this.online(node) })
    this.#tables = createDesiredTables(informers, (node) => this.#changed(node))
    const nodes = informers.for(refs.Node)
    this.#nodes = new NodeWriter({ host: this.#host, client, nodes })
    this.#ingest = new Ingest({
      host: this.#host, client, pods: informers.for(refs.Pod), nodeReport: (node, body) => this.#nodes.report(node, body),
      receipt: (node, session, items) => this.#send(node, { type: 'reported', session, items }),
    })
    this.#disposables.push(nodes.on({
      add: (n) => this.#alive(n.metadata.name, { on: 'seen' }),
      delete: (n) => { if (!this.online(n.metadata.name)) this.#forget(n.metadata.name) },
    }))
  }

  async start(): Promise<void> {
    this.#disposables.push(await this.#bus.subscribe(anyNode('up'), (m) => this.#fromNode(m, (node, value) => this.#up(node, decodeUp(value)))))
    this.#disposables.push(await this.#bus.subscribe(anyNode('online'), (m) => this.#fromNode(m, (node, value) => {
      const { online, session } = decodeOnline(value)
      if (!online) this.#offline(node, session)
    })))
    await this.#informers.synced()
    this.#ready = true
    this.#supervisor.run('reports', (signal) => this.#ingest.run(signal))
    this.#supervisor.run('nodes', (signal) => this.#nodes.run(signal))
    this.#supervisor.run('leases', (signal) => renewLeases({ host: this.#host, client: this.#client, online: () => [...this.#sessions.keys()], signal }))
    this.#changed('all')
  }

  online(node: string): boolean { return this.#sessions.has(node) }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#gathering?.[Symbol.dispose]()
    for (const s of this.#sessions.values()) s.timer?.[Symbol.dispose]()
    for (const l of this.#liveness.values()) l.wake?.[Symbol.dispose]()
    this.#tables.close()
    for (const d of this.#disposables) {
      if (Symbol.asyncDispose in d) await d[Symbol.asyncDispose]()
      else d[Symbol.dispose]()
    }
    await this.#supervisor.close()
  }

  /** Every message a node sends comes through here: a bad one is refused by name and harms nobody. */
  #fromNode(message: { topic: string; payload: Buffer }, handle: (node: string, value: unknown) => void): void {
    const from = parseNodeTopic(message.topic)
    if (!from || this.#stop.signal.aborted) return
    const key = message.topic
    let decoder = this.#decoders.get(key)
    if (!decoder) this.#decoders.set(key, decoder = new Decoder())
    try {
      const value = decoder.accept(message.payload)
      if (value !== undefined) handle(from.node, value)
    } catch (error) {
      this.#host.log.warn('message refused', { node: from.node, channel: from.channel, error: messageOf(error) })
    }
  }

  #up(node: string, message: UpMessage): void {
    if (message.type === 'reply') {
      if (!this.rpc.reply(node, message)) this.#host.log.debug('late reply', { node, id: message.id })
      return
    }
    if (message.type === 'hello') { this.#hello(node, message); return }
    const session = this.#sessions.get(node)
    if (!session || session.id !== message.session) {
      // Of a connection that is gone, or we restarted behind a broker that did not.
      if (!session) this.#send(node, { type: 'greet' })
      return
    }
    switch (message.type) {
      case 'ack': this.#ack(node, session, message.position); break
      case 'inventory': void this.#answerInventory(node, session, message); break
      case 'report': this.#ingest.accept(node, session.id, message.items); break
    }
  }

  #hello(node: string, hello: Extract<UpMessage, { type: 'hello' }>): void {
    const known = this.#sessions.get(node)
    known?.timer?.[Symbol.dispose]()
    this.#sessions.set(node, { id: hello.session, outbox: { at: 'greeted', position: hello.position }, timer: undefined })
    if (known?.id !== hello.session) {
      this.#host.log.info('node connected', { node, version: hello.version, revision: hello.position?.revision ?? 0, resumes: hello.position?.incarnation === this.#incarnation })
      this.#nodes.greeted(node, hello.labels)
      if (known) this.rpc.lost(node)
    }
    this.#alive(node, { on: 'hello', session: hello.session })
    this.#changed(node)
  }

  #offline(node: string, session: string): void {
    const known = this.#sessions.get(node)
    if (known?.id !== session) return
    this.#host.log.info('node disconnected', { node })
    known.timer?.[Symbol.dispose]()
    this.#sessions.delete(node)
    this.#decoders.delete(nodeTopic(node, 'up'))
    this.#decoders.delete(nodeTopic(node, 'online'))
    this.rpc.lost(node)
    this.#alive(node, { on: 'offline', session })
  }

  #alive(node: string, input: Input): void {
    const known = this.#liveness.get(node)
    const result = step(known?.state, input)
    if (result === 'ignored') return
    const entry = known ?? { state: result.next, wake: undefined }
    entry.state = result.next
    this.#liveness.set(node, entry)
    for (const effect of result.effects) {
      switch (effect.do) {
        case 'wake':
          entry.wake?.[Symbol.dispose]()
          entry.wake = this.#host.clock.after(effect.after, () => this.#alive(node, { on: 'elapsed' }))
          break
        case 'cancel-wake': entry.wake?.[Symbol.dispose](); break
        // The Node's conditions return with its report, which every agent sends on connecting.
        case 'mark-online': break
        case 'mark-unknown':
          this.#host.log.warn('node is silent', { node })
          this.#nodes.markSilent(node)
          break
      }
    }
  }

  #forget(node: string): void {
    this.#liveness.get(node)?.wake?.[Symbol.dispose]()
    this.#liveness.delete(node)
    this.#nodes.forget(node)
  }

  #ack(node: string, session: Session, position: Position): void {
    const next = acknowledged(session.outbox, position)
    if (next === 'ignored') return
    session.timer?.[Symbol.dispose]()
    if (next === 'stale') { this.#send(node, { type: 'greet' }); return }
    session.outbox = next
    this.#changed(node)
  }

  /** Something changed for this node: it is looked at soon, together with whatever else changes until then. */
  #changed(node: string | 'all'): void {
    if (node === 'all') for (const n of this.#sessions.keys()) this.#dirty.add(n)
    else if (this.#sessions.has(node)) this.#dirty.add(node)
    if (!this.#ready || this.#dirty.size === 0 || this.#gathering || this.#flushing || this.#stop.signal.aborted) return
    this.#gathering = this.#host.clock.after(gather, () => {
      this.#gathering = undefined
      void this.#flush()
    })
  }

  async #flush(): Promise<void> {
    this.#flushing = true
    // What goes to all nodes is turned into JSON once.
    const written = new Map<object, string>()
    const toJson: Serialize = (object) => {
      let json = written.get(object)
      if (json === undefined) written.set(object, json = serialize(object))
      return json
    }
    try {
      while (this.#dirty.size > 0 && !this.#stop.signal.aborted) {
        for (const node of [...this.#dirty]) {
          this.#dirty.delete(node)
          this.#next(node, toJson)
          await nextTurn()
        }
      }
    } finally {
      this.#flushing = false
    }
  }

  #next(node: string, toJson: Serialize): void {
    const session = this.#sessions.get(node)
    if (!session) return
    const tables = [this.#tables.common, this.#tables.own(node)]
    const history = { incarnation: this.#incarnation, revision: Math.max(...tables.map((t) => t.revision)), compacted: Math.max(...tables.map((t) => t.compacted)) }
    const to: Position = { incarnation: this.#incarnation, revision: history.revision }
    const next = nextStep(session.outbox, history)
    switch (next.do) {
      case 'wait': return
      case 'ask':
        session.outbox = { at: 'asked' }
        this.#send(node, { type: 'inventory', session: session.id })
        this.#expect(node, session, 0)
        return
      case 'snapshot': this.#transfer(node, session, { from: null, to, items: tables.flatMap((t) => [...t.all()]) }, toJson); return
      case 'delta': {
        const items = tables.flatMap((t) => t.since(next.from.revision) ?? [])
        this.#transfer(node, session, { from: next.from, to, items }, toJson)
      }
    }
  }

  async #answerInventory(node: string, session: Session, inventory: Extract<UpMessage, { type: 'inventory' }>): Promise<void> {
    if (session.outbox.at !== 'asked') return
    const wanted = new Map<string, Entry>()
    for (const table of [this.#tables.common, this.#tables.own(node)]) for (const entry of table.all()) wanted.set(keyOf(entry.id), entry)
    const has = new Map(inventory.objects.map(([kind, namespace, name, digest]) => [keyOf([kind, namespace, name]), digest]))
    const ids = new Map(inventory.objects.map(([kind, namespace, name]) => [keyOf([kind, namespace, name]), [kind, namespace, name] as const]))
    const { put, del } = difference(has, wanted)
    const removals = del.flatMap((key): Item[] => { const id = ids.get(key); return id ? [{ id, revision: 0, object: undefined }] : [] })
    const revision = Math.max(this.#tables.common.revision, this.#tables.own(node).revision)
    this.#transfer(node, session, { from: inventory.position, to: { incarnation: this.#incarnation, revision }, items: [...put, ...removals] }, serialize)
  }

  #transfer(node: string, session: Session, t: { from: Position | null; to: Position; items: readonly Item[] }, toJson: Serialize): void {
    const put: Entry[] = []
    const del: Item['id'][] = []
    for (const item of t.items) if (item.object) put.push(item); else del.push(item.id)
    session.outbox = { at: 'sending', to: t.to }
    let bytes = 0
    const parts = [...partsOf({ session: session.id, from: t.from, to: t.to, put, del }, toJson)]
    for (const json of parts) bytes += json.length
    this.#expect(node, session, bytes)
    void this.#sendParts(node, session, parts)
  }

  /** One part after another, each once the one before is with the socket: a slow node holds up no other, and a gone one no longer. */
  async #sendParts(node: string, session: Session, parts: readonly string[]): Promise<void> {
    for (const json of parts) {
      if (this.#sessions.get(node) !== session || this.#stop.signal.aborted) return
      await this.#publish(node, json)
    }
  }

  #expect(node: string, session: Session, bytes: number): void {
    session.timer?.[Symbol.dispose]()
    session.timer = this.#host.clock.after(ackTimeout + (bytes / 8192) * 1000, () => {
      this.#host.log.warn('node did not acknowledge, asking it to greet again', { node })
      session.timer = undefined
      this.#send(node, { type: 'greet' })
      this.#expect(node, session, 0)
    })
  }

  #send(node: string, message: DownMessage): void { void this.#publish(node, JSON.stringify(message)) }

  async #publish(node: string, json: string): Promise<void> {
    try {
      for (const payload of encode(json, ++this.#messages)) await this.#bus.publish({ topic: nodeTopic(node, 'down'), payload })
    } catch (error) {
      // The acknowledgement will not come, which brings the conversation back to a greeting.
      if (!this.#stop.signal.aborted) this.#host.log.warn('message not sent', { node, error: messageOf(error) })
    }
  }
}
