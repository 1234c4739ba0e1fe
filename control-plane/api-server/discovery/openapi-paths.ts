/** The paths of a group-version as OpenAPI operations: enough for clients to find kinds, bodies and query parameters. Pure. */
import { apiVersionOf } from '../../../shared/api/object.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { Dialect, SchemaCollector } from './openapi-schemas.ts'

const dryRun = 'When present, indicates that modifications should not be persisted. An invalid or unrecognized dryRun directive will result in an error response and no further processing of the request. Valid values are: - All: all dry run stages will be processed'
const fieldManager = 'fieldManager is a name associated with the actor or entity that is making these changes.'
const fieldValidation = 'fieldValidation instructs the server on how to handle objects in the request (POST/PUT/PATCH) containing unknown or duplicate fields. Valid values are: Ignore, Warn, Strict.'
const force = 'Force is going to "force" Apply requests. It means user will re-acquire conflicting fields owned by other people.'

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
const textQuery: Readonly<Record<string, string>> = {
  continue: 'The continue option should be set when retrieving more results from the server.', fieldSelector: 'A selector to restrict the list of returned objects by their fields. Defaults to everything.',
  labelSelector: 'A selector to restrict the list of returned objects by their labels. Defaults to everything.', resourceVersion: 'resourceVersion sets a constraint on what resource versions a request may be served from.',
}

export const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml']

/** `/api/v1` or `/apis/apps/v1`. */
export const rootPath = (gv: { group: string; version: string }): string => (gv.group ? `/apis/${gv.group}/${gv.version}` : `/api/${gv.version}`)

class PathWriter {
  readonly #dialect: Dialect
  readonly #collect: SchemaCollector
  constructor(dialect: Dialect, collect: SchemaCollector) { this.#dialect = dialect; this.#collect = collect }

  #query(name: string, description: string, type = 'string'): object {
    return this.#dialect === 'v2' ? { name, in: 'query', description, type, uniqueItems: true } : { name, in: 'query', description, schema: { type, uniqueItems: true } }
  }

  #path(name: string, description: string): object {
    return this.#dialect === 'v2' ? { name, in: 'path', description, required: true, type: 'string', uniqueItems: true }
      : { name, in: 'path', description, required: true, schema: { type: 'string', uniqueItems: true } }
  }

  parameters(d: ResourceDefinition, names: readonly ('name' | 'namespace')[]): object[] {
    return names.map((n) => this.#path(n, n === 'name' ? `name of the ${d.kind}` : 'object name and auth scope, such as for teams and projects'))
  }

  operation(d: ResourceDefinition, method: Method, action: string, input: string | undefined, output: string): object {
    const queries = action === 'list'
      ? [...Object.entries(textQuery).map(([n, text]) => this.#query(n, text)), this.#query('limit', 'limit is a maximum number of responses to return for a list call.', 'integer'),
        this.#query('watch', 'Watch for changes to the described resources and return them as a stream of add, update, and remove notifications.', 'boolean')]
      : method === 'get' ? []
        : [this.#query('dryRun', dryRun), ...(method === 'delete' ? [] : [this.#query('fieldManager', fieldManager), this.#query('fieldValidation', fieldValidation)]),
          ...(method === 'patch' ? [this.#query('force', force, 'boolean')] : [])]
    const types = method === 'patch' ? patchTypes : ['*/*']
    const media = ['application/json']
    const body = input === undefined ? undefined : input === 'patch' ? { type: 'object' } : this.#collect.ref(input)
    const result = this.#collect.ref(output)
    const common = {
      tags: [`${d.group.split('.')[0] || 'core'}_${d.version}`], operationId: `${action}${d.kind}${d.namespaced ? 'Namespaced' : ''}`, 'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': { group: d.group, version: d.version, kind: d.kind },
    }
    if (this.#dialect === 'v2') {
      return {
        ...common, consumes: types, produces: media, schemes: ['https'], parameters: [...(body ? [{ name: 'body', in: 'body', required: true, schema: body }] : []), ...queries],
        responses: { 200: { description: 'OK', schema: result }, 401: { description: 'Unauthorized' } },
      }
    }
    return {
      ...common, parameters: queries, ...(body ? { requestBody: { required: true, content: Object.fromEntries(types.map((t) => [t, { schema: body }])) } } : {}),
      responses: { 200: { description: 'OK', content: { 'application/json': { schema: result } } }, 401: { description: 'Unauthorized' } },
    }
  }
}

/** Paths of one resource, by URL pattern. */
export function pathsOf(d: ResourceDefinition, dialect: Dialect, collect: SchemaCollector): Record<string, object> {
  const w = new PathWriter(dialect, collect)
  const list = `${d.schema}List`
  const scope: ('name' | 'namespace')[] = d.namespaced ? ['namespace'] : []
  const base = d.namespaced ? `${rootPath(d)}/namespaces/{namespace}/${d.resource}` : `${rootPath(d)}/${d.resource}`
  const out: Record<string, object> = {
    [base]: {
      get: w.operation(d, 'get', 'list', undefined, list), post: w.operation(d, 'post', 'post', d.schema, d.schema),
      delete: w.operation(d, 'delete', 'deletecollection', 'meta-v1.DeleteOptions', 'meta-v1.Status'), ...(scope.length ? { parameters: w.parameters(d, scope) } : {}),
    },
    [`${base}/{name}`]: single(w, d, [...scope, 'name']),
  }
  if (d.namespaced) out[`${rootPath(d)}/${d.resource}`] = { get: w.operation(d, 'get', 'list', undefined, list) }
  if (d.subresources.status) out[`${base}/{name}/status`] = update(w, d, ['name', ...scope])
  return out
}

const update = (w: PathWriter, d: ResourceDefinition, names: readonly ('name' | 'namespace')[]): object => ({
  get: w.operation(d, 'get', 'get', undefined, d.schema), put: w.operation(d, 'put', 'put', d.schema, d.schema),
  patch: w.operation(d, 'patch', 'patch', 'patch', d.schema), parameters: w.parameters(d, names),
})
const single = (w: PathWriter, d: ResourceDefinition, names: readonly ('name' | 'namespace')[]): object =>
  ({ ...update(w, d, names), delete: w.operation(d, 'delete', 'delete', 'meta-v1.DeleteOptions', 'meta-v1.Status') })

/** Paths of all resources of a list. */
export const allPaths = (definitions: readonly ResourceDefinition[], dialect: Dialect, collect: SchemaCollector): Record<string, object> =>
  Object.assign({}, ...definitions.map((d) => pathsOf(d, dialect, collect))) as Record<string, object>

/** `group/version` as the key of an OpenAPI v3 index: `api/v1`, `apis/apps/v1`. */
export const indexKey = (gv: { group: string; version: string }): string => (gv.group ? `apis/${apiVersionOf(gv)}` : `api/${gv.version}`)
