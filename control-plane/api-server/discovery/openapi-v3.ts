/**
 * OpenAPI v3: `/openapi/v3` lists a document per group-version, `/openapi/v3/apis/apps/v1` is one. A document is built on demand
 * and handed out as bytes; nothing of it stays in memory here, so callers cache the (compressed) bytes where they want.
 */
import type { Registry } from '../resources/registry.ts'
import { loadDocs } from './openapi-docs.ts'
import { allPaths } from './openapi-paths.ts'
import { SchemaCollector } from './openapi-schemas.ts'
import type { KindOfSchema } from './openapi-schemas.ts'

/** The Kubernetes version our behaviour follows; what `/version` and the documents say. */
export const kubernetesVersion = 'v1.33.0'

/** The kinds of each schema, lists and shared option types included. */
export function kindsBySchema(registry: Registry): Map<string, KindOfSchema[]> {
  const kinds = new Map<string, KindOfSchema[]>()
  for (const { group, version, kind, listKind, schema, codec } of registry.all) {
    if (codec) continue
    kinds.set(schema, [{ group, version, kind }])
    kinds.set(`${schema}List`, [{ group, version, kind: listKind }])
  }
  const versions = [...new Map(registry.all.map(({ group, version }) => [`${group}/${version}`, { group, version }])).values()]
  kinds.set('meta-v1.DeleteOptions', versions.map((gv) => ({ ...gv, kind: 'DeleteOptions' })))
  kinds.set('meta-v1.Status', [{ group: '', version: 'v1', kind: 'Status' }])
  return kinds
}

/** `GET /openapi/v3`. `hashes`: of the content of each document, by its key; clients cache by them. `elsewhere`: URLs of documents of aggregated servers. */
export function openApiV3Index(hashes: ReadonlyMap<string, string>, elsewhere: ReadonlyMap<string, string> = new Map()): { paths: Record<string, { serverRelativeURL: string }> } {
  const urls = new Map([...hashes].map(([key, hash]) => [key, `/openapi/v3/${key}?hash=${hash}`]))
  for (const [key, url] of elsewhere) urls.set(key, url)
  return { paths: Object.fromEntries([...urls].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, serverRelativeURL]) => [key, { serverRelativeURL }])) }
}

/** The document of one group-version as JSON bytes; undefined where none is served. About 0.5 MB for the core group: cache it compressed or not at all. */
export async function openApiV3Document(registry: Registry, group: string, version: string): Promise<Buffer | undefined> {
  const definitions = registry.all.filter((d) => d.group === group && d.version === version)
  if (definitions.length === 0) return undefined
  const collect = new SchemaCollector('v3', await loadDocs(), kindsBySchema(registry))
  const paths = allPaths(definitions, 'v3', collect)
  return Buffer.from(JSON.stringify({
    openapi: '3.0.0', info: { title: 'Kubernetes', version: kubernetesVersion }, paths, components: { schemas: collect.schemas },
  }))
}
