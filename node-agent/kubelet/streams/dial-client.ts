/** Dials back to the API server: the only direction in which a node behind NAT can open a stream. */
import { WebSocket } from 'ws'
import type { ChannelEnd } from '../../../shared/streams/channels.ts'
import { webSocketEnd } from '../../../shared/streams/websocket-connection.ts'

export interface DialTarget {
  /** `https://host:port`. */
  readonly serverUrl: string
  readonly ca: string
  /** Read at each dial: certificates rotate. */
  identity(): { readonly key: string; readonly cert: string }
}

/** Resolves when the stream is open. Rejects where the server refuses or cannot be reached. */
export function dial(target: DialTarget, path: string): Promise<ChannelEnd> {
  const { key, cert } = target.identity()
  const url = new URL(path, target.serverUrl)
  url.protocol = 'wss:'
  const ws = new WebSocket(url, { ca: target.ca, key, cert, perMessageDeflate: false, handshakeTimeout: 15_000, maxPayload: 4 << 20 })
  return new Promise((resolve, reject) => {
    ws.once('error', reject)
    ws.once('open', () => { ws.off('error', reject); resolve(webSocketEnd(ws)) })
  })
}
