/** The gRPC health check as upstream's `pkg/probe/grpc` asks it: one `grpc.health.v1.Health/Check` over HTTP/2 without TLS, on a connection of its own. */
import type { Http2Session } from 'node:http2'
import type { Millis } from '../../../shared/base/brands.ts'
import type { ProbeAnswer } from './http-client.ts'
import { dialError } from './tcp-client.ts'

export interface GrpcProbe { readonly host: string; readonly port: number; /** Name of the service asked for; empty for the server as a whole. */ readonly service: string }

/** `HealthCheckResponse.ServingStatus` of the gRPC health checking protocol. */
const servingStatus = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']
const codeNames = ['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable', 'DataLoss', 'Unauthenticated']
const unimplemented = 12
/** The answer is a few bytes; what is longer is no health check. */
const maxAnswer = 64 << 10

function varint(n: number): number[] {
  const out: number[] = []
  for (; n > 127; n = Math.floor(n / 128)) out.push((n & 127) | 128)
  return [...out, n]
}

/** `HealthCheckRequest{service}` in a gRPC frame: flag, length, message. */
export function healthRequest(service: string): Buffer {
  const text = Buffer.from(service)
  const message = text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** The status of a framed `HealthCheckResponse`; undefined where the bytes are none. A field that is absent is the first value, protobuf's rule. */
export function healthStatus(frame: Buffer): string | undefined {
  if (frame.length < 5 || frame[0] !== 0 || frame.length < 5 + frame.readUInt32BE(1)) return undefined
  const message = frame.subarray(5, 5 + frame.readUInt32BE(1))
  if (message.length === 0) return servingStatus[0]
  if (message[0] !== 0x08 || message[1] === undefined) return undefined
  return servingStatus[message[1]] ?? String(message[1])
}

/** Seconds as Go prints them, for upstream's messages. */
const goSeconds = (ms: Millis): string => `${ms / 1000}s`

/** Never rejects. Asks once; the connection is closed when it resolves. */
export async function grpcProbe(probe: GrpcProbe, timeout: Millis): Promise<ProbeAnswer> {
  const { connect } = await import('node:http2')
  const address = `${probe.host.includes(':') ? `[${probe.host}]` : probe.host}:${probe.port}`
  const session = connect(`http://${address}`)
  try {
    return await ask(session, probe, address, timeout)
  } finally {
    session.destroy()
  }
}

function ask(session: Http2Session & { request?: unknown }, probe: GrpcProbe, address: string, timeout: Millis): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    let connected = false
    const fail = (output: string): void => resolve({ ok: false, output })
    const late = AbortSignal.timeout(timeout)
    late.addEventListener('abort', () => fail(connected ? `timeout: health rpc did not complete within ${goSeconds(timeout)}` : `timeout: failed to connect service ${JSON.stringify(address)} within ${goSeconds(timeout)}: context deadline exceeded`), { once: true })
    session.once('connect', () => { connected = true })
    session.on('error', (e: NodeJS.ErrnoException) => fail(connected ? `error: health rpc probe failed: rpc error: code = Unavailable desc = ${e.message}` : `error: failed to connect service at ${JSON.stringify(address)}: ${dialError(e, address)}`))
    session.on('close', () => fail('error: health rpc probe failed: rpc error: code = Unavailable desc = the connection was closed'))
    const stream = (session as import('node:http2').ClientHttp2Session).request({
      ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', ':scheme': 'http', ':authority': address, 'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'kube-probe/1.33',
      'grpc-timeout': `${timeout}m`,
    })
    let body = Buffer.alloc(0)
    let code: string | undefined
    let message = ''
    let status = 0
    const note = (headers: import('node:http2').IncomingHttpHeaders): void => {
      if (headers['grpc-status'] !== undefined) code = String(headers['grpc-status'])
      if (headers['grpc-message'] !== undefined) message = decodeURIComponent(String(headers['grpc-message']))
    }
    // A call that fails at once has its status in the headers, without trailers.
    stream.on('response', (headers) => { status = Number(headers[':status'] ?? 0); note(headers) })
    stream.on('trailers', note)
    stream.on('data', (d: Buffer) => { if (body.length <= maxAnswer) body = Buffer.concat([body, d]) })
    stream.on('error', () => undefined)
    // A stream that ends without an answer is the end of its connection, which says why.
    stream.on('close', () => { if (status !== 0) resolve(judge({ code, message, status, body })) })
    stream.end(healthRequest(probe.service))
  })
}

function judge({ code, message, status, body }: { code: string | undefined; message: string; status: number; body: Buffer }): ProbeAnswer {
  if (status !== 200) return { ok: false, output: `error: health rpc probe failed: rpc error: code = Unknown desc = unexpected HTTP status code received from server: ${status}` }
  if (code !== '0') {
    const number = Number(code ?? 2)
    if (number === unimplemented) return { ok: false, output: `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}` }
    return { ok: false, output: `error: health rpc probe failed: rpc error: code = ${codeNames[number] ?? number} desc = ${message}` }
  }
  const serving = healthStatus(body)
  return serving === 'SERVING' ? { ok: true, output: 'service healthy' } : { ok: false, output: `service unhealthy (responded with ${JSON.stringify(serving ?? 'an answer that is no HealthCheckResponse')})` }
}
