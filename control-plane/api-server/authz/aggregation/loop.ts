/** Keeps aggregated cluster roles the sum of the roles they select, from the store's changes. */
import type { ClusterRole } from '../../../../shared/api/rbac-v1.ts'
import type { Stored } from '../../../../shared/api/object.ts'
import { refs } from '../../../../shared/api/refs.ts'
import { isConflict, isNotFound, messageOf } from '../../../../shared/base/errors.ts'
import type { Log } from '../../../../shared/base/host.ts'
import type { ApiClient } from '../../../../shared/client/api-client.ts'
import type { Store, Watcher } from '../../../store/store.ts'
import { CompactedError } from '../../../store/store.ts'
import { resourcePrefix } from '../../keys.ts'
import type { ObjectCache } from '../../watch/cache.ts'
import { planAggregation } from './plan.ts'

interface Deps {
  readonly store: Store
  readonly objects: ObjectCache
  /** Acts as a superuser. */
  readonly client: ApiClient
  readonly log: Log
}

const PREFIX = resourcePrefix({ group: 'rbac.authorization.k8s.io', resource: 'clusterroles', namespaced: false })

/** Runs until the signal aborts. A role that cannot be written is logged and tried again with the next change of any role. */
export async function followAggregatedRoles(deps: Deps, signal: AbortSignal): Promise<void> {
  const { store } = deps
  while (!signal.aborted) {
    const watcher = store.watch(PREFIX, store.revision)
    try {
      await settle(deps)
      await follow(deps, watcher, signal)
    } catch (e) {
      if (signal.aborted || (e as Error).name === 'AbortError') return
      if (!(e instanceof CompactedError)) throw e
    } finally {
      watcher.close()
    }
  }
}

async function follow(deps: Deps, watcher: Watcher, signal: AbortSignal): Promise<void> {
  for (;;) {
    await watcher.next(signal)
    await settle(deps)
  }
}

async function settle({ store, objects, client, log }: Deps): Promise<void> {
  const roles = store.list({ prefix: PREFIX }).entries.map((e) => objects.object(e) as Stored<ClusterRole>)
  for (const role of planAggregation(roles)) {
    try {
      await client.update(refs.ClusterRole, role)
    } catch (e) {
      // Changed or deleted meanwhile: that change is on its way here.
      if (!isConflict(e) && !isNotFound(e)) log.error('aggregated role not written', { role: role.metadata.name, error: messageOf(e) })
    }
  }
}
