/** The one place that knows how objects are named in the store. */
import type { KubeObject } from '../../shared/api/object.ts'

interface Kind { readonly group: string; readonly resource: string; readonly namespaced: boolean; readonly storage?: { readonly definition: Kind } }

const ROOT = '/registry/'

/** Everything that is an object. */
export const allPrefix = ROOT

/** Everything of a group: `/registry/rbac.authorization.k8s.io/`. */
export const groupPrefix = (group: string): string => `${ROOT}${group || 'core'}/`

/** All objects of a resource, or those of one namespace. Ends in a slash, so that `a` is no prefix of `ab`. */
export function resourcePrefix(of: Kind, namespace?: string): string {
  const kind = of.storage?.definition ?? of
  const all = `${groupPrefix(kind.group)}${kind.resource}/`
  return kind.namespaced && namespace ? `${all}${namespace}/` : all
}

/** `/registry/core/pods/default/web`, `/registry/core/nodes/pi-1`. */
export const objectKey = (kind: Kind, namespace: string, name: string): string => resourcePrefix(kind, kind.namespaced ? namespace : undefined) + name

export const keyOf = (kind: Kind, object: KubeObject): string => objectKey(kind, object.metadata?.namespace ?? '', object.metadata?.name ?? '')

/** Reservations of addresses and ports: created with "must not exist", so that each is given out once whoever asks. */
export const allocationPrefix = (pool: 'cluster-ips' | 'node-ports'): string => `/allocations/${pool}/`
