/** A browser cannot set headers on a WebSocket: it sends its token as a subprotocol (`k8s.io/apiserver/pkg/authentication/request/websocket`). */
import type { IncomingMessage } from 'node:http'

const PREFIX = 'base64url.bearer.authorization.k8s.io.'

/** The token, which is taken out of the offered protocols; undefined where there is none or where nothing else is offered (upstream refuses that too). */
export function webSocketToken({ headers }: IncomingMessage): string | undefined {
  const offered = headers['sec-websocket-protocol']
  if (!offered?.includes(PREFIX)) return undefined
  const protocols = offered.split(',').map((p) => p.trim())
  const carrying = protocols.filter((p) => p.startsWith(PREFIX))
  const others = protocols.filter((p) => !p.startsWith(PREFIX))
  const token = Buffer.from(carrying[0]?.slice(PREFIX.length) ?? '', 'base64url').toString()
  if (carrying.length !== 1 || !others.length || !/^\S+$/.test(token)) return undefined
  headers['sec-websocket-protocol'] = others.join(',')
  return token
}
