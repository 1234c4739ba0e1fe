/** The link put together: enrolment, desired state, reports, tokens, calls, and the connection that carries them. */
import { join } from 'node:path'
import { mkdir } from 'node:fs/promises'
import { arch } from 'node:process'
import type { ConfigMap } from '../../shared/api/core-v1.ts'
import { isStatus, messageOf } from '../../shared/base/errors.ts'
import type { Host, Log } from '../../shared/base/host.ts'
import { moveDatabase } from '../../shared/host/database-files.ts'
import { openDatabase, SqliteError, type Database } from '../../shared/host/sqlite.ts'
import { certificateInfo } from '../../shared/pki/certificate-info.ts'
import { callApi, type ApiAccess } from './api-connection.ts'
import { LastKnownTime } from './clock-guard.ts'
import { LinkConnection } from './connection.ts'
import { Conversation } from './conversation.ts'
import { loadCredentials, saveCredentials, type Credentials } from './credentials.ts'
import { DesiredStore, storeSetup } from './desired-store.ts'
import { enrol } from './enrol.ts'
import type { DesiredState, StatusSink, TokenSource } from './link.ts'
import { keepCertificate } from './rotation.ts'
import type { NewKey } from './new-key.ts'
import { RpcServer } from './rpc-server.ts'
import { collectLinkMetrics } from './link-metrics.ts'
import { StatusOutbox } from './status-outbox.ts'
import { dialTls } from './tls-connection.ts'
import { Tokens } from './tokens.ts'

export interface LinkOptions {
  readonly host: Host
  /** The link keeps its files under `link/` in there. */
  readonly dataDir: string
  /** `https://host:port` of the API server. */
  readonly serverUrl: string
  /** `mqtts://host:port`; if not given, the API server's host and the port that the ConfigMap kube-public/cluster-info names, or 8883. */
  readonly mqttUrl?: string
  readonly nodeName: string
  /** Needed until the node has joined. */
  readonly joinToken?: string
  readonly version?: string
  /** Makes keys and certificate requests; in this process unless given. */
  readonly newKey?: NewKey
  readonly signal?: AbortSignal
}

export interface AgentLink {
  readonly desired: DesiredState
  readonly sink: StatusSink
  readonly tokens: TokenSource
  readonly rpc: RpcServer
  readonly connection: LinkConnection
  /** The CA and certificate in use: for dialling the API server. Renewed from time to time: read it when needed. */
  readonly credentials: () => Credentials
  /** Creates an object of the API in the node's own name. Rejects with a `StatusError`, `ServiceUnavailable` where the server is not reached. */
  create(path: string, body: object): Promise<void>
  close(): Promise<void>
}

/**
 * Resolves once the node has joined and its stored state is loaded; not once it is connected, which may be never: everything is there to run from.
 * Rejects with an EnrolError where it has not joined and cannot.
 */
export async function createLink(options: LinkOptions): Promise<AgentLink> {
  const host: Host = { ...options.host, log: options.host.log.child('link') }
  const folder = join(options.dataDir, 'link')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  let credentials = await loadCredentials(folder) ?? await join1(options, host, folder, signal)
  const database = await openStore(join(folder, 'state.db'), host.log)
  const desired = await DesiredStore.load(database)
  const time = await LastKnownTime.load(database, host.clock)
  if (time.behind) host.log.warn('the clock is behind the last time this node has seen', { lastKnown: new Date(time.now()).toISOString() })
  const outbox = new StatusOutbox(host)
  const rpc = new RpcServer(host.log)
  const access = (): ApiAccess & { ca: string } => ({ serverUrl: options.serverUrl, ca: credentials.caPem, identity: credentials, clock: host.clock, signal })
  const labels = { 'kubernetes.io/hostname': options.nodeName, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': arch === 'x64' ? 'amd64' : arch }
  const conversation = new Conversation({ host, desired, outbox, rpc, labels, version: options.version ?? '', send: (m) => connection.send(m), input: (i) => connection.input(i) })
  /** The broker did not answer where it was: it may have moved. */
  let doubtful = false
  const connection = new LinkConnection({
    host, nodeName: options.nodeName, greet: (session) => conversation.greet(session), message: (channel, payload) => conversation.receive(channel, payload), lost: () => conversation.lost(),
    async dial(abort) {
      const at = await endpoint(options, database, access, doubtful)
      doubtful = true
      const socket = await dialTls({ ...at, ca: credentials.caPem, identity: credentials, clock: host.clock, signal: abort })
      doubtful = false
      if (socket.clockBehind) host.log.warn('the clock is wrong: a certificate of the control plane is not valid yet, and was taken because our CA signed it')
      else await time.note()
      return socket
    },
  })
  const rotation = keepCertificate({
    host, nodeName: options.nodeName, signal, newKey: options.newKey, access, notBefore: () => time.now(), current: () => certificateInfo(credentials.certPem),
    async renewed(next) {
      await saveCredentials(folder, next)
      credentials = next
      connection.input({ on: 'renewed' })
    },
  })
  connection.input({ on: 'start' })
  if (host.metrics) collectLinkMetrics(host.metrics, { connection, outbox, desired })
  return {
    desired, sink: outbox, rpc, connection, tokens: new Tokens({ database, access, clock: host.clock, log: host.log }), credentials: () => credentials,
    create: async (path, body) => { await callApi(access(), 'POST', path, body) },
    async close() {
      await connection.close()
      stop.abort()
      await rotation
      outbox.close()
      await conversation.idle()
      await database.close()
    },
  }
}

async function join1(options: LinkOptions, host: Host, folder: string, signal: AbortSignal): Promise<Credentials> {
  const { joinToken } = options
  if (joinToken === undefined) throw new Error(`node ${options.nodeName} has not joined a cluster: start it once with a join token`)
  const credentials = await enrol({ host, serverUrl: options.serverUrl, nodeName: options.nodeName, joinToken, signal, newKey: options.newKey })
  await saveCredentials(folder, credentials)
  return credentials
}

const damaged: ReadonlySet<string> = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB'])

/** A damaged store is set aside and an empty one begun, whose state is unknown until the control plane has sent it: nothing is stopped because of it. */
async function openStore(path: string, log: Log): Promise<Database> {
  const open = (): Promise<Database> => openDatabase(path, { mode: 'create', setup: storeSetup })
  try {
    const database = await open()
    try {
      const verdict = await database.get('PRAGMA quick_check(1)', [], (row) => String(Object.values(row)[0]))
      if (verdict !== 'ok') throw new SqliteError('SQLITE_CORRUPT', verdict ?? 'no answer')
      return database
    } catch (error) {
      await database.close()
      throw error
    }
  } catch (error) {
    if (!(error instanceof SqliteError) || !damaged.has(error.code)) throw error
    log.error('the stored state is damaged; it is set aside, and fetched anew', { error, kept: `${path}.damaged` })
    await moveDatabase(path, `${path}.damaged`)
    return await open()
  }
}

/** Where the broker is. Asked once, and again where it does not answer there. */
async function endpoint(options: LinkOptions, database: Database, access: () => ApiAccess, doubtful: boolean): Promise<{ host: string; port: number }> {
  if (options.mqttUrl !== undefined) {
    const url = new URL(options.mqttUrl)
    if (url.protocol !== 'mqtts:') throw new Error(`${options.mqttUrl}: want mqtts://host:port`)
    return { host: url.hostname, port: Number(url.port || 8883) }
  }
  const host = new URL(options.serverUrl).hostname
  const stored = await database.get("SELECT value FROM meta WHERE key = 'mqttPort'", [], (row) => Number(row['value']))
  if (stored !== undefined && !doubtful) return { host, port: stored }
  try {
    const info = JSON.parse(await callApi(access(), 'GET', '/api/v1/namespaces/kube-public/configmaps/cluster-info')) as ConfigMap
    const port = Number(info.data?.['mqttPort'])
    if (Number.isInteger(port) && port > 0 && port < 65536) {
      if (port !== stored) await database.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('mqttPort', ?)", [String(port)])
      return { host, port }
    }
  } catch (error) {
    if (stored === undefined && (!isStatus(error) || (error.code !== 404 && error.code !== 403))) throw error
    options.host.log.debug('the cluster does not say its MQTT port', { error: messageOf(error) })
  }
  return { host, port: stored ?? 8883 }
}
