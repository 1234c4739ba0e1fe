/** Opens TLS connections to the control plane: verified before the first byte is sent, tolerant of a clock that is behind. */
import { connect, type TLSSocket } from 'node:tls'
import { isIP } from 'node:net'
import type { Millis } from '../../shared/base/brands.ts'
import type { Clock } from '../../shared/base/host.ts'
import { judgeServer } from './clock-guard.ts'

export interface Identity { readonly certPem: string; readonly keyPem: string }

export interface DialOptions {
  readonly host: string
  readonly port: number
  /** `unverified` is for fetching the CA itself, which is then held against its pinned hash. */
  readonly ca: string | 'unverified'
  readonly identity?: Identity
  readonly clock: Clock
  readonly timeout?: Millis
  readonly signal?: AbortSignal
}

/** The server is not the one we want to talk to: trying again will not help until somebody repairs something. */
export class UntrustedServerError extends Error { override readonly name = 'UntrustedServerError' }

/** Resolves with a verified socket. The caller owns it. */
export function dialTls(o: DialOptions): Promise<TLSSocket & { clockBehind?: boolean }> {
  const host = o.host.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    o.signal?.throwIfAborted()
    const socket = connect({
      host, port: o.port, rejectUnauthorized: false, minVersion: 'TLSv1.2', ...(isIP(host) ? {} : { servername: host }),
      ...(o.ca === 'unverified' ? {} : { ca: o.ca }), ...(o.identity ? { cert: o.identity.certPem, key: o.identity.keyPem } : {}),
    })
    const fail = (error: Error): void => { settle(); socket.destroy(); reject(error) }
    const timeout = o.timeout ?? 15_000
    const timer = o.clock.after(timeout, () => fail(new Error(`no connection to ${host}:${o.port} within ${timeout} ms`)))
    const aborted = (): void => fail(o.signal?.reason as Error)
    const settle = (): void => { timer[Symbol.dispose](); o.signal?.removeEventListener('abort', aborted); socket.off('error', fail) }
    o.signal?.addEventListener('abort', aborted, { once: true })
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      let behind = false
      if (o.ca !== 'unverified') {
        const peer = socket.getPeerCertificate()
        const problem = socket.authorized ? undefined : String((socket.authorizationError as Error & { code?: string } | undefined)?.code ?? socket.authorizationError)
        const verdict = judgeServer({ problem, der: peer?.raw, peer, host }, o.ca, o.clock.now())
        if (!verdict.accept) { fail(new UntrustedServerError(`${host}:${o.port} is not the control plane of this cluster: ${verdict.why}`)); return }
        behind = verdict.clockBehind
      }
      settle()
      socket.setNoDelay(true)
      resolve(Object.assign(socket, { clockBehind: behind }))
    })
  })
}
