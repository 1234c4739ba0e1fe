/** What a change is to one watcher, by what its selectors chose before and choose now (`k8s.io/apiserver/pkg/storage/cacher`). Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import type { Change, Entry } from '../../store/store.ts'

export interface WatchItem {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** The state shown. */
  readonly entry: Entry
  /** The resourceVersion shown, where it is not the one inside the entry: deletions. */
  readonly at?: Revision
}

export interface Chooser { matches(object: KubeObject): boolean; object(entry: Entry): KubeObject }

/** Undefined: nothing for this watcher. `choose` undefined: it watches everything. */
export function itemOf(change: Change, choose: Chooser | undefined): WatchItem | undefined {
  const { type, entry, previous } = change
  const at = entry.modRevision
  const chosen = (e: Entry | undefined): boolean => e !== undefined && (choose?.matches(choose.object(e)) ?? true)
  // The entry of a deletion is the last state: what mattered to the watcher before.
  if (type === 'delete') return chosen(previous ?? entry) ? { type: 'DELETED', entry, at } : undefined
  const before = chosen(previous)
  if (chosen(entry)) return { type: before ? 'MODIFIED' : 'ADDED', entry }
  return before && previous ? { type: 'DELETED', entry: previous, at } : undefined
}
