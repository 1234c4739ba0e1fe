/**
 * A load generator that costs little beside the server it measures on the same cores: kept TLS connections, one request at a time on each,
 * answers read no further than their length.
 */
import { readFile } from 'node:fs/promises'
import { connect, type TLSSocket } from 'node:tls'

export interface Answer { readonly status: number; readonly bytes: number; /** Only where `keep` was asked for. */ readonly body: Buffer | undefined }

export interface Call {
  readonly body?: string | Buffer | undefined
  readonly type?: string
  /** Lines of the head besides our own, each with its line end. */
  readonly headers?: string
  /** Keeps the body for the answer. */
  readonly keep?: boolean
  /** Answers as soon as the head is there and ends the connection: for answers without an end. */
  readonly headOnly?: boolean
}

interface Pending { resolve(answer: Answer): void; reject(error: Error): void; keep: boolean; headOnly: boolean; bodiless: boolean }

const HEAD_END = Buffer.from('\r\n\r\n')

/** One connection. */
export class LoadConnection {
  readonly #socket: TLSSocket
  readonly #host: string
  #pending: Pending | undefined
  #buffer: Buffer = Buffer.alloc(0)
  #status = 0
  /** Bytes of the body still to come; -1 outside of one; chunked bodies are followed chunk by chunk. */
  #left = -1
  #chunked = false
  #bytes = 0
  #body: Buffer[] = []
  #ending = false

  constructor(socket: TLSSocket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.on('data', (data: Buffer) => this.#take(data))
    socket.on('error', (e) => this.#pending?.reject(e))
    socket.on('close', () => this.#pending?.reject(new Error('the server closed the connection')))
  }

  /** The server has closed it, or said with an answer that it will: no further call. */
  get ended(): boolean { return this.#ending || this.#socket.destroyed }

  call(method: string, path: string, { body, type = 'application/json', headers = 'Accept: application/json\r\nUser-Agent: bench\r\n', keep = false, headOnly = false }: Call = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject, keep, headOnly, bodiless: method === 'HEAD' }
      const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n${headers}`
      if (body === undefined) this.#socket.write(`${head}\r\n`, 'latin1')
      else if (typeof body === 'string') this.#socket.write(`${head}Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
      else this.#socket.write(Buffer.concat([Buffer.from(`${head}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`, 'latin1'), body]))
    })
  }

  #take(data: Buffer): void {
    this.#buffer = this.#buffer.length ? Buffer.concat([this.#buffer, data]) : data
    while (this.#step()) { /* until more is needed */ }
  }

  /** False: more bytes are needed. */
  #step(): boolean {
    if (this.#left < 0 && !this.#chunked) return this.#head()
    if (this.#left > 0) {
      const piece = this.#buffer.subarray(0, this.#left)
      this.#left -= piece.length
      this.#bytes += piece.length
      if (this.#pending?.keep) this.#body.push(piece)
      this.#buffer = this.#buffer.subarray(piece.length)
      if (this.#left > 0) return false
      if (!this.#chunked) return this.#done()
    }
    return this.#chunked ? this.#chunk() : this.#done()
  }

  #head(): boolean {
    const end = this.#buffer.indexOf(HEAD_END)
    if (end < 0) return false
    const head = this.#buffer.subarray(0, end).toString('latin1')
    this.#buffer = this.#buffer.subarray(end + 4)
    this.#status = Number(head.slice(9, 12))
    this.#bytes = 0
    this.#body = []
    // An interim answer, the real one follows (RFC 9110 section 15.2).
    if (this.#status === 100) return true
    this.#ending ||= /\r\nconnection: *(close|upgrade)/i.test(head)
    if (this.#pending?.headOnly || this.#status === 101) {
      this.#ending = true
      this.#done()
      this.#socket.destroy()
      return false
    }
    if (this.#pending?.bodiless || this.#status === 204 || this.#status === 304) return this.#done()
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    this.#chunked = !length
    this.#left = length ? Number(length[1]) : -1
    return true
  }

  #chunk(): boolean {
    // What is left of the chunk before is its line end.
    const from = this.#left === 0 ? 2 : 0
    const end = this.#buffer.indexOf('\r\n', from)
    if (end < 0) return false
    const size = parseInt(this.#buffer.subarray(from, end).toString('latin1'), 16)
    if (size === 0 && this.#buffer.length < end + 4) return false
    this.#buffer = this.#buffer.subarray(size === 0 ? end + 4 : end + 2)
    this.#left = size
    return size === 0 ? this.#done() : true
  }

  #done(): boolean {
    const pending = this.#pending
    this.#pending = undefined
    this.#left = -1
    this.#chunked = false
    const body = pending?.keep ? Buffer.concat(this.#body) : undefined
    pending?.resolve({ status: this.#status, bytes: this.#bytes, body })
    return this.#buffer.length > 0
  }

  close(): void { this.#socket.destroy() }
}

/** `count` connections to the cluster of a kubeconfig of ours, as its user. */
export async function openConnections(kubeconfig: string, count: number): Promise<LoadConnection[]> {
  const config = JSON.parse(await readFile(kubeconfig, 'utf8')) as { clusters: { cluster: Record<string, string> }[]; users: { user: Record<string, string> }[] }
  const [cluster, user] = [config.clusters[0]?.cluster ?? {}, config.users[0]?.user ?? {}]
  const pem = (s: string | undefined): Buffer => Buffer.from(s ?? '', 'base64')
  const url = new URL(cluster.server ?? '')
  const options = { host: url.hostname, port: Number(url.port), ca: pem(cluster['certificate-authority-data']), cert: pem(user['client-certificate-data']), key: pem(user['client-key-data']) }
  return Promise.all(Array.from({ length: count }, () => new Promise<LoadConnection>((resolve, reject) => {
    const socket = connect(options, () => { socket.setNoDelay(true); resolve(new LoadConnection(socket, url.host)) })
    socket.once('error', reject)
  })))
}
