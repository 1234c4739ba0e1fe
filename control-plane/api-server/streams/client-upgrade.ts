/** Answers a client's upgrade for exec and attach: WebSocket (kubectl from 1.31 on, client-node) or SPDY/3.1 (kubectl up to 1.30). */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { badRequest, StatusError } from '../../../shared/base/errors.ts'
import type { ChannelEnd } from '../../../shared/streams/channels.ts'
import { webSocketEnd } from '../../../shared/streams/websocket-connection.ts'
import { spdyEnd } from './spdy-connection.ts'

export interface StreamFlags { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean; readonly tty: boolean }

/** v4 added the status on the error channel, v5 the end of input; older ones cannot tell an exit code and are not spoken any more by supported clients. */
const webSocketProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
const spdyProtocol = 'v4.channel.k8s.io'

const server = new WebSocketServer({
  noServer: true, perMessageDeflate: false, maxPayload: 4 << 20,
  handleProtocols: (offered) => webSocketProtocols.find((p) => offered.has(p)) ?? false,
})

const listed = (header: string | string[] | undefined): string[] => [header ?? []].flat().flatMap((h) => h.split(',')).map((p) => p.trim())

/** What must be refused before a node is bothered. Throws a `StatusError`. */
export function checkUpgrade(req: IncomingMessage): 'websocket' | 'spdy' {
  const upgrade = req.headers.upgrade?.toLowerCase()
  if (upgrade === 'websocket') {
    const offered = listed(req.headers['sec-websocket-protocol'])
    if (!webSocketProtocols.some((p) => offered.includes(p))) throw badRequest(`unable to negotiate a WebSocket subprotocol: offered [${offered.join(' ')}], served [${webSocketProtocols.join(' ')}]`)
    return 'websocket'
  }
  if (upgrade === 'spdy/3.1') {
    const offered = listed(req.headers['x-stream-protocol-version'])
    if (!offered.includes(spdyProtocol)) throw new StatusError('Forbidden', `unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${spdyProtocol}]`)
    return 'spdy'
  }
  throw badRequest('Upgrade request required')
}

/** Switches protocols and returns the client's end. Call after everything that may be refused. */
export async function upgradeClient(req: IncomingMessage, socket: Duplex, head: Buffer, flags: StreamFlags): Promise<ChannelEnd> {
  if (checkUpgrade(req) === 'websocket') return await new Promise((resolve) => server.handleUpgrade(req, socket, head, (ws) => resolve(webSocketEnd(ws))))
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${spdyProtocol}\r\n\r\n`)
  const expected = ['error' as const, ...(['stdin', 'stdout', 'stderr'] as const).filter((name) => flags[name] && !(name === 'stderr' && flags.tty)), ...(flags.tty ? ['resize' as const] : [])]
  return await spdyEnd(socket, head, expected)
}
