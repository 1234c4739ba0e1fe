/**
 * OpenAPI of aggregated servers. Version 3 is passed on by path, only the index is merged; of version 2 each server's part (its own paths and
 * the schemas they need) is kept compressed and merged when our document is made. Asked for when somebody asks us.
 */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { GroupVersion } from './plan.ts'
import type { RemoteClient } from './remote-client.ts'

const compress = promisify(gzip)
const decompress = promisify(gunzip)

type Json = Record<string, unknown>
export interface SpecPart { readonly paths: Json; readonly definitions: Json }

export interface RemoteDocuments {
  /** `apis/GROUP/VERSION` to the URL that names the document's content, of servers that have version 3. */
  v3Index(): Promise<ReadonlyMap<string, string>>
  /** Says which content {@link RemoteDocuments.v2Parts} has; to be asked first. */
  v2Hash(): Promise<string>
  v2Parts(): Promise<readonly SpecPart[]>
}

interface Source { readonly clients: readonly { readonly gv: GroupVersion; readonly client: RemoteClient }[]; readonly clock: Clock; readonly log: Log }

/** Upstream asks each server this often. */
const FRESH = 60_000
const TIMEOUT = 10_000

interface Kept<T> { readonly at: number; readonly value: Promise<T | undefined> }
interface Part { readonly zipped: Buffer; readonly hash: string }

export class RemoteOpenApi implements RemoteDocuments {
  readonly #source: Source
  readonly #indexes = new WeakMap<RemoteClient, Kept<Json>>()
  readonly #parts = new WeakMap<RemoteClient, Kept<Part>>()

  /** `source.clients`: read anew each time. */
  constructor(source: Source) { this.#source = source }

  async v3Index(): Promise<ReadonlyMap<string, string>> {
    const out = new Map<string, string>()
    await Promise.all(this.#source.clients.map(async ({ gv, client }) => {
      const key = gv.group ? `apis/${gv.group}/${gv.version}` : `api/${gv.version}`
      const paths = await this.#kept(this.#indexes, client, async () => (JSON.parse((await document(client, '/openapi/v3')).toString()) as { paths?: Json }).paths ?? {})
      const url = (paths?.[key] as { serverRelativeURL?: unknown } | undefined)?.serverRelativeURL
      if (typeof url === 'string') out.set(key, url)
    }))
    return out
  }

  async v2Hash(): Promise<string> { return (await this.#all()).map((p) => p.hash).join('.') }

  async v2Parts(): Promise<readonly SpecPart[]> {
    return Promise.all((await this.#all()).map(async ({ zipped }) => JSON.parse((await decompress(zipped)).toString()) as SpecPart))
  }

  async #all(): Promise<Part[]> {
    const parts = await Promise.all(this.#source.clients.map(({ gv, client }) => this.#kept(this.#parts, client, async () => {
      const bytes = Buffer.from(JSON.stringify(partOf(JSON.parse((await document(client, '/openapi/v2')).toString()) as Json, gv)))
      return { zipped: await compress(bytes), hash: createHash('sha256').update(bytes).digest('hex') }
    })))
    return parts.filter((p) => p !== undefined)
  }

  /** What cannot be had is left out, and asked for again when it is no longer fresh. */
  #kept<T>(among: WeakMap<RemoteClient, Kept<T>>, client: RemoteClient, make: () => Promise<T>): Promise<T | undefined> {
    const { clock, log } = this.#source
    const known = among.get(client)
    if (known && clock.monotonic() - known.at < FRESH) return known.value
    const value = make().catch((e: unknown) => {
      log.warn('no OpenAPI of an aggregated server', { server: client.urlOf(''), error: messageOf(e) })
      return undefined
    })
    among.set(client, { at: clock.monotonic(), value })
    return value
  }
}

async function document(client: RemoteClient, path: string): Promise<Buffer> {
  const { code, body } = await client.get(path, { accept: 'application/json', timeoutMs: TIMEOUT })
  if (code !== 200) throw new Error(`${path} was answered with ${code}`)
  return body
}

const REF = '#/definitions/'

/** The paths of one group-version and the definitions that they reach. */
function partOf(spec: Json, { group, version }: GroupVersion): SpecPart {
  const root = group ? `/apis/${group}/${version}/` : `/api/${version}/`
  const all = (spec.definitions ?? {}) as Json
  const paths = Object.fromEntries(Object.entries((spec.paths ?? {}) as Json).filter(([path]) => path.startsWith(root)))
  const definitions: Json = {}
  const waiting: unknown[] = [paths]
  // Also kinds that no path names, options above all.
  for (const [name, schema] of Object.entries(all)) {
    const kinds = (schema as Json)['x-kubernetes-group-version-kind']
    if (Array.isArray(kinds) && kinds.length === 1 && kinds.some((k: Json) => k.group === group && k.version === version)) waiting.push({ $ref: REF + name })
  }
  while (waiting.length) {
    const next = waiting.pop()
    if (typeof next !== 'object' || next === null) continue
    for (const [key, value] of Object.entries(next as Json)) {
      const name = key === '$ref' && typeof value === 'string' && value.startsWith(REF) ? value.slice(REF.length) : undefined
      if (name === undefined) waiting.push(value)
      else if (!Object.hasOwn(definitions, name) && Object.hasOwn(all, name)) {
        definitions[name] = all[name]
        waiting.push(all[name])
      }
    }
  }
  return { paths, definitions }
}
