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

type Payload = 'object' | 'list' | 'patch' | 'delete-options' | 'status'
interface Operation { readonly action: string; /** What tells operations of the same action apart: `all` namespaces, a subresource. */ readonly scope?: string; readonly input?: Payload; readonly output: Payload }

const verbOf: Readonly<Record<string, string>> = { list: 'list', get: 'read', post: 'create', put: 'replace', patch: 'patch', delete: 'delete', deletecollection: 'delete' }
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** `listCoreV1NamespacedPod`, `deleteAppsV1CollectionNamespacedDeployment`, `listCoreV1PodForAllNamespaces`, `readCoreV1NamespacedPodStatus`. */
function operationId(d: ResourceDefinition, action: string, scope = ''): string {
  const group = d.codec ? d.group.split('.').map(capital).join('') : capital(d.group.replace(/\.k8s\.io$/, '').replaceAll(/\.(\w)/g, (_, c: string) => c.toUpperCase()) || 'core')
  const head = `${verbOf[action] ?? action}${group}${capital(d.version)}${action === 'deletecollection' ? 'Collection' : ''}`
  return scope === 'all' ? `${head}${d.kind}ForAllNamespaces` : `${head}${d.namespaced ? 'Namespaced' : ''}${d.kind}${scope}`
}

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

  #schema(d: ResourceDefinition, what: Payload | undefined): object | undefined {
    switch (what) {
      case undefined: return undefined
      case 'patch': return { type: 'object' }
      case 'object': return this.#collect.kind(d).object
      case 'list': return this.#collect.kind(d).list
      case 'delete-options': return this.#collect.ref('meta-v1.DeleteOptions')
      case 'status': return this.#collect.ref('meta-v1.Status')
    }
  }

  operation(d: ResourceDefinition, method: Method, { action, scope, input, output }: Operation): object {
    const queries = action === 'list'
      ? [...Object.entries(textQuery).map(([n, text]) => this.#query(n, text)), this.#query('limit', 'limit is a maximum number of responses to return for a list call.', 'integer'),
        this.#query('watch', 'Watch for changes to the described resources and return them as a stream of add, update, and remove notifications.', 'boolean')]
      : method === 'get' ? []
        : [this.#query('dryRun', dryRun), ...(method === 'delete' ? [] : [this.#query('fieldManager', fieldManager), this.#query('fieldValidation', fieldValidation)]),
          ...(method === 'patch' ? [this.#query('force', force, 'boolean')] : [])]
    const types = method === 'patch' ? patchTypes.filter((t) => !d.codec || !t.includes('strategic')) : ['*/*']
    const media = ['application/json']
    const body = this.#schema(d, input)
    const result = this.#schema(d, output)
    const common = {
      tags: [`${d.group.split('.')[0] || 'core'}_${d.version}`], operationId: operationId(d, action, scope), 'x-kubernetes-action': action,
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
  const scope: ('name' | 'namespace')[] = d.namespaced ? ['namespace'] : []
  const base = d.namespaced ? `${rootPath(d)}/namespaces/{namespace}/${d.resource}` : `${rootPath(d)}/${d.resource}`
  const out: Record<string, object> = {
    [base]: {
      get: w.operation(d, 'get', { action: 'list', output: 'list' }), post: w.operation(d, 'post', { action: 'post', input: 'object', output: 'object' }),
      delete: w.operation(d, 'delete', { action: 'deletecollection', input: 'delete-options', output: 'status' }), ...(scope.length ? { parameters: w.parameters(d, scope) } : {}),
    },
    [`${base}/{name}`]: { ...update(w, d, [...scope, 'name']), delete: w.operation(d, 'delete', { action: 'delete', input: 'delete-options', output: 'status' }) },
  }
  if (d.namespaced) out[`${rootPath(d)}/${d.resource}`] = { get: w.operation(d, 'get', { action: 'list', scope: 'all', output: 'list' }) }
  if (d.subresources.status) out[`${base}/{name}/status`] = update(w, d, ['name', ...scope], 'Status')
  return out
}

const update = (w: PathWriter, d: ResourceDefinition, names: readonly ('name' | 'namespace')[], scope = ''): object => ({
  get: w.operation(d, 'get', { action: 'get', scope, output: 'object' }), put: w.operation(d, 'put', { action: 'put', scope, input: 'object', output: 'object' }),
  patch: w.operation(d, 'patch', { action: 'patch', scope, input: 'patch', output: 'object' }), parameters: w.parameters(d, names),
})

/** Paths of all resources of a list. */
export const allPaths = (definitions: readonly ResourceDefinition[], dialect: Dialect, collect: SchemaCollector): Record<string, object> =>
  Object.assign({}, ...definitions.map((d) => pathsOf(d, dialect, collect))) as Record<string, object>

/** `group/version` as the key of an OpenAPI v3 index: `api/v1`, `apis/apps/v1`. */
export const indexKey = (gv: { group: string; version: string }): string => (gv.group ? `apis/${apiVersionOf(gv)}` : `api/${gv.version}`)
