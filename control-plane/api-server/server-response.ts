/** Answers: bytes out, compressed where it pays, and lists assembled from stored bytes. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { constants, createGzip, gzip } from 'node:zlib'
import type { ListMeta, Status } from '../../shared/api/meta-v1.ts'
import { apiVersionOf } from '../../shared/api/object.ts'
import type { KubeObject } from '../../shared/api/object.ts'
import { badRequest } from '../../shared/base/errors.ts'
import { toPartialMetadata, toPartialMetadataList } from './encode/partial-metadata.ts'
import { toTable } from './encode/table.ts'
import type { TableOptions } from './encode/table.ts'
import { type Form, PROTOBUF } from './negotiate.ts'
import type { RequestInfo } from './request-info.ts'
import type { ResourceDefinition } from './resources/definition.ts'
import type { ApiContext } from './verbs/context.ts'
import type { Listed } from './verbs/list.ts'
import { typePrefix } from './verbs/stored-form.ts'
import { allInVersion, inVersion } from './verbs/versions.ts'

/** Upstream's `defaultGzipThresholdBytes` and level. */
const GZIP_THRESHOLD = 128 << 10
const GZIP_OPTIONS = { level: constants.Z_BEST_SPEED }
/** Large lists are written in pieces, so that neither loop nor memory holds them whole. */
const CHUNK_BYTES = 128 << 10

const compress = promisify(gzip)

export interface Reply { readonly req: IncomingMessage; readonly res: ServerResponse; readonly info: RequestInfo; readonly form: Form; readonly warnings: string[] }

const acceptsGzip = (req: IncomingMessage): boolean => /\bgzip\b/.test(String(req.headers['accept-encoding'] ?? ''))

/** Text for a `Warning` header: one line, without quotes that would end it. */
const warningHeader = (text: string): string => `299 - "${text.replaceAll(/[\\"]/g, (c) => `\\${c}`).replaceAll(/[^ -~]/g, ' ')}"`

function headers(reply: Pick<Reply, 'res' | 'warnings'>, contentType: string): void {
  reply.res.setHeader('Content-Type', contentType)
  reply.res.setHeader('Cache-Control', 'no-cache, private')
  if (reply.warnings.length) reply.res.setHeader('Warning', reply.warnings.map(warningHeader))
}

export async function sendBytes(reply: Pick<Reply, 'req' | 'res' | 'warnings'>, code: number, bytes: Buffer, contentType = 'application/json'): Promise<void> {
  const { req, res } = reply
  headers(reply, contentType)
  let body = bytes
  if (bytes.length >= GZIP_THRESHOLD && acceptsGzip(req)) {
    body = await compress(bytes, GZIP_OPTIONS)
    res.setHeader('Content-Encoding', 'gzip')
    res.setHeader('Vary', 'Accept-Encoding')
  }
  res.setHeader('Content-Length', body.length)
  res.writeHead(code)
  res.end(body)
}

const pretty = (info: RequestInfo): boolean => info.query.get('pretty') === 'true' || info.query.get('pretty') === '1'

/** A value in the encoding asked for: protobuf where its kind has such a form, as `/version` has not. */
export function sendJson(reply: Reply, code: number, value: unknown): Promise<void> {
  if (reply.form.encoding !== 'json') return sendEncoded(reply, code, value as KubeObject)
  return sendBytes(reply, code, Buffer.from(`${JSON.stringify(value, undefined, pretty(reply.info) ? 2 : undefined)}\n`))
}

async function sendEncoded(reply: Reply, code: number, value: KubeObject): Promise<void> {
  const { encoded } = await import('./encode/other-encodings.ts')
  const { bytes, contentType } = await encoded(value, reply.form.encoding)
  return sendBytes(reply, code, bytes, contentType)
}

/** An object that the store may have as bytes, in the form asked for and the version of `definition`. */
export async function sendObject(ctx: ApiContext, reply: Reply, code: number, answer: { definition: ResourceDefinition; bytes: Buffer | undefined; object: () => KubeObject }): Promise<void> {
  const { form, info } = reply
  const { definition } = answer
  if (form.as === 'json' && form.encoding === 'json' && answer.bytes && !definition.storage && !pretty(info)) return sendBytes(reply, code, answer.bytes)
  const object = await inVersion(definition, answer.object())
  if (form.as === 'table') return sendJson(reply, code, toTable(definition, [object], tableOptions(ctx, reply, { resourceVersion: object.metadata?.resourceVersion ?? '' })))
  if (form.as === 'partial-metadata' || form.as === 'partial-metadata-list') return sendJson(reply, code, toPartialMetadata(object))
  return sendJson(reply, code, object)
}

export function includeObject(info: RequestInfo): TableOptions['includeObject'] {
  const asked = info.query.get('includeObject') || 'Metadata'
  if (asked === 'None' || asked === 'Object' || asked === 'Metadata') return asked
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(asked)}`)
}

const tableOptions = (ctx: ApiContext, { form, info }: Reply, listMeta: ListMeta): TableOptions => ({
  now: ctx.host.clock.now(), includeObject: includeObject(info), listMeta, version: form.version === 'v1beta1' ? 'v1beta1' : 'v1',
})

export async function sendList(ctx: ApiContext, reply: Reply, definition: ResourceDefinition, listed: Listed): Promise<void> {
  const { entries, meta } = listed
  const objects = (): Promise<readonly KubeObject[]> => allInVersion(definition, entries.map((entry) => ctx.objects.object(entry)))
  if (reply.form.as === 'table') return sendJson(reply, 200, toTable(definition, await objects(), tableOptions(ctx, reply, meta)))
  if (reply.form.as === 'partial-metadata' || reply.form.as === 'partial-metadata-list') return sendJson(reply, 200, toPartialMetadataList(await objects(), meta))
  if (reply.form.encoding === 'protobuf') return sendProtobufList(ctx, reply, definition, listed)
  if (pretty(reply.info) || definition.storage || reply.form.encoding === 'yaml') return sendJson(reply, 200, { kind: definition.listKind, apiVersion: apiVersionOf(definition), metadata: meta, items: (await objects()).map((o) => itemOf(definition, o)) })
  const size = entries.reduce((sum, { value }) => sum + value.length, 0)
  if (size <= CHUNK_BYTES) return sendBytes(reply, 200, Buffer.concat([...pieces(definition, listed)]))
  return streamList(reply, pieces(definition, listed))
}

async function sendProtobufList(ctx: ApiContext, reply: Reply, definition: ResourceDefinition, { entries, meta }: Listed): Promise<void> {
  const { protobufList } = await import('./encode/other-encodings.ts')
  const parts = await protobufList(ctx, definition, { entries, meta })
  return streamList(reply, parts, PROTOBUF)
}

/** A list of objects that nothing stores. */
export function sendComputed(ctx: ApiContext, reply: Reply, definition: ResourceDefinition, objects: readonly KubeObject[]): Promise<void> {
  const meta = { resourceVersion: '' }
  if (reply.form.as === 'table') return sendJson(reply, 200, toTable(definition, objects, tableOptions(ctx, reply, meta)))
  if (reply.form.as === 'partial-metadata' || reply.form.as === 'partial-metadata-list') return sendJson(reply, 200, toPartialMetadataList(objects, meta))
  return sendJson(reply, 200, { kind: definition.listKind, apiVersion: apiVersionOf(definition), metadata: meta, items: objects.map((o) => itemOf(definition, o)) })
}

const OPEN = Buffer.from('{')
const COMMA = Buffer.from(',{')
const END = Buffer.from(']}\n')

/** As upstream prints the items of a list: those of a custom kind say their kind and apiVersion, those of ours do not. */
function itemOf({ codec }: ResourceDefinition, object: KubeObject): KubeObject {
  if (codec) return object
  const { kind: _kind, apiVersion: _version, ...item } = object
  return item
}

/** {@link itemOf} on stored bytes. */
function* pieces(definition: ResourceDefinition, { entries, meta }: Listed): Generator<Buffer> {
  const prefix = Buffer.from(definition.codec ? '{' : typePrefix(definition))
  yield Buffer.from(`{"kind":${JSON.stringify(definition.listKind)},"apiVersion":${JSON.stringify(apiVersionOf(definition))},"metadata":${JSON.stringify(meta)},"items":[`)
  let first = true
  for (const { value } of entries) {
    yield first ? OPEN : COMMA
    first = false
    yield value.subarray(0, prefix.length).equals(prefix) ? value.subarray(prefix.length) : value.subarray(1)
  }
  yield END
}

async function streamList(reply: Reply, parts: Iterable<Buffer>, contentType = 'application/json'): Promise<void> {
  const { req, res } = reply
  headers(reply, contentType)
  const zip = acceptsGzip(req) ? createGzip(GZIP_OPTIONS) : undefined
  if (zip) {
    res.setHeader('Content-Encoding', 'gzip')
    res.setHeader('Vary', 'Accept-Encoding')
    zip.pipe(res)
  }
  res.writeHead(200)
  const out = zip ?? res
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  let chunk: Buffer[] = []
  let size = 0
  const flush = async (): Promise<void> => {
    const more = out.write(Buffer.concat(chunk))
    chunk = []
    size = 0
    if (!more) await once(out, 'drain', { signal: gone.signal })
  }
  for (const part of parts) {
    chunk.push(part)
    size += part.length
    if (size >= CHUNK_BYTES) await flush()
  }
  await flush()
  out.end()
}

export const success = (code: number, details?: Status['details']): Status =>
  ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...(details ? { details } : {}), ...(code === 200 ? {} : { code }) })
