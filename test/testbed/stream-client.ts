/** A client of exec, attach, port-forward and logs that speaks the WebSocket channel protocol itself: hundreds of streams from one process, where kubectl is a process each. */
import { createHash, type Hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'

export interface SessionStatus { readonly status?: string; readonly message?: string; readonly reason?: string; readonly details?: { readonly causes?: readonly { reason?: string; message?: string }[] } }

const message = (ch: number, data: Buffer | string): Buffer => Buffer.concat([Buffer.from([ch]), typeof data === 'string' ? Buffer.from(data) : data])
const refusal = (res: IncomingMessage): Promise<Error> => new Promise((resolve) => {
  let text = ''
  res.on('data', (d: Buffer) => { text += d.toString() })
  res.on('end', () => resolve(new Error(`${res.statusCode}: ${text}`)))
})

/** Counts and hashes what comes on one channel; keeps the last of it as text. */
export class Received {
  readonly #hash: Hash = createHash('sha256')
  bytes = 0
  /** The end of what came, at most 1 MiB. */
  tail = ''
  take(data: Buffer): void {
    this.#hash.update(data)
    this.bytes += data.length
    this.tail = (this.tail + data.toString('latin1')).slice(-1_048_576)
  }
  get sha256(): string { return this.#hash.copy().digest('hex') }
}

/** One session. Channels are upstream's: 0 stdin, 1 stdout, 2 stderr, 3 status, 4 resize; of a forwarded port 0 is data and 1 errors. */
export class Session {
  readonly #ws: WebSocket
  readonly channels: readonly Received[] = Array.from({ length: 5 }, () => new Received())
  readonly #listeners = new Set<() => void>()
  /** What the status channel said; undefined where the connection ended without it. */
  readonly ended: Promise<SessionStatus | undefined>
  readonly #skip: number[]
  over = false

  constructor(ws: WebSocket, skip: readonly number[]) {
    this.#ws = ws
    this.#skip = [...skip]
    let status: SessionStatus | undefined
    ws.on('message', (raw: Buffer) => {
      const ch = raw[0] ?? 0
      // The first message of each of a forwarded port's channels is the port's number.
      const at = this.#skip.indexOf(ch)
      if (at >= 0) { this.#skip.splice(at, 1); return }
      this.channels[ch]?.take(raw.subarray(1))
      if (ch === 3 && raw.length > 1) status = JSON.parse(raw.toString('utf8', 1)) as SessionStatus
      for (const listener of this.#listeners) listener()
    })
    ws.on('error', () => undefined)
    this.ended = new Promise((resolve) => { ws.once('close', () => { this.over = true; for (const listener of this.#listeners) listener(); resolve(status) }) })
  }

  get out(): Received { return this.channels[1] as Received }
  get err(): Received { return this.channels[2] as Received }
  /** Of a forwarded port. */
  get data(): Received { return this.channels[0] as Received }

  /** Resolves when the socket has taken it. */
  send(ch: number, data: Buffer | string): Promise<void> {
    return new Promise((resolve, reject) => this.#ws.send(message(ch, data), (e) => (e ? reject(e) : resolve())))
  }
  type(data: Buffer | string): Promise<void> { return this.send(0, data) }
  /** The end of input (v5). */
  endInput(): Promise<void> { return this.send(255, Buffer.from([0])) }
  resize(columns: number, rows: number): Promise<void> { return this.send(4, JSON.stringify({ Width: columns, Height: rows })) }
  pause(): void { this.#ws.pause() }
  resume(): void { this.#ws.resume() }
  /** In order, as a client that has had enough. */
  close(): void { this.#ws.close(1000) }
  /** As a client that was killed. */
  cut(): void { this.#ws.terminate() }

  /** Resolves once `what` holds, which is asked after each message; rejects where the session ends before. */
  until(what: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!what() && !this.over) return
        this.#listeners.delete(look)
        if (what()) resolve()
        else reject(new Error(`the session ended before: ${this.channels.map((c) => c.tail.slice(-200)).join('|')}`))
      }
      this.#listeners.add(look)
      look()
    })
  }
}

export interface Flags { readonly stdin?: boolean; readonly tty?: boolean; readonly container?: string }

export class StreamClient {
  readonly #server: URL
  readonly #tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer }

  private constructor(server: URL, tls: { ca: Buffer; cert: Buffer; key: Buffer }) { this.#server = server; this.#tls = tls }

  /** The user of a kubeconfig of ours, in the namespace `default`. */
  static async of(kubeconfig: string): Promise<StreamClient> {
    const config = JSON.parse(await readFile(kubeconfig, 'utf8')) as { clusters: { cluster: Record<string, string> }[]; users: { user: Record<string, string> }[] }
    const [cluster, user] = [config.clusters[0]?.cluster ?? {}, config.users[0]?.user ?? {}]
    const pem = (s: string | undefined): Buffer => Buffer.from(s ?? '', 'base64')
    return new StreamClient(new URL(cluster['server'] ?? ''), { ca: pem(cluster['certificate-authority-data']), cert: pem(user['client-certificate-data']), key: pem(user['client-key-data']) })
  }

  #open(path: string, protocol: string, skip: readonly number[]): Promise<Session> {
    const url = new URL(path, this.#server)
    url.protocol = 'wss:'
    const ws = new WebSocket(url, [protocol], { ...this.#tls, perMessageDeflate: false })
    return new Promise((resolve, reject) => {
      ws.once('error', reject)
      ws.once('unexpected-response', (_req, res) => void refusal(res).then(reject))
      const session = new Session(ws, skip)
      ws.once('open', () => resolve(session))
    })
  }

  #session(pod: string, verb: string, flags: Flags, more: readonly [string, string][]): Promise<Session> {
    const query = new URLSearchParams([...more, ['stdout', 'true'], ...(flags.tty ? [['tty', 'true']] : [['stderr', 'true']]), ...(flags.stdin ? [['stdin', 'true']] : []), ...(flags.container ? [['container', flags.container]] : [])] as [string, string][])
    return this.#open(`/api/v1/namespaces/default/pods/${pod}/${verb}?${query}`, 'v5.channel.k8s.io', [])
  }

  exec(pod: string, argv: readonly string[], flags: Flags = {}): Promise<Session> { return this.#session(pod, 'exec', flags, argv.map((a) => ['command', a])) }
  attach(pod: string, flags: Flags = {}): Promise<Session> { return this.#session(pod, 'attach', flags, []) }
  forward(pod: string, port: number): Promise<Session> { return this.#open(`/api/v1/namespaces/default/pods/${pod}/portforward?ports=${port}`, 'v4.channel.k8s.io', [0, 1]) }

  /** The answer's head; its body is the caller's to read, or not. Rejects where it is no 200. */
  logs(pod: string, query = ''): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest(new URL(`/api/v1/namespaces/default/pods/${pod}/log?${query}`, this.#server), { ...this.#tls, agent: false }, (res) => {
        if (res.statusCode === 200) resolve(res)
        else void refusal(res).then(reject)
      })
      request.once('error', reject)
      request.end()
    })
  }

  /** A log to its end. */
  async log(pod: string, query = ''): Promise<Buffer> {
    const parts: Buffer[] = []
    for await (const part of await this.logs(pod, query)) parts.push(part as Buffer)
    return Buffer.concat(parts)
  }
}
