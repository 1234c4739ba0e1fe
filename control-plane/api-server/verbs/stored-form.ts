/**
 * Between objects and stored bytes. A stored value is the answer to a GET: JSON with `kind` and `apiVersion` first and the resourceVersion
 * inside, so that reading is sending bytes, and a list is bytes joined.
 */
import type { KubeObject, Stored } from '../../../shared/api/object.ts'
import { apiVersionOf } from '../../../shared/api/object.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { ObjectCache } from '../watch/cache.ts'

/** The first bytes of every stored object of a resource; in a list upstream leaves them out. */
export const typePrefix = (definition: ResourceDefinition): string =>
  `{"kind":${JSON.stringify(definition.kind)},"apiVersion":${JSON.stringify(apiVersionOf(definition))},`

/** A shallow copy with kind, apiVersion and metadata in front, `managedFields` last in that; `selfLink` is not kept. */
export function inStoredOrder(definition: ResourceDefinition, object: KubeObject): KubeObject {
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = object
  const { managedFields, selfLink: _self, ...meta } = metadata ?? {}
  return { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata: managedFields ? { ...meta, managedFields } : meta, ...rest }
}

/** For the store to call with the revision it gives: writes it into the object and gives its bytes. The object goes to the cache, the caller gives it up. */
export const storedAs = (objects: ObjectCache, object: KubeObject) => (revision: Revision): Buffer => {
  if (object.metadata) object.metadata.resourceVersion = String(revision)
  const value = Buffer.from(JSON.stringify(object))
  objects.adopt(value, object)
  return value
}

/** What a write gives back. `bytes` is what was stored; absent for a dry run. */
export interface Written { readonly object: Stored<KubeObject>; readonly bytes?: Buffer; readonly created: boolean }
