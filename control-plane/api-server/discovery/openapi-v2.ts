/** OpenAPI v2, `/openapi/v2`, as JSON or as the protobuf kubectl asks for. */
import type { SpecPart } from '../aggregation/remote-openapi.ts'
import type { Registry } from '../resources/registry.ts'
import { loadDocs } from './openapi-docs.ts'
import { allPaths } from './openapi-paths.ts'
import { SchemaCollector } from './openapi-schemas.ts'
import { encodeOpenApiV2 } from './openapi-v2-protobuf.ts'
import { kindsBySchema, kubernetesVersion } from './openapi-v3.ts'

/**
 * The document's bytes in the form asked for, built anew by each call: cache them compressed or not at all. `elsewhere`: parts of aggregated servers;
 * a path or a schema that we have too is ours.
 */
export async function openApiV2Document(registry: Registry, form: 'json' | 'protobuf', elsewhere: readonly SpecPart[] = []): Promise<Buffer> {
  const collect = new SchemaCollector('v2', await loadDocs(), kindsBySchema(registry))
  const paths = allPaths(registry.all, 'v2', collect)
  const document = { swagger: '2.0', info: { title: 'Kubernetes', version: kubernetesVersion }, ...merged(elsewhere, { paths, definitions: collect.schemas }) }
  return form === 'json' ? Buffer.from(JSON.stringify(document)) : encodeOpenApiV2(document)
}

const merged = (parts: readonly SpecPart[], own: { paths: object; definitions: object }): { paths: object; definitions: object } =>
  (parts.length ? { paths: Object.assign({}, ...parts.map((p) => p.paths), own.paths) as object, definitions: Object.assign({}, ...parts.map((p) => p.definitions), own.definitions) as object } : own)
