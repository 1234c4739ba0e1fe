/** Which pods nobody else will remove (upstream `pkg/controller/podgc`). Pure. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'

/** A node must be missing this long before its pods are given up: it may be registering anew. */
export const quarantine = 40_000

export const isTerminatingUnbound = (pod: Stored<Pod>): boolean => pod.metadata.deletionTimestamp !== undefined && !pod.spec?.nodeName

/** Finished pods above the threshold, oldest first. */
export function surplusFinished(finished: readonly Stored<Pod>[], threshold: number): Stored<Pod>[] {
  const surplus = finished.length - threshold
  if (threshold <= 0 || surplus <= 0) return []
  return [...finished].sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : a.metadata.creationTimestamp > b.metadata.creationTimestamp ? 1 : a.metadata.name < b.metadata.name ? -1 : 1)).slice(0, surplus)
}
