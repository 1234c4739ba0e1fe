/** The sockets MQTT arrives on: TLS with mutual authentication, and WebSocket upgrades taken over from the API server's port. */
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Log } from '../../shared/base/host.ts'

export interface ServerTls { readonly ca: string; readonly cert: string; readonly key: string }
export interface PeerCertificate { readonly commonName: string; readonly organizations: readonly string[] }
export type Accept = (stream: Duplex, peer: PeerCertificate, from: string) => void

function peerOf(socket: TLSSocket): PeerCertificate | undefined {
  const subject = socket.getPeerCertificate()?.subject as { CN?: string | string[]; O?: string | string[] } | undefined
  const commonName = [subject?.CN ?? []].flat()[0]
  return subject && commonName !== undefined ? { commonName, organizations: [subject.O ?? []].flat() } : undefined
}

const addressOf = (socket: TLSSocket): string => `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? '?'}`

export interface MqttServer {
  readonly port: number
  /** New certificates for connections from now on. */
  renew(tls: ServerTls): void
  /** Stops listening and cuts what is connected. */
  close(): Promise<void>
}

/** Listens. Rejects where the address is taken. Whoever has no certificate of our CA is refused in the handshake. */
export async function listen(options: { tls: ServerTls; address: string; port: number; maxConnections: number; log: Log; accept: Accept }): Promise<MqttServer> {
  const { log, accept, maxConnections } = options
  const sockets = new Set<TLSSocket>()
  const server: Server = createServer({ ...options.tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2', handshakeTimeout: 10_000 }, (socket) => {
    const peer = peerOf(socket)
    if (!peer) {
      log.warn('connection refused: certificate without a name', { from: addressOf(socket) })
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.setNoDelay(true)
    accept(socket, peer, addressOf(socket))
  })
  server.maxConnections = maxConnections
  server.on('drop', (data) => log.warn('connection refused: too many', { from: `${data?.remoteAddress ?? '?'}`, limit: maxConnections }))
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => log.warn('connection refused', { from: addressOf(socket), error: error.message || (error.code ?? 'TLS error') }))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, () => { server.off('error', reject); resolve() })
  })
  server.on('error', (error) => log.error('MQTT listener failed', { error }))
  return {
    port: (server.address() as AddressInfo).port,
    renew: (tls) => server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' }),
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    }),
  }
}

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** MQTT over WebSocket (MQTT 3.1.1 §6, subprotocol `mqtt`) for a TLS server that asked for a client certificate. */
export function createUpgradeHandler(options: { maxPacket: number; log: Log; accept: Accept }): UpgradeHandler {
  const { log, accept } = options
  const server = new WebSocketServer({
    noServer: true, maxPayload: options.maxPacket, perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  })
  const refuse = (socket: Duplex, from: string, why: string): void => {
    log.warn('WebSocket refused', { from, why })
    socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  }
  return (request, socket, head) => {
    const tls = request.socket as TLSSocket
    const from = addressOf(tls)
    if (tls.authorized !== true) { refuse(socket, from, 'no valid client certificate'); return }
    const peer = peerOf(tls)
    if (!peer) { refuse(socket, from, 'certificate without a name'); return }
    server.handleUpgrade(request, socket, head, (ws) => accept(createWebSocketStream(ws), peer, from))
  }
}
