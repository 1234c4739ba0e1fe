/** What the server serves, as discovery documents: the per-version lists of old and the aggregated form kubectl 1.27+ asks for. Pure. */
import { createHash } from 'node:crypto'
import type { APIGroup, APIGroupList, APIResource, APIResourceList, APIVersions } from '../../../shared/api/meta-v1.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { Registry } from '../resources/registry.ts'
import { inDiscoveryOrder, type Priority, priorityOf } from '../aggregation/priorities.ts'

/** A kind, perhaps of another group than the resource it belongs to (`Scale`). */
export interface KindName { readonly group: string; readonly version: string; readonly kind: string }

/** A subresource that definitions do not know of (`log`, `exec`, `binding`): whoever serves it lists it. */
export interface ServedSubresource {
  readonly group: string
  readonly version: string
  /** The plural of the parent: `pods`. */
  readonly resource: string
  readonly name: string
  /** What requests and answers carry; the parent's kind for streams. */
  readonly kind: KindName
  readonly verbs: readonly string[]
}

/** A resource that is not stored and has no definition: `bindings`, `subjectaccessreviews`. */
export interface VirtualResource {
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly singular: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs: readonly string[]
}

/** A version that another server answers for. `Stale`: what it said last, for it did not answer since. */
export interface ElsewhereVersion {
  readonly group: string
  readonly version: string
  readonly resources: readonly object[]
  readonly freshness: 'Current' | 'Stale'
}

/** What is registered beside what we serve (`aggregation/`). */
export interface Elsewhere {
  /** Counts changes: what was derived holds as long as this does. */
  readonly generation: number
  readonly all: readonly ElsewhereVersion[]
  priorityOf(gv: { readonly group: string; readonly version: string }): Priority
}

export interface Served {
  readonly registry: Registry
  readonly subresources: readonly ServedSubresource[]
  readonly virtual?: readonly VirtualResource[]
  readonly elsewhere?: Elsewhere
}

/** The group-versions served, here and elsewhere, in upstream's order: by the priorities of their APIServices, core first. */
export function groupVersions(served: Served): { group: string; version: string }[] {
  const seen = new Map<string, { group: string; version: string; priority: Priority }>()
  const { elsewhere } = served
  for (const { group, version } of [...served.registry.all, ...(served.virtual ?? []), ...(elsewhere?.all ?? [])]) {
    const key = `${group}/${version}`
    if (!seen.has(key)) seen.set(key, { group, version, priority: elsewhere?.priorityOf({ group, version }) ?? priorityOf({ group, version }) })
  }
  return inDiscoveryOrder([...seen.values()]).map(({ group, version }) => ({ group, version }))
}

/** `GET /api`. `address`: host and port under which the client reached us. */
export const apiVersions = (address: string): APIVersions & { kind: string } =>
  ({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }] })

/** `GET /apis/<group>`; undefined for a group that is not served. */
export function apiGroup(served: Served, group: string): (APIGroup & { kind: string; apiVersion: string }) | undefined {
  const found = groupEntry(served, group)
  return found && { kind: 'APIGroup', apiVersion: 'v1', ...found }
}

function groupEntry(served: Served, group: string): APIGroup | undefined {
  const versions = groupVersions(served).filter((gv) => gv.group === group && group !== '').map((gv) => ({ groupVersion: apiVersionOf(gv), version: gv.version }))
  const [preferredVersion] = versions
  return preferredVersion && { name: group, versions, preferredVersion }
}

/** `GET /apis`. */
export function apiGroupList(served: Served): APIGroupList & { kind: string; apiVersion: string } {
  const names = [...new Set(groupVersions(served).map((gv) => gv.group))]
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: names.map((n) => groupEntry(served, n)).filter((g) => g !== undefined) }
}

/** Tells clients whether what is stored may be of another version than before (`apiserver/pkg/endpoints/discovery/storageversionhash.go`). */
function storageVersionHash(d: ResourceDefinition): string {
  const { group, version, kind } = d.storage?.definition ?? d
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64')
}

const statusVerbs = ['get', 'patch', 'update'] as const

/** Subresources of one definition: status and scale, and those served besides. */
function subresourcesOf(served: Served, d: ResourceDefinition): ServedSubresource[] {
  const { group, version, resource } = d
  const out: ServedSubresource[] = []
  if (d.subresources.status) out.push({ group, version, resource, name: 'status', kind: d, verbs: statusVerbs })
  if (d.subresources.scale) out.push({ group, version, resource, name: 'scale', kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: statusVerbs })
  out.push(...served.subresources.filter((s) => s.group === group && s.version === version && s.resource === resource))
  return out.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** `GET /api/v1` and `GET /apis/<group>/<version>`; undefined for a version that is not served. */
export function apiResourceList(served: Served, group: string, version: string): (APIResourceList & { kind: string }) | undefined {
  const resources: APIResource[] = []
  for (const d of served.registry.all) {
    if (d.group !== group || d.version !== version) continue
    resources.push({
      name: d.resource, singularName: d.singular, namespaced: d.namespaced, kind: d.kind, verbs: [...(d.listedVerbs ?? d.verbs)],
      ...(d.shortNames.length ? { shortNames: [...d.shortNames] } : {}), ...(d.categories.length ? { categories: [...d.categories] } : {}), storageVersionHash: storageVersionHash(d),
    })
    for (const s of subresourcesOf(served, d)) {
      const foreign = s.kind.group !== group || s.kind.version !== version
      resources.push({
        name: `${d.resource}/${s.name}`, singularName: '', namespaced: d.namespaced, ...(foreign ? { group: s.kind.group, version: s.kind.version } : {}),
        kind: s.kind.kind, verbs: [...s.verbs],
      })
    }
  }
  for (const v of served.virtual ?? []) {
    if (v.group === group && v.version === version) resources.push({ name: v.resource, singularName: v.singular, namespaced: v.namespaced, kind: v.kind, verbs: [...v.verbs] })
  }
  if (resources.length === 0) return undefined
  resources.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { kind: 'APIResourceList', ...(group ? { apiVersion: 'v1' } : {}), groupVersion: apiVersionOf({ group, version }), resources }
}

/**
 * The aggregated document (`apidiscovery.k8s.io`) for `Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`.
 * `root`: the core group for `/api`, all others for `/apis`.
 */
export function aggregatedDiscovery(served: Served, root: 'api' | 'apis', version: 'v2' | 'v2beta1'): object {
  const wanted = groupVersions(served).filter((gv) => (gv.group === '') === (root === 'api'))
  const groups = [...new Set(wanted.map((gv) => gv.group))]
  return {
    kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {},
    items: groups.map((name) => ({
      metadata: { name, creationTimestamp: null },
      versions: wanted.filter((gv) => gv.group === name).map((gv) => {
        const remote = served.elsewhere?.all.find((e) => e.group === gv.group && e.version === gv.version)
        return { version: gv.version, resources: remote?.resources ?? discoveredResources(served, gv), freshness: remote?.freshness ?? 'Current' }
      }),
    })),
  }
}

const kindOf = ({ group, version, kind }: KindName): KindName => ({ group, version, kind })

function discoveredResources(served: Served, gv: { group: string; version: string }): object[] {
  const here = (r: { group: string; version: string }): boolean => r.group === gv.group && r.version === gv.version
  const stored = served.registry.all.filter(here).map((d) => {
    const subresources = subresourcesOf(served, d).map((s) => ({ subresource: s.name, responseKind: kindOf(s.kind), verbs: s.verbs }))
    return {
      resource: d.resource, responseKind: kindOf(d), scope: d.namespaced ? 'Namespaced' : 'Cluster', singularResource: d.singular, verbs: d.listedVerbs ?? d.verbs,
      ...(d.shortNames.length ? { shortNames: d.shortNames } : {}), ...(d.categories.length ? { categories: d.categories } : {}),
      ...(subresources.length ? { subresources } : {}),
    }
  })
  const virtual = (served.virtual ?? []).filter(here).map((v) => ({
    resource: v.resource, responseKind: kindOf(v), scope: v.namespaced ? 'Namespaced' : 'Cluster', singularResource: v.singular, verbs: v.verbs,
  }))
  return [...stored, ...virtual].sort((a, b) => (a.resource < b.resource ? -1 : 1))
}
