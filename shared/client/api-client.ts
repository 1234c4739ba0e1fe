/**
 * The Kubernetes API as our own code sees it. Two implementations: over HTTPS (CLI, agent, tests) and in process (controllers,
 * scheduler, gateway: the same request path without socket and encoding). A caller cannot tell them apart.
 *
 * Errors: every method rejects with a {@link StatusError}; a connection failure is `ServiceUnavailable`.
 * Ownership: objects returned by `list` and `watch` may be shared and frozen; copy before changing. Arguments are not kept or changed.
 */
import type { KubeList, KubeObject, ResourceRef, Stored } from '../api/object.ts'

export interface ObjectKey { namespace?: string | undefined; name: string }

export interface ListOptions {
  namespace?: string | undefined
  labelSelector?: string
  fieldSelector?: string
  limit?: number
  continue?: string
  resourceVersion?: string
}

export interface WatchOptions {
  namespace?: string | undefined
  labelSelector?: string
  fieldSelector?: string
  /** Events after this revision; from a list's `metadata.resourceVersion`. */
  resourceVersion: string
  /** BOOKMARK events now and then, so that a resumed watch starts late in history. */
  allowWatchBookmarks?: boolean
}

export type WatchEvent<T extends KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Stored<T> }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } }

export type PatchType = 'application/json-patch+json' | 'application/merge-patch+json' | 'application/strategic-merge-patch+json' | 'application/apply-patch+yaml'

export interface WriteOptions {
  dryRun?: boolean
  /** The name under which the changed fields are owned; the client's own unless given. An apply over HTTPS needs one. */
  fieldManager?: string
  /** Of an apply: takes over fields that others own. */
  force?: boolean
}

export interface DeleteOptions {
  gracePeriodSeconds?: number
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  preconditions?: { uid?: string; resourceVersion?: string }
}

export interface ApiClient {
  /** `subresource`: `scale`, whose answer is an `autoscaling/v1` Scale whatever the kind. */
  get<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, options?: { readonly subresource?: 'scale' }): Promise<Stored<T>>
  list<T extends KubeObject>(ref: ResourceRef<T>, options?: ListOptions): Promise<KubeList<T>>
  /**
   * Changes after `resourceVersion`, in order, without gap or duplicate, until `signal` aborts (the iteration then ends) or the
   * server ends the watch (it ends too: watch again from the last revision seen). Throws `Expired` where that revision is compacted.
   */
  watch<T extends KubeObject>(ref: ResourceRef<T>, options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>>
  create<T extends KubeObject>(ref: ResourceRef<T>, object: T & { metadata: { namespace?: string } }, options?: WriteOptions): Promise<Stored<T>>
  /** Compare-and-swap where the object carries a resourceVersion: `Conflict` if it is not the stored one. */
  update<T extends KubeObject>(ref: ResourceRef<T>, object: T, options?: WriteOptions & { subresource?: string }): Promise<Stored<T>>
  patch<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, type: PatchType, body: unknown, options?: WriteOptions & { subresource?: string }): Promise<Stored<T>>
  delete<T extends KubeObject>(ref: ResourceRef<T>, key: ObjectKey, options?: DeleteOptions): Promise<void>
  /** POST to a subresource (`binding`, `token`, `eviction`); the answer is that subresource's object. */
  post<T extends KubeObject, R = KubeObject>(ref: ResourceRef<T>, key: ObjectKey, subresource: string, body: unknown): Promise<R>
}
