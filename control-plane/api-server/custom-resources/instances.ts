/** Empties a custom resource whose definition is deleted. */
import type { CustomResourceDefinition } from '../../../shared/api/apiextensions-v1.ts'
import type { KubeObject, ResourceRef } from '../../../shared/api/object.ts'
import { isNotFound } from '../../../shared/base/errors.ts'
import type { ApiClient } from '../../../shared/client/api-client.ts'
import type { Store } from '../../store/store.ts'
import { CompactedError } from '../../store/store.ts'
import { resourcePrefix } from '../keys.ts'
import type { ObjectCache } from '../watch/cache.ts'
import type { Registry } from '../resources/registry.ts'

interface Emptying { readonly store: Store; readonly objects: ObjectCache; readonly client: ApiClient; readonly registry: Registry; readonly crd: CustomResourceDefinition }

/** Deletes every instance and resolves when the last is gone; those with finalizers are waited for. Rejects when the signal aborts. */
export async function removeInstances({ store, objects, client, registry, crd }: Emptying, signal: AbortSignal): Promise<void> {
  const { group, names, scope } = crd.spec
  const kind = { group, resource: names.plural, namespaced: scope === 'Namespaced' }
  const prefix = resourcePrefix(kind)
  const served = registry.all.find((d) => d.group === group && d.resource === names.plural)
  // Nothing is served any more: what is stored is beyond anybody's reach and goes without ceremony.
  if (!served) return dropAll(store, prefix)
  const ref: ResourceRef = { ...kind, version: served.version, kind: served.kind }
  while (store.count(prefix) > 0) {
    const watcher = store.watch(prefix, store.revision)
    try {
      for (const entry of store.list({ prefix }).entries) {
        const { metadata }: KubeObject = objects.object(entry)
        if (!metadata?.name || metadata.deletionTimestamp) continue
        try {
          await client.delete(ref, { name: metadata.name, ...(metadata.namespace ? { namespace: metadata.namespace } : {}) }, { propagationPolicy: 'Background' })
        } catch (e) {
          if (!isNotFound(e)) throw e
        }
      }
      if (store.count(prefix) > 0) await watcher.next(signal)
    } catch (e) {
      if (!(e instanceof CompactedError)) throw e
    } finally {
      watcher.close()
    }
  }
}

async function dropAll(store: Store, prefix: string): Promise<void> {
  for (const { key, modRevision } of store.list({ prefix }).entries) await store.write({ type: 'delete', key, expect: modRevision, durability: 'durable' })
}
