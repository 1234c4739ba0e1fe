/** The few requests the link itself makes of the API server: the CA, certificates, tokens. One connection each; they are rare. */
import { request } from 'node:http'
import type { Status } from '../../shared/api/meta-v1.ts'
import { messageOf, StatusError } from '../../shared/base/errors.ts'
import type { Clock } from '../../shared/base/host.ts'
import { dialTls, UntrustedServerError, type Identity } from './tls-connection.ts'

export interface ApiAccess {
  /** `https://host:port`. */
  readonly serverUrl: string
  readonly ca: string | 'unverified'
  readonly identity?: Identity
  /** Bearer token. Never logged. */
  readonly token?: string
  readonly clock: Clock
  readonly signal?: AbortSignal
}

const maxBody = 4 << 20

/** The body of a 2xx answer. Rejects with a {@link StatusError} (what the server said; `ServiceUnavailable` where it was not reached) or {@link UntrustedServerError}. */
export async function callApi(access: ApiAccess, method: 'GET' | 'POST', path: string, body?: unknown): Promise<string> {
  const url = new URL(access.serverUrl)
  const { serverUrl: _, token, ...dial } = access
  const socket = await dialTls({ ...dial, host: url.hostname, port: Number(url.port || 443) }).catch((error: unknown) => {
    if (error instanceof UntrustedServerError) throw error
    throw new StatusError('ServiceUnavailable', `API server not reached: ${messageOf(error)}`, { cause: error })
  })
  try {
    return await new Promise<string>((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const unreachable = (error: Error): void => reject(new StatusError('ServiceUnavailable', `API server not reached: ${error.message}`, { cause: error }))
      const req = request({
        createConnection: () => socket, method, path, host: url.host, timeout: 30_000, setHost: true,
        headers: {
          accept: 'application/json', connection: 'close', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      }, (res) => {
        const chunks: Buffer[] = []
        let size = 0
        res.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > maxBody) res.destroy(new Error(`answer larger than ${maxBody} bytes`))
          else chunks.push(chunk)
        })
        res.on('error', unreachable)
        res.on('end', () => {
          const answer = Buffer.concat(chunks).toString()
          const code = res.statusCode ?? 0
          if (code >= 200 && code < 300) resolve(answer)
          else reject(statusOf(code, answer))
        })
      })
      req.on('timeout', () => req.destroy(new Error('no answer within 30 s')))
      req.on('error', unreachable)
      req.end(text)
    })
  } finally {
    socket.destroy()
  }
}

function statusOf(code: number, answer: string): StatusError {
  try {
    const body = JSON.parse(answer) as Status
    if (body.kind === 'Status') return StatusError.from({ ...body, code })
    return new StatusError('', `HTTP ${code}: ${answer.slice(0, 200)}`, { code })
  } catch (cause) {
    // Not JSON: said by something between us and the API server.
    return new StatusError('', `HTTP ${code}: ${answer.slice(0, 200)}`, { code, cause })
  }
}
