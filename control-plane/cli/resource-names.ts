/** From what a person types (`po`, `deploy`, `Service`) to a served resource, asked of the server: it may serve more than we know. */
import type { APIGroupList, APIResource, APIResourceList } from '../../shared/api/meta-v1.ts'
import type { Connection } from './connection.ts'

export interface ServedResource { readonly groupVersion: string; readonly resource: string; readonly kind: string; readonly namespaced: boolean }

const served = (groupVersion: string, r: APIResource): ServedResource => ({ groupVersion, resource: r.name, kind: r.kind, namespaced: r.namespaced })

async function* resources(connection: Connection): AsyncGenerator<{ groupVersion: string; resource: APIResource }> {
  const groups = await connection.call<APIGroupList>('GET', '/apis')
  const versions = ['v1', ...groups.groups.map((g) => g.preferredVersion?.groupVersion ?? g.versions[0]?.groupVersion ?? '')]
  for (const groupVersion of versions) {
    const list = await connection.call<APIResourceList>('GET', groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`)
    for (const resource of list.resources) if (!resource.name.includes('/')) yield { groupVersion, resource }
  }
}

/** Throws where the server has no such resource. */
export async function resourceNamed(connection: Connection, typed: string): Promise<ServedResource> {
  const [name, group] = [typed.split('.')[0]?.toLowerCase() ?? '', typed.includes('.') ? typed.slice(typed.indexOf('.') + 1) : undefined]
  for await (const { groupVersion, resource: r } of resources(connection)) {
    const names = [r.name, r.singularName, r.kind.toLowerCase(), ...(r.shortNames ?? [])]
    if (names.includes(name) && (group === undefined || groupVersion.startsWith(`${group}/`))) return served(groupVersion, r)
  }
  throw new Error(`the server has no resource type "${typed}"`)
}

/** Throws where the server has no such kind. */
export async function resourceOfKind(connection: Connection, apiVersion: string, kind: string): Promise<ServedResource> {
  const list = await connection.call<APIResourceList>('GET', apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`)
  const found = list.resources.find((r) => r.kind === kind && !r.name.includes('/'))
  if (!found) throw new Error(`the server has no kind "${kind}" in ${apiVersion}`)
  return served(apiVersion, found)
}

/** `namespace` undefined: all of them, or none where the resource is not in any. */
export function pathOf(resource: ServedResource, namespace: string | undefined, name?: string): string {
  const base = resource.groupVersion.includes('/') ? `/apis/${resource.groupVersion}` : `/api/${resource.groupVersion}`
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${base}${scope}/${resource.resource}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`
}
