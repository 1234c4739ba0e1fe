/**
 * Keeps the status of quotas true: counts when a quota's spec changes, and when an object in its namespace goes or a pod ends. With no quota in
 * the cluster it follows quotas alone; with one it follows every key, and looks at no more of a change than its key.
 */
import type { Pod, ResourceQuota } from '../../../../shared/api/core-v1.ts'
import { isPodFinished } from '../../../../shared/api/pod-phase.ts'
import type { Clock } from '../../../../shared/base/host.ts'
import { equalJson } from '../../../../shared/values/json-value.ts'
import type { Change, Entry, Store } from '../../../store/store.ts'
import { CompactedError } from '../../../store/store.ts'
import { allPrefix, resourcePrefix } from '../../keys.ts'
import type { ObjectCache } from '../../watch/cache.ts'
import type { QuotaLedger } from './ledger.ts'
import { quotaKind } from './ledger.ts'

/** A status that somebody else wrote stands for this long, as it would until upstream's next full count. */
const DRIFT_MS = 60_000

const quotaPrefix = resourcePrefix(quotaKind)
const podPrefix = resourcePrefix({ group: '', resource: 'pods', namespaced: true })

interface Deps { readonly store: Store; readonly objects: ObjectCache; readonly ledger: QuotaLedger; readonly clock: Clock }

/** Runs until the signal aborts. */
export async function followQuotas(deps: Deps, signal: AbortSignal): Promise<void> {
  const { store } = deps
  while (!signal.aborted) {
    const wide = store.count(quotaPrefix) > 0
    const watcher = store.watch(wide ? allPrefix : quotaPrefix, store.revision)
    try {
      for (const { key } of store.list({ prefix: quotaPrefix }).entries) await deps.ledger.recount(key)
      for (;;) {
        await settle(deps, await watcher.next(signal), signal)
        if ((store.count(quotaPrefix) > 0) !== wide) break
      }
    } catch (e) {
      if (signal.aborted || (e as Error).name === 'AbortError') return
      if (!(e instanceof CompactedError)) throw e
    } finally {
      watcher.close()
    }
  }
}

async function settle({ store, objects, ledger, clock }: Deps, changes: readonly Change[], signal: AbortSignal): Promise<void> {
  const due = new Set<string>()
  for (const change of changes) {
    const { key } = change.entry
    if (key.startsWith(quotaPrefix)) {
      if (change.type === 'put') lookAtQuota(objects, change, { now: () => due.add(key), later: () => { recountLater({ ledger, clock }, key, signal) } })
    }
    if (change.type === 'delete' || (key.startsWith(podPrefix) && ended(objects, change.entry, change.previous))) {
      const namespace = namespaceIn(key)
      if (namespace !== undefined) for (const quota of store.list({ prefix: resourcePrefix(quotaKind, namespace) }).entries) due.add(quota.key)
    }
  }
  for (const key of due) await ledger.recount(key)
}

function lookAtQuota(objects: ObjectCache, { entry, previous }: Change, act: { now(): void; later(): void }): void {
  const quota = objects.object(entry) as ResourceQuota
  const before = previous && objects.object(previous) as ResourceQuota
  if (!before || !equalJson(before.spec, quota.spec)) act.now()
  else if (!equalJson(quota.status?.hard, quota.spec?.hard)) act.later()
}

/** The timer ends with the clock's process; after an abort it finds a closed store and does nothing. */
function recountLater({ ledger, clock }: Pick<Deps, 'ledger' | 'clock'>, key: string, signal: AbortSignal): void {
  const timer = clock.after(DRIFT_MS, () => {
    signal.removeEventListener('abort', cancel)
    // A store that fails here fails the next count too, which the loop reports.
    void Promise.allSettled([ledger.recount(key)])
  })
  const cancel = (): void => { timer[Symbol.dispose]() }
  signal.addEventListener('abort', cancel, { once: true })
}

const ended = (objects: ObjectCache, entry: Entry, previous: Entry | undefined): boolean =>
  previous !== undefined && isPodFinished(objects.object(entry) as Pod) && !isPodFinished(objects.object(previous) as Pod)

/** Of `/registry/<group>/<resource>/<namespace>/<name>`; undefined for what is not in a namespace. */
function namespaceIn(key: string): string | undefined {
  const parts = key.split('/')
  return parts.length === 6 ? parts[4] : undefined
}
