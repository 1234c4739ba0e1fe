/** Dials back to the API server: the only direction in which a node behind NAT can open a stream. */
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { Burst } from '../../../shared/host/memory-return.ts'
import type { ChannelEnd } from '../../../shared/streams/channels.ts'
import { webSocketEnd } from '../../../shared/streams/websocket-connection.ts'

export interface DialTarget {
  /** `https://host:port`. */
  readonly serverUrl: string
  /** A verified TLS connection to the API server, with this node's certificate. */
  connect(): Promise<Duplex>
  /** Streams count as work from when they are open. */
  readonly burst?: Burst
}

/** Resolves when the stream is open. Rejects where the server refuses or cannot be reached. */
export async function dial(target: DialTarget, path: string): Promise<ChannelEnd> {
  const socket = await target.connect()
  const url = new URL(path, target.serverUrl)
  // The connection is encrypted already: `ws` only speaks its protocol on it.
  url.protocol = 'ws:'
  const ws = new WebSocket(url, { createConnection: () => socket, perMessageDeflate: false, handshakeTimeout: 15_000, maxPayload: 4 << 20 })
  return await new Promise((resolve, reject) => {
    ws.once('error', reject)
    ws.once('open', () => {
      ws.off('error', reject)
      const work = target.burst?.begin()
      ws.once('close', () => work?.[Symbol.dispose]())
      resolve(webSocketEnd(ws))
    })
  })
}
