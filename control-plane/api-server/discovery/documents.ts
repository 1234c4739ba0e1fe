/** Documents made from what is served, kept as compressed bytes under a hash until what is served changes. */
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Registry } from '../resources/registry.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import { schemasOf, tableOf } from '../schema/tables.ts'
import { indexKey } from './openapi-paths.ts'

const compress = promisify(gzip)
const decompress = promisify(gunzip)

export interface Document {
  /** Changes with the content; upper-case hex. */
  readonly hash: string
  plain(): Promise<Buffer>
  readonly zipped: Buffer
}

const digest = (...parts: readonly (string | Buffer)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex').toUpperCase()
}

/** Hashes of the generated tables: they change with the program only. */
const tableHashes = new Map<string, string>()
function tableHash(gv: string): string {
  let hash = tableHashes.get(gv)
  if (hash === undefined) tableHashes.set(gv, (hash = digest(JSON.stringify(schemasOf(gv).map((name) => [name, tableOf(`${gv}.${name}`)])))))
  return hash
}

const factsOf = (d: ResourceDefinition): string =>
  JSON.stringify([d.resource, d.kind, d.listKind, d.namespaced, d.subresources.status ?? false, d.codec ? d.codec.openApi ?? null : d.schema]) + (d.codec ? '' : tableHash(d.schema.slice(0, d.schema.indexOf('.'))))

export class Documents {
  readonly #registry: Registry
  readonly #release: string
  readonly #kept = new Map<string, { readonly of: string; readonly document: Promise<Document | undefined> }>()
  #hashes: ReadonlyMap<string, string> = new Map()
  #generation = -1

  /** `release`: the program's version. */
  constructor(registry: Registry, release: string) {
    this.#registry = registry
    this.#release = release
  }

  /** By group-version as the index of OpenAPI v3 names it: what its document is made from. */
  hashes(): ReadonlyMap<string, string> {
    if (this.#generation === this.#registry.generation) return this.#hashes
    const parts = new Map<string, string[]>()
    for (const d of this.#registry.all) {
      const key = indexKey(d)
      const known = parts.get(key)
      if (known) known.push(factsOf(d))
      else parts.set(key, [factsOf(d)])
    }
    this.#generation = this.#registry.generation
    this.#hashes = new Map([...parts].map(([key, facts]) => [key, digest(this.#release, ...facts)]))
    // What is not served any more is not kept either.
    for (const [path, { of }] of this.#kept) if (path.startsWith('v3/') && this.#hashes.get(path.slice(3)) !== of) this.#kept.delete(path)
    return this.#hashes
  }

  /** The document of `path`, made again when `of` (what it depends on) is another. A failure is tried again. */
  get(path: string, of: string, make: () => Promise<Buffer | undefined>): Promise<Document | undefined> {
    const kept = this.#kept.get(path)
    if (kept?.of === of) return kept.document
    const document = made(make)
    this.#kept.set(path, { of, document })
    const drop = (): void => { if (this.#kept.get(path)?.document === document) this.#kept.delete(path) }
    document.then((d) => { if (!d) drop() }, drop)
    return document
  }

  /** Of whatever depends on all that is served. */
  get all(): string { return String(this.#registry.generation) }
}

async function made(make: () => Promise<Buffer | undefined>): Promise<Document | undefined> {
  const bytes = await make()
  if (!bytes) return undefined
  const zipped = await compress(bytes)
  return { hash: digest(bytes), zipped, plain: () => decompress(zipped) }
}
