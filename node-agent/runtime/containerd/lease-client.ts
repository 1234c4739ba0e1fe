/**
 * Leases of containerd, which keep what is half downloaded from its garbage collection. `ctr` takes a lease of its own for a pull and gives
 * it back when the pull fails, and with it every byte; it has no verb that adds something to a lease. So this is the one place that speaks
 * gRPC to containerd's socket (`containerd.services.leases.v1`): a few calls whose messages are a few strings.
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
  /** Every lease of the namespace. */
  list(): Promise<readonly { readonly id: string; /** Wall clock. */ readonly created: Millis }[]>
  /** Ids of what it holds; none where it is gone. */
  resources(id: string): Promise<readonly string[]>
  /** What it held may be collected from now on. One that is gone is gone. */
  remove(id: string): Promise<void>
  close(): void
}

/** A call that took so long is given up: containerd answers within milliseconds. */
const patience: Millis = 10_000
/** Of an answer: tens of thousands of leases. */
const maxAnswer = 4 << 20
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
  /** The answer's message, empty where the status is one of `fine`. */
  const call = (method: string, message: Buffer, fine: readonly string[] = []): Promise<Buffer> => new Promise((resolve, reject) => {
    const stream = open().request({ ':method': 'POST', ':path': `${service}/${method}`, 'content-type': 'application/grpc', te: 'trailers', 'containerd-namespace': options.namespace })
    let status: string | undefined
    let text = ''
    const parts: Buffer[] = []
    let size = 0
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status'])
      if (headers['grpc-message'] !== undefined) text = decodeURIComponent(String(headers['grpc-message']))
    }
    stream.setTimeout(patience, () => stream.destroy(new Error(`containerd did not answer within ${patience / 1000} s`)))
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('error', reject)
    stream.on('data', (d: Buffer) => { size += d.length; if (size > maxAnswer) stream.destroy(new Error(`${method}: the answer is too long`)); else parts.push(d) })
    stream.on('close', () => {
      if (status === ok) resolve(Buffer.concat(parts).subarray(5))
      else if (status !== undefined && fine.includes(status)) resolve(Buffer.alloc(0))
      else reject(new Error(`${method}: ${text || `status ${status ?? 'none'}`}`))
    })
    const frame = Buffer.alloc(5)
    frame.writeUInt32BE(message.length, 1)
    stream.end(Buffer.concat([frame, message]))
  })
  return {
    async create(id, expires) { await call('Create', Buffer.concat([field(1, id), field(3, Buffer.concat([field(1, 'containerd.io/gc.expire'), field(2, new Date(expires).toISOString())]))]), [alreadyExists!]) },
    async add(id, resource) { await call('AddResource', Buffer.concat([field(1, id), field(2, Buffer.concat([field(1, resource.id), field(2, resource.type)]))])) },
    async list() {
      return fieldsOf(await call('List', Buffer.alloc(0))).map(({ bytes }) => {
        const lease = fieldsOf(bytes)
        // google.protobuf.Timestamp: seconds and nanoseconds.
        const time = fieldsOf(lease.find((f) => f.number === 2)?.bytes ?? Buffer.alloc(0))
        const part = (number: number): number => time.find((f) => f.number === number)?.value ?? 0
        return { id: lease.find((f) => f.number === 1)?.bytes.toString() ?? '', created: part(1) * 1000 + part(2) / 1e6 }
      })
    },
    async resources(id) { return fieldsOf(await call('ListResources', field(1, id), [notFound!])).map(({ bytes }) => fieldsOf(bytes).find((f) => f.number === 1)?.bytes.toString() ?? '') },
    async remove(id) { await call('Delete', field(1, id), [notFound!]) },
    close: () => session?.close(),
  }
}

/** A length-delimited field of a protobuf message. */
function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.length)]), bytes])
}

function varint(n: number): number[] { return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...varint(n >>> 7)] }

interface Field { readonly number: number; readonly bytes: Buffer; readonly value: number }

/** The fields of a message: strings, messages and counts, which is all that these have. */
function fieldsOf(message: Buffer): Field[] {
  const out: Field[] = []
  let at = 0
  const read = (): number => { for (let [value, scale] = [0, 1]; ; scale *= 128) { const b = message[at++] ?? 0; value += (b & 0x7f) * scale; if (b < 0x80) return value } }
  while (at < message.length) {
    const tag = read()
    const value = read()
    const isBytes = (tag & 7) === 2
    if (!isBytes && (tag & 7) !== 0) throw new Error('containerd answered in a form that is not understood')
    out.push({ number: tag >> 3, value, bytes: isBytes ? message.subarray(at, at + value) : Buffer.alloc(0) })
    if (isBytes) at += value
  }
  return out
}
