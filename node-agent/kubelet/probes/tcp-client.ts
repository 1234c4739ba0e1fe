/** Whether a port accepts a connection. */
import { connect } from 'node:net'
import type { Millis } from '../../../shared/base/brands.ts'
import type { ProbeAnswer } from './http-client.ts'

const texts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused', EHOSTUNREACH: 'connect: no route to host', ENETUNREACH: 'connect: network is unreachable', ETIMEDOUT: 'i/o timeout', ECONNRESET: 'connection reset by peer',
}
/** A connection error in Go's words, which people and tools look for. */
export const dialError = (e: NodeJS.ErrnoException, address: string): string => (e.code === 'ECONNRESET' ? `read tcp ${address}: ${texts['ECONNRESET']}` : `dial tcp ${address}: ${texts[e.code ?? ''] ?? e.message}`)

export function tcpProbe(target: { readonly host: string; readonly port: number }, timeout: Millis): Promise<ProbeAnswer> {
  const address = `${target.host}:${target.port}`
  return new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port })
    const done = (answer: ProbeAnswer): void => { socket.destroy(); resolve(answer) }
    socket.setTimeout(timeout, () => done({ ok: false, output: `dial tcp ${address}: i/o timeout` }))
    socket.on('connect', () => done({ ok: true, output: '' }))
    socket.on('error', (e) => done({ ok: false, output: dialError(e, address) }))
  })
}
