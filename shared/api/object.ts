/** What every API object has, and how a resource is named. */
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

/** Any API object as it stands in JSON. Objects handed out by a cache are frozen: copy before changing. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
}

/** An object that was stored: name, uid and resourceVersion are there. */
export type Stored<T extends KubeObject> = T & { metadata: ObjectMeta & { name: string; uid: string; resourceVersion: string; creationTimestamp: string } }

export interface KubeList<T extends KubeObject> {
  apiVersion?: string
  kind?: string
  metadata: ListMeta
  items: Stored<T>[]
}

/** A served resource and the type of its objects (phantom: `T` is never a value). */
export interface ResourceRef<T extends KubeObject = KubeObject> {
  /** `''` for the core group. */
  readonly group: string
  readonly version: string
  /** Plural, lower case: `pods`. */
  readonly resource: string
  readonly kind: string
  readonly namespaced: boolean
  readonly object?: T
}

/** `v1` or `apps/v1`. */
export const apiVersionOf = (ref: { group: string; version: string }): string => (ref.group ? `${ref.group}/${ref.version}` : ref.version)

/** An owner reference that marks `owner` as the controller of the object that carries it. */
export function controllerRef(owner: Stored<KubeObject>, kind: { apiVersion: string; kind: string }) {
  return { ...kind, name: owner.metadata.name, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true }
}
