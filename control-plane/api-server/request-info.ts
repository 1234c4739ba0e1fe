/** From a request line to what it asks for, as `k8s.io/apiserver/pkg/endpoints/request.RequestInfoFactory`. Pure. */

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'

export interface RequestInfo {
  readonly isResourceRequest: boolean
  readonly path: string
  readonly query: URLSearchParams
  /** For non-resource requests the lower-case HTTP method. */
  readonly verb: string
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** Path segments after the subresource (`services/x/proxy/a/b`). */
  readonly rest: string
}

const verbOfMethod: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

/** Segments below `namespaces/NAME/` that are subresources of the namespace, not resources in it. */
const namespaceSubresources = new Set(['status', 'finalize'])

const NO_QUERY = new URLSearchParams()

function nonResource(method: string, path: string, query: URLSearchParams): RequestInfo {
  return { isResourceRequest: false, path, query, verb: method.toLowerCase(), group: '', version: '', namespace: '', resource: '', subresource: '', name: '', rest: '' }
}

/** `metadata.name=x` alone in a field selector: authorization and storage treat the list as one of that object. */
function selectedName(query: URLSearchParams): string {
  const selector = query.get('fieldSelector')
  if (!selector) return ''
  for (const term of selector.split(',')) {
    const match = /^metadata\.name==?([^=!]+)$/.exec(term.trim())
    if (match) return match[1] ?? ''
  }
  return ''
}

const truthy = (value: string | null): boolean => value !== null && value !== '0' && value !== 'false'

function decodeSegments(path: string): string[] | undefined {
  const parts = path.split('/')
  parts.shift()
  if (parts.at(-1) === '') parts.pop()
  if (!path.includes('%')) return parts
  try {
    return parts.map(decodeURIComponent)
  } catch {
    return undefined // a malformed escape names nothing: the path is then not found
  }
}

/** Never throws: a path that names no resource is a non-resource request (and most likely not found). */
export function parseRequest(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1))
  const parts = decodeSegments(path)
  if (!parts) return nonResource(method, path, query)
  const grouped = parts[0] === 'apis'
  // `/api`, `/api/v1`, `/apis`, `/apis/apps`, `/apis/apps/v1` are discovery, not resources.
  if ((!grouped && parts[0] !== 'api') || parts.length < (grouped ? 4 : 3)) return nonResource(method, path, query)
  const group = grouped ? parts[1] ?? '' : ''
  const version = (grouped ? parts[2] : parts[1]) ?? ''
  let rest = parts.slice(grouped ? 3 : 2)
  let verb = verbOfMethod[method] ?? method.toLowerCase()
  // The deprecated prefix `/api/v1/watch/...`.
  if (rest[0] === 'watch' && rest.length > 1 && verb === 'get') {
    verb = 'watch'
    rest = rest.slice(1)
  }
  let namespace = ''
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1] ?? ''
    if (rest.length > 2 && !namespaceSubresources.has(rest[2] ?? '')) rest = rest.slice(2)
  }
  const [resource = '', pathName = '', subresource = ''] = rest
  let name = pathName
  if (name === '' && (verb === 'get' || verb === 'watch')) {
    verb = verb === 'watch' || truthy(query.get('watch')) ? 'watch' : 'list'
    name = selectedName(query)
  } else if (name === '' && verb === 'delete') verb = 'deletecollection'
  return { isResourceRequest: true, path, query, verb, group, version, namespace, resource, subresource, name, rest: rest.slice(3).join('/') }
}
