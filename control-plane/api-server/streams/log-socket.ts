/** `pods/log` over WebSocket: the bytes as messages, without channels. Source: `k8s.io/apiserver/pkg/util/wsstream.Reader`. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { StatusError } from '../../../shared/base/errors.ts'
import { channel, type ChannelEnd } from '../../../shared/streams/channels.ts'
import { acceptWebSocket } from './client-upgrade.ts'

const protocols = ['binary.k8s.io', 'base64.binary.k8s.io'] as const

/** Resolves when the log has ended or the client is gone. */
export async function serveLogSocket(request: { req: IncomingMessage; socket: Duplex; head: Buffer; node: ChannelEnd }): Promise<void> {
  const { req, socket, head, node } = request
  if (req.headers.upgrade?.toLowerCase() !== 'websocket') throw new StatusError('BadRequest', 'Upgrade request required')
  const { ws, protocol } = await acceptWebSocket(req, socket, head, protocols)
  const text = protocol === 'base64.binary.k8s.io'
  await new Promise<void>((resolve) => {
    node.onMessage((ch, data) => {
      if (ch !== channel.stdout) return
      ws.send(text ? data.toString('base64') : data, { binary: !text }, () => { if (ws.bufferedAmount < 256 << 10) node.resume() })
      if (ws.bufferedAmount > 1 << 20) node.pause()
    })
    node.onClose(() => ws.close(1000))
    ws.on('error', () => node.close())
    ws.on('close', () => { node.close(); resolve() })
  })
}
