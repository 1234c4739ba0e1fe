/** Answers a client's upgrade for exec and attach: WebSocket (kubectl from 1.31 on, client-node) or SPDY/3.1 (kubectl up to 1.30). */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Status } from '../../../shared/api/meta-v1.ts'
import { badRequest, StatusError } from '../../../shared/base/errors.ts'
import type { Clock } from '../../../shared/base/host.ts'
import { channel, type ChannelEnd } from '../../../shared/streams/channels.ts'
import { webSocketEnd } from '../../../shared/streams/websocket-connection.ts'
import { spdyEnd } from './spdy-connection.ts'

export interface StreamFlags { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean; readonly tty: boolean }

/** v4 added the status on the error channel, v5 the end of input; the oldest say an error as text. The best first. */
export const execProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io', 'channel.k8s.io', 'base64.channel.k8s.io'] as const
const spdyProtocol = 'v4.channel.k8s.io'
/** Upstream's `DefaultStreamCreationTimeout`: a client that switched protocols and opens nothing holds a program on a node. */
const patience = 30_000

export const listed = (header: string | string[] | undefined): string[] => [header ?? []].flat().flatMap((h) => h.split(',')).map((p) => p.trim()).filter(Boolean)
const offeredTo = (req: IncomingMessage): string[] => listed(req.headers['sec-websocket-protocol'])

/** The first of `served` that the client offers. One that offers nothing gets none, as browsers and old clients do. */
function negotiated(req: IncomingMessage, served: readonly string[]): string | undefined {
  const offered = offeredTo(req)
  return served.find((p) => offered.includes(p))
}

/** `websocket` or `spdy`. Throws a `StatusError` for anything else, and where no protocol is shared. */
export function checkUpgrade(req: IncomingMessage, protocols: { readonly webSocket: readonly string[]; readonly spdy: string }): 'websocket' | 'spdy' {
  const upgrade = req.headers.upgrade?.toLowerCase()
  if (upgrade === 'websocket') {
    const offered = offeredTo(req)
    if (offered.length && !negotiated(req, protocols.webSocket)) {
      throw badRequest(`unable to negotiate a WebSocket subprotocol: offered [${offered.join(' ')}], served [${protocols.webSocket.join(' ')}]`)
    }
    return 'websocket'
  }
  if (upgrade === 'spdy/3.1') {
    const offered = listed(req.headers['x-stream-protocol-version'])
    if (!offered.includes(protocols.spdy)) throw new StatusError('Forbidden', `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${protocols.spdy}]`)
    return 'spdy'
  }
  throw badRequest('Upgrade request required')
}

export const checkExecUpgrade = (req: IncomingMessage): 'websocket' | 'spdy' => checkUpgrade(req, { webSocket: execProtocols, spdy: spdyProtocol })

const servers = new Map<string, WebSocketServer>()
/** One server a choice of protocols: `ws` has them chosen by the server. */
function serverFor(protocol: string | undefined): WebSocketServer {
  const key = protocol ?? ''
  let server = servers.get(key)
  if (!server) servers.set(key, server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 4 << 20, handleProtocols: () => protocol ?? false }))
  return server
}

/** Switches to WebSocket. Call after everything that may be refused. */
export function acceptWebSocket(req: IncomingMessage, socket: Duplex, head: Buffer, served: readonly string[]): Promise<{ ws: WebSocket; protocol: string }> {
  const protocol = negotiated(req, served)
  return new Promise((resolve) => serverFor(protocol).handleUpgrade(req, socket, head, (ws) => resolve({ ws, protocol: protocol ?? '' })))
}

export const switchToSpdy = (socket: Duplex, protocol: string): void =>
  void socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`)

/** Before v4 the error channel carried text, and nothing where all went well. */
const withPlainErrors = (end: ChannelEnd): ChannelEnd => ({
  ...end,
  send(ch, data) {
    if (ch !== channel.error) return end.send(ch, data)
    const status = JSON.parse(data.toString()) as Status
    return status.status === 'Success' || end.send(ch, Buffer.from(status.message ?? ''))
  },
})

/** Switches protocols and returns the client's end. Call after everything that may be refused. */
export async function upgradeClient(req: IncomingMessage, socket: Duplex, head: Buffer, options: { flags: StreamFlags; clock: Clock }): Promise<ChannelEnd> {
  const { flags, clock } = options
  if (checkExecUpgrade(req) === 'websocket') {
    const { ws, protocol } = await acceptWebSocket(req, socket, head, execProtocols)
    const end = webSocketEnd(ws, protocol.includes('base64') ? 'base64' : 'binary')
    // An empty message tells the client that the streams are open; of an old client's alone it is expected.
    end.send(flags.stdout ? channel.stdout : flags.stderr && !flags.tty ? channel.stderr : channel.error, Buffer.alloc(0))
    return protocol.startsWith('v') ? end : withPlainErrors(end)
  }
  switchToSpdy(socket, spdyProtocol)
  const expected = ['error' as const, ...(['stdin', 'stdout', 'stderr'] as const).filter((name) => flags[name] && !(name === 'stderr' && flags.tty)), ...(flags.tty ? ['resize' as const] : [])]
  using _timer = clock.after(patience, () => socket.destroy(new Error(`streams were not opened within ${patience / 1000} s`)))
  return await spdyEnd(socket, head, expected)
}
