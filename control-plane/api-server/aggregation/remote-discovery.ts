/** What an aggregated server says that it serves, as the aggregated document has it (`apiserver/pkg/endpoints.ConvertGroupVersionIntoToDiscovery`). Pure. */
import type { APIResourceList } from '../../../shared/api/meta-v1.ts'

export interface DiscoveredResource {
  readonly resource: string
  readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string }
  readonly scope: 'Namespaced' | 'Cluster'
  readonly singularResource: string
  readonly verbs: readonly string[]
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly subresources?: readonly { readonly subresource: string; readonly responseKind: DiscoveredResource['responseKind']; readonly verbs: readonly string[] }[]
}

/** From the list of one version. Throws for what is no such list. */
export function discoveredIn(text: string, gv: { readonly group: string; readonly version: string }): DiscoveredResource[] {
  const { kind, resources } = JSON.parse(text) as Partial<APIResourceList> & { kind?: unknown }
  if (kind !== 'APIResourceList' || !Array.isArray(resources)) throw new Error('the answer is no APIResourceList')
  const kindOf = (r: APIResourceList['resources'][number]): DiscoveredResource['responseKind'] => ({ group: r.group ?? gv.group, version: r.version ?? gv.version, kind: r.kind })
  const parents = new Map<string, DiscoveredResource & { subresources?: { subresource: string; responseKind: DiscoveredResource['responseKind']; verbs: readonly string[] }[] }>()
  for (const r of resources) {
    if (r.name.includes('/')) continue
    parents.set(r.name, {
      resource: r.name, responseKind: kindOf(r), scope: r.namespaced ? 'Namespaced' : 'Cluster', singularResource: r.singularName, verbs: r.verbs,
      ...(r.shortNames?.length ? { shortNames: r.shortNames } : {}), ...(r.categories?.length ? { categories: r.categories } : {}),
    })
  }
  for (const r of resources) {
    const slash = r.name.indexOf('/')
    const parent = slash < 0 ? undefined : parents.get(r.name.slice(0, slash))
    if (parent) (parent.subresources ??= []).push({ subresource: r.name.slice(slash + 1), responseKind: kindOf(r), verbs: r.verbs })
  }
  return [...parents.values()]
}
