/** One control plane's broker and gateway over an API in memory, and real agents' links to it, on loopback. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host, LogFields } from '../../shared/base/host.ts'
import { createFakeApiSource, type FakeApiSource } from '../../shared/client/fake-api-source.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { silentLog } from '../../shared/host/log.ts'
import { systemRandom } from '../../shared/host/random.ts'
import { createCa, issueCertificate, type KeyPair } from '../../shared/pki/certificates.ts'
import { createSharedInformers, type SharedInformers } from '../../shared/reconcile/shared-informers.ts'
import { createBroker, type Broker } from '../../control-plane/broker/broker.ts'
import type { MessageBus } from '../../control-plane/broker/message-bus.ts'
import { createNodeGateway, type NodeGateway } from '../../control-plane/broker/node-gateway/gateway.ts'
import { createLink, type AgentLink } from '../../node-agent/link/agent-link.ts'
import { saveCredentials } from '../../node-agent/link/credentials.ts'

/** Lines of a log, to wait for and to look through. */
export class Lines {
  readonly all: string[] = []
  readonly log: Host['log']
  constructor() {
    const write = (level: string) => (message: string, fields: LogFields = {}): void => {
      this.all.push(`${level} ${message} ${Object.entries(fields).map(([k, v]) => `${k}=${v instanceof Error ? v.message : String(v)}`).join(' ')}`)
    }
    this.log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: () => this.log }
  }
}

/** Resolves when `check` holds; looks whenever the event loop turns, fails after `ms`. */
export async function until(check: () => boolean, what: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!check()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 2) })
  }
}

export const hour = 3_600_000
const subjectOf = (node: string) => ({ commonName: `system:node:${node}`, organizations: ['system:nodes'] })

export class World {
  readonly ca: KeyPair
  readonly server: KeyPair
  readonly folder: string
  readonly api: FakeApiSource = createFakeApiSource({ clock: systemClock })
  readonly lines = new Lines()
  readonly host: Host = { clock: systemClock, random: systemRandom, log: this.lines.log }
  readonly links = new Set<AgentLink>()
  broker!: Broker
  gateway!: NodeGateway
  informers!: SharedInformers
  /** Messages down that are lost on purpose: return true to lose one. */
  lose: (topic: string, payload: Buffer) => boolean = () => false
  /** Payload bytes sent down, by node topic. */
  readonly sent: { topic: string; payload: Buffer }[] = []
  #port = 0

  private constructor(ca: KeyPair, server: KeyPair, folder: string) {
    this.ca = ca
    this.server = server
    this.folder = folder
  }

  static async create(): Promise<World> {
    const ca = await createCa({ commonName: 'test' }, { now: Date.now(), ttl: 24 * hour })
    const server = await issueCertificate(ca, { commonName: 'server' }, { now: Date.now(), ttl: hour, usages: ['server'], ips: ['127.0.0.1'], dnsNames: ['localhost'] })
    const world = new World(ca, server, await mkdtemp(join(tmpdir(), 'bramble-link-')))
    await world.start()
    return world
  }

  /** Starts (again) what runs in the control plane's process, on the same port. */
  async start(): Promise<void> {
    const client = this.api.client()
    this.broker = await createBroker({ host: this.host, tls: { ca: this.ca.certPem, cert: this.server.certPem, key: this.server.keyPem }, address: '127.0.0.1', port: this.#port })
    this.#port = this.broker.port
    this.informers = createSharedInformers({ client, host: { ...this.host, log: silentLog } })
    const bus: MessageBus = {
      subscribe: (filter, handler) => this.broker.subscribe(filter, handler),
      publish: async (m) => {
        if (this.lose(m.topic, m.payload)) return
        this.sent.push(m)
        await this.broker.publish(m)
      },
    }
    this.gateway = await createNodeGateway({ host: this.host, bus, client, informers: this.informers })
  }

  async stop(): Promise<void> {
    await this.gateway.close()
    await this.informers.close()
    await this.broker.close()
  }

  issue(subject: { commonName: string; organizations?: string[] }, ca = this.ca): Promise<KeyPair> {
    return issueCertificate(ca, subject, { now: Date.now(), ttl: hour, usages: ['client'] })
  }

  /** A link of a node that has joined. The same name again is the same node with the same disk. */
  async link(node: string, host: Partial<Host> = {}): Promise<AgentLink> {
    const dataDir = join(this.folder, node)
    const pair = await this.issue(subjectOf(node))
    await saveCredentials(join(dataDir, 'link'), { caPem: this.ca.certPem, ...pair })
    const link = await createLink({ host: { ...this.host, log: silentLog, ...host }, dataDir, serverUrl: 'https://127.0.0.1:1', mqttUrl: `mqtts://127.0.0.1:${this.broker.port}`, nodeName: node })
    this.links.add(link)
    return link
  }

  async drop(link: AgentLink): Promise<void> {
    this.links.delete(link)
    await link.close()
  }

  async close(): Promise<void> {
    for (const link of this.links) await link.close()
    await this.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}
