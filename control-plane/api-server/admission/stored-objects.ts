/** How plugins look at other objects: straight at the store, which answers from memory. Objects are frozen and shared. */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { Store } from '../../store/store.ts'
import { objectKey, resourcePrefix } from '../keys.ts'
import type { ObjectCache } from '../watch/cache.ts'

export interface KindOf<T extends KubeObject> { readonly group: string; readonly resource: string; readonly namespaced: boolean; readonly object?: T }

export const kindOf = <T extends KubeObject>(group: string, resource: string, namespaced: boolean): KindOf<T> => ({ group, resource, namespaced })

export class StoredObjects {
  readonly #store: Store
  readonly #objects: ObjectCache

  constructor(store: Store, objects: ObjectCache) {
    this.#store = store
    this.#objects = objects
  }

  /** `namespace` is `''` for kinds of cluster scope. */
  get<T extends KubeObject>(kind: KindOf<T>, namespace: string, name: string): T | undefined {
    const entry = this.#store.get(objectKey(kind, namespace, name))
    return entry && this.#objects.object(entry) as T
  }

  /** Sorted by name. Costs a look-up where there are none. */
  list<T extends KubeObject>(kind: KindOf<T>, namespace = ''): T[] {
    return this.#store.list({ prefix: resourcePrefix(kind, namespace) }).entries.map((entry) => this.#objects.object(entry) as T)
  }

  count(kind: KindOf<KubeObject>, namespace = ''): number { return this.#store.count(resourcePrefix(kind, namespace)) }
}
