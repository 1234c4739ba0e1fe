/** HTTPS: sockets, limits and shutdown. What a request means is the pipeline's business. */
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { StatusError } from '../../shared/base/errors.ts'
import type { Clock, Log } from '../../shared/base/host.ts'
import type { Pipeline } from './pipeline.ts'

/** Upstream takes 1 MiB of headers; nobody sends more than a token and a long selector. */
const MAX_HEADER_BYTES = 64 << 10
/** Idle connections: longer than client-go's 90 s, so that the client is the one who closes. */
const KEEP_ALIVE = 120_000
/** A request must be here whole within this (`headersTimeout` for its head); answers, watches above all, may last. */
const REQUEST_TIMEOUT = 60_000
const HEADERS_TIMEOUT = 20_000
const SHUTDOWN_GRACE = 10_000
/** TLS state is about 50 KB a connection. */
const MAX_CONNECTIONS = 2000

export interface ServerOptions {
  readonly tls: { readonly key: string | Buffer; readonly cert: string | Buffer; readonly ca: string | Buffer }
  readonly pipeline: Pipeline
  readonly clock: Clock
  readonly log: Log
}

/** What Node's HTTP parser refuses before there is a request. Upstream's takes any word for a method and refuses it later, with the same answer. */
function refusalOf(code: string | undefined): StatusError {
  if (code === 'HPE_INVALID_METHOD') return new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource')
  if (code === 'HPE_HEADER_OVERFLOW') return new StatusError('', `Request header fields too large: limit is ${MAX_HEADER_BYTES}`, { code: 431 })
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new StatusError('Timeout', 'the request was not whole in time', { code: 408 })
  return new StatusError('BadRequest', 'the request is no valid HTTP/1.1')
}

export class HttpsServer {
  readonly #server: Server
  readonly #clock: Clock
  readonly #log: Log
  readonly #upgraded = new Set<Socket>()

  constructor({ tls, pipeline, clock, log }: ServerOptions) {
    this.#clock = clock
    this.#log = log
    this.#server = createServer({
      ...tls, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'],
      maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE, requestTimeout: REQUEST_TIMEOUT, headersTimeout: HEADERS_TIMEOUT,
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    const broken = (where: string) => (error: unknown): void => log.error(`${where} failed outside its error handling`, { error: error as Error, stack: (error as Error).stack })
    // Whoever waits for an answer that will not come sees the connection end.
    this.#server.on('request', (req, res) => void pipeline.handle(req, res).catch((e: unknown) => { broken('request')(e); res.destroy() }))
    this.#server.on('upgrade', (req, socket: Socket, head) => {
      this.#upgraded.add(socket)
      socket.on('close', () => this.#upgraded.delete(socket))
      pipeline.upgrade(req, socket, head).catch((e: unknown) => { broken('upgrade')(e); socket.destroy() })
    })
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      log.debug('unreadable request', { error })
      if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
      const refused = refusalOf(error.code)
      const body = `${JSON.stringify(refused.toStatus())}\n`
      socket.end(`HTTP/1.1 ${refused.code} ${refused.reason || 'Refused'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`)
    })
    this.#server.on('tlsClientError', (error, socket) => log.debug('TLS handshake failed', { peer: socket.remoteAddress ?? '', error }))
  }

  listen(port: number, address: string | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, address, () => {
        this.#server.off('error', reject)
        this.#server.on('error', (error) => this.#log.error('listening failed', { error }))
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  /** Takes no new connections, lets requests under way end, then cuts what is left. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    for (const socket of this.#upgraded) socket.destroy()
    using _timer = this.#clock.after(SHUTDOWN_GRACE, () => this.#server.closeAllConnections())
    await closed
  }
}
