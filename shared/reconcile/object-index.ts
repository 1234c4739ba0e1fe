/** The map behind an informer: objects by namespace and name, and by computed values. Objects are frozen as they enter. */
import type { KubeObject, Stored } from '../api/object.ts'
import { freezeJson } from '../values/json-value.ts'

/** The values under which an object is found; no side effects, and the same answer for the same object each time. */
export type Indexer<T extends KubeObject> = (object: Stored<T>) => readonly string[]

interface Index<T extends KubeObject> { readonly indexer: Indexer<T>; readonly values: Map<string, Map<string, Stored<T>>> }

export interface ObjectIndex<T extends KubeObject> {
  get(namespace: string | undefined, name: string): Stored<T> | undefined
  list(namespace?: string): Stored<T>[]
  byIndex(name: string, value: string): Stored<T>[]
  addIndexer(name: string, indexer: Indexer<T>): void
  /** Stores the object; returns what was there under its name. */
  put(object: Stored<T>): Stored<T> | undefined
  /** Removes what is there under the object's name; returns whether there was something. */
  remove(object: Stored<T>): boolean
  /** Objects held that `items` does not name. Nothing is changed. */
  replaceAll(items: readonly Stored<T>[]): Stored<T>[]
}

const keyOf = (object: Stored<KubeObject>): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`

export function createObjectIndex<T extends KubeObject>(indexers: Readonly<Record<string, Indexer<T>>> = {}): ObjectIndex<T> {
  const byNamespace = new Map<string, Map<string, Stored<T>>>()
  const indexes = new Map<string, Index<T>>(Object.entries(indexers).map(([name, indexer]) => [name, { indexer, values: new Map() }]))

  const enter = (index: Index<T>, object: Stored<T>): void => {
    for (const value of index.indexer(object)) {
      let found = index.values.get(value)
      if (!found) index.values.set(value, found = new Map())
      found.set(keyOf(object), object)
    }
  }
  const leave = (index: Index<T>, object: Stored<T>): void => {
    for (const value of index.indexer(object)) {
      const found = index.values.get(value)
      found?.delete(keyOf(object))
      if (found?.size === 0) index.values.delete(value)
    }
  }
  const get = (namespace: string | undefined, name: string): Stored<T> | undefined => byNamespace.get(namespace ?? '')?.get(name)
  const all = (): Stored<T>[] => {
    const out: Stored<T>[] = []
    for (const objects of byNamespace.values()) out.push(...objects.values())
    return out
  }

  return {
    get,
    list: (namespace) => (namespace === undefined ? all() : [...byNamespace.get(namespace)?.values() ?? []]),
    byIndex(name, value) {
      const index = indexes.get(name)
      if (!index) throw new Error(`no indexer named ${name}`)
      return [...index.values.get(value)?.values() ?? []]
    },
    addIndexer(name, indexer) {
      const known = indexes.get(name)
      if (known) {
        if (known.indexer !== indexer) throw new Error(`indexer ${name} exists and differs`)
        return
      }
      const index: Index<T> = { indexer, values: new Map() }
      for (const object of all()) enter(index, object)
      indexes.set(name, index)
    },
    put(object) {
      freezeJson(object)
      const namespace = object.metadata.namespace ?? ''
      let objects = byNamespace.get(namespace)
      if (!objects) byNamespace.set(namespace, objects = new Map())
      const old = objects.get(object.metadata.name)
      for (const index of indexes.values()) {
        if (old) leave(index, old)
        enter(index, object)
      }
      objects.set(object.metadata.name, object)
      return old
    },
    remove(object) {
      const namespace = object.metadata.namespace ?? ''
      const objects = byNamespace.get(namespace)
      const old = objects?.get(object.metadata.name)
      if (!objects || !old) return false
      for (const index of indexes.values()) leave(index, old)
      objects.delete(object.metadata.name)
      if (objects.size === 0) byNamespace.delete(namespace)
      return true
    },
    replaceAll(items) {
      const named = new Set(items.map(keyOf))
      return all().filter((object) => !named.has(keyOf(object)))
    },
  }
}
