/**
 * The embedded MQTT broker: aedes (MQTT 3.1.1) behind mutual TLS, with the access rules and with a limit on everything a client can make
 * grow. The one place that imports aedes. Nothing is kept on disk: retained messages and wills live in memory, sessions are clean.
 */
// First, since the packet writer takes what it needs when it is loaded.
import { keepNoPacketNumbers } from '../../shared/mqtt/packet-memory.ts'
import type { Duplex } from 'node:stream'
import { Aedes, type Client } from 'aedes'
import type { Host } from '../../shared/base/host.ts'
import { limits as codecLimits } from '../../shared/mqtt/codec.ts'
import { identify, mayConnect, mayPublish, maySubscribe, nameOf, type Connect, type Identity } from './acl/rules.ts'
import type { MessageBus } from './message-bus.ts'
import { createUpgradeHandler, listen, type PeerCertificate, type ServerTls, type UpgradeHandler } from './mqtt-server.ts'
import { PacketGuard } from './packet-guard.ts'

/** What a client can make us hold, and why no more. */
export const brokerLimits = {
  /** Our own largest payload, and room for topic and header. */
  packetBytes: codecLimits.payload + 4096,
  /** 1,000 nodes, their successors while an old connection is half open, and subscribers; some 60 kB of TLS state each. */
  connections: 2500,
  /** Our deepest topic has five levels. */
  topicLevels: 10,
  subscriptionsPerClient: 64,
  /** A client that does not read for so long is cut off: what it was to get is in our memory until then. */
  drainTimeoutMs: 30_000,
  /** A client must say something within 1.5 times this, or it is gone: keepalive 0 ("never") is refused too. */
  keepaliveSeconds: 600,
  /** Messages being delivered at once; more wait in order. Above the number of slow readers to expect at a time. */
  deliveries: 1000,
  connectTimeoutMs: 15_000,
} as const

export interface BrokerOptions {
  readonly host: Host
  /** `ca` signs client certificates. */
  readonly tls: ServerTls
  /** 0 lets the system choose a port. */
  readonly port: number
  readonly address?: string
}

export interface Broker extends MessageBus {
  readonly port: number
  readonly connections: number
  /** For `server.on('upgrade')` of the API server, for requests to `/mqtt`. */
  readonly upgrade: UpgradeHandler
  renew(tls: ServerTls): void
  close(): Promise<void>
}

interface Peer { readonly identity: Identity; readonly from: string; refused: string | undefined }

/** CONNACK 5 [MQTT-3.2.2-5]. */
const notAuthorized = (why: string): Error & { returnCode: 5 } => Object.assign(new Error(why), { returnCode: 5 as const })

export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const log = options.host.log.child('broker')
  const peers = new WeakMap<object, Peer>()
  const peerOf = (client: Client): Peer => {
    const peer = peers.get(client.conn)
    if (!peer) throw new Error('connection without an identity')
    return peer
  }
  const refuse = (peer: Peer, what: string, why: string): Error => {
    log.warn(`${what} refused`, { identity: nameOf(peer.identity), from: peer.from, why })
    return notAuthorized(why)
  }

  keepNoPacketNumbers()
  const aedes = await Aedes.createBroker({
    concurrency: brokerLimits.deliveries, drainTimeout: brokerLimits.drainTimeoutMs, keepaliveLimit: brokerLimits.keepaliveSeconds,
    maxTopicLevels: brokerLimits.topicLevels, connectTimeout: brokerLimits.connectTimeoutMs, maxInflightInbound: 100,
    // One broker: nobody listens for its heartbeat.
    heartbeatInterval: 3_600_000,
    preConnect(client, packet, done) {
      const peer = peerOf(client)
      const connect: Connect = { clientId: packet.clientId, clean: packet.clean === true, will: packet.will ? { topic: packet.will.topic, retain: packet.will.retain === true } : undefined }
      const verdict = mayConnect(peer.identity, connect)
      // Answered in `authenticate`, which can send a CONNACK that says so.
      if (!verdict.allow) peer.refused = verdict.why
      done(null, true)
    },
    authenticate(client, _user, _password, done) {
      const peer = peerOf(client)
      if (peer.refused === undefined) done(null, true)
      else done(refuse(peer, 'connection', peer.refused) as Parameters<typeof done>[0], false)
    },
    authorizePublish(client, packet, done) {
      const peer = client ? peerOf(client) : undefined
      const verdict = peer ? mayPublish(peer.identity, { topic: packet.topic, retain: packet.retain === true }) : { allow: true as const }
      done(verdict.allow ? null : refuse(peer as Peer, `publish to ${packet.topic}`, verdict.why))
    },
    authorizeSubscribe(client, subscription, done) {
      const peer = peerOf(client)
      const held = Object.keys((client as unknown as { subscriptions: Record<string, unknown> }).subscriptions).length
      const verdict = held >= brokerLimits.subscriptionsPerClient ? { allow: false as const, why: 'too many subscriptions' } : maySubscribe(peer.identity, subscription.topic)
      if (verdict.allow) { done(null, subscription); return }
      // The client is told by the SUBACK's return code 0x80 (§3.9.3) and stays connected.
      refuse(peer, `subscribe to ${subscription.topic}`, verdict.why)
      done(null, null)
    },
  })
  aedes.on('clientError', (client, error) => log.info('connection failed', { client: client.id, error: error.message }))
  aedes.on('connectionError', (_client, error) => log.info('connection failed before it began', { error: error.message }))
  aedes.on('clientReady', (client) => log.debug('connected', { client: client.id }))
  ;(aedes as unknown as NodeJS.EventEmitter).on('error', (error: Error) => log.error('broker error', { error }))

  const accept = (stream: Duplex, certificate: PeerCertificate, from: string): void => {
    peers.set(stream, { identity: identify(certificate), from, refused: undefined })
    guard(stream, () => log.warn('connection cut: packet too large', { identity: certificate.commonName, from, limit: brokerLimits.packetBytes }))
    aedes.handle(stream)
  }
  const server = await listen({ tls: options.tls, address: options.address ?? '::', port: options.port, maxConnections: brokerLimits.connections, log, accept })
    .catch(async (error: unknown) => { await closed(aedes); throw error })
  log.info('MQTT broker listens', { port: server.port })

  return {
    ...busOf(aedes),
    port: server.port,
    get connections() { return aedes.connectedClients },
    upgrade: createUpgradeHandler({ maxPacket: brokerLimits.packetBytes, log, accept }),
    renew: (tls) => server.renew(tls),
    async close() {
      await closed(aedes)
      await server.close()
    },
  }
}

const closed = (aedes: Aedes): Promise<void> => new Promise((resolve) => { aedes.close(() => resolve()) })

function busOf(aedes: Aedes): MessageBus {
  return {
    publish: ({ topic, payload, retain = false }) => new Promise((resolve, reject) => {
      aedes.publish({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain }, (error) => { if (error) reject(error); else resolve() })
    }),
    async subscribe(filter, handler) {
      const deliver = (packet: { topic: string; payload: string | Buffer }, done: () => void): void => {
        handler({ topic: packet.topic, payload: Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload) })
        done()
      }
      await new Promise<void>((resolve) => { aedes.subscribe(filter, deliver, resolve) })
      return { [Symbol.asyncDispose]: () => new Promise<void>((resolve) => { aedes.unsubscribe(filter, deliver, resolve) }) }
    },
  }
}

/** aedes takes its input by `stream.read(null)`: what it reads is looked at first. */
function guard(stream: Duplex, tooLarge: () => void): void {
  const packets = new PacketGuard(brokerLimits.packetBytes)
  const read = stream.read.bind(stream)
  stream.read = (size?: number): unknown => {
    const chunk = read(size) as Buffer | null
    if (chunk === null || packets.accept(chunk)) return chunk
    tooLarge()
    stream.destroy(new Error('packet too large'))
    return null
  }
}
