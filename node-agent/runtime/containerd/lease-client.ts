/**
 * Leases of containerd, which keep what is half downloaded from its garbage collection. `ctr` takes a lease of its own for a pull and gives
 * it back when the pull fails, and with it every byte; it has no verb that adds something to a lease. So this is the one place that speaks
 * gRPC to containerd's socket (`containerd.services.leases.v1`): three calls whose messages are a few strings.
 */
import { connect, type ClientHttp2Session } from 'node:http2'
import { createConnection } from 'node:net'
import type { Millis } from '../../../shared/base/brands.ts'

/** What a lease can hold of a pull: a download under way, by its name (`layer-sha256:...`), and a blob, by its digest. */
export interface LeaseResource { readonly type: 'ingests' | 'content'; readonly id: string }

export interface LeaseClient {
  /** Makes it where there is none; of one that is there nothing changes. `expires` is wall-clock time. */
  create(id: string, expires: Millis): Promise<void>
  /** Twice is as once; what is named need not exist yet. */
  add(id: string, resource: LeaseResource): Promise<void>
  /** What it held may be collected from now on. One that is gone is gone. */
  remove(id: string): Promise<void>
  close(): void
}

/** A call that took so long is given up: containerd answers within milliseconds. */
const patience: Millis = 10_000
const service = '/containerd.services.leases.v1.Leases'
/** `google.rpc.Code`. */
const [ok, notFound, alreadyExists] = ['0', '5', '6']

export function openLeases(options: { address: string; namespace: string }): LeaseClient {
  let session: ClientHttp2Session | undefined
  const open = (): ClientHttp2Session => {
    if (session && !session.closed && !session.destroyed) return session
    session = connect('http://localhost', { createConnection: () => createConnection(options.address) })
    session.on('error', () => undefined)
    session.unref()
    return session
  }
  const call = (method: string, message: Buffer, fine: readonly string[]): Promise<void> => new Promise((resolve, reject) => {
    const stream = open().request({ ':method': 'POST', ':path': `${service}/${method}`, 'content-type': 'application/grpc', te: 'trailers', 'containerd-namespace': options.namespace })
    let status: string | undefined
    let text = ''
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status'])
      if (headers['grpc-message'] !== undefined) text = decodeURIComponent(String(headers['grpc-message']))
    }
    stream.setTimeout(patience, () => stream.destroy(new Error(`containerd did not answer within ${patience / 1000} s`)))
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('error', reject)
    stream.on('close', () => { if (status !== undefined && (status === ok || fine.includes(status))) resolve(); else reject(new Error(`${method}: ${text || `status ${status ?? 'none'}`}`)) })
    stream.resume()
    const frame = Buffer.alloc(5)
    frame.writeUInt32BE(message.length, 1)
    stream.end(Buffer.concat([frame, message]))
  })
  return {
    create: (id, expires) => call('Create', Buffer.concat([field(1, id), field(3, Buffer.concat([field(1, 'containerd.io/gc.expire'), field(2, new Date(expires).toISOString())]))]), [alreadyExists!]),
    add: (id, resource) => call('AddResource', Buffer.concat([field(1, id), field(2, Buffer.concat([field(1, resource.id), field(2, resource.type)]))]), []),
    remove: (id) => call('Delete', field(1, id), [notFound!]),
    close: () => session?.close(),
  }
}

/** A length-delimited field of a protobuf message. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.length)]), bytes])
}

function varint(n: number): number[] { return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...varint(n >>> 7)] }
