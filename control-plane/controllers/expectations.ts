/**
 * What a controller has done and its informer has not shown yet (upstream `controller_utils.go`). Without it a loop that creates five pods
 * and is woken by the first would see one pod and create four more. Kept in memory only: after a restart the first list shows everything.
 */
import type { Millis } from '../../shared/base/brands.ts'
import type { Clock } from '../../shared/base/host.ts'

/** An expectation that was not met for this long was missed: the world is looked at as it is. */
export const expectationTimeout: Millis = 300_000

export interface Expectations {
  /** True where nothing is awaited for the key any more. */
  satisfied(key: string): boolean
  expectCreations(key: string, count: number): void
  expectDeletions(key: string, uids: readonly string[]): void
  /** Both at once, for controllers that create and delete in one go. */
  expect(key: string, creations: number, deletions: readonly string[]): void
  creationObserved(key: string): void
  deletionObserved(key: string, uid: string): void
  forget(key: string): void
}

export function createExpectations(clock: Pick<Clock, 'monotonic'>): Expectations {
  const awaited = new Map<string, { creations: number; deletions: Set<string>; since: Millis }>()
  return {
    satisfied(key) {
      const e = awaited.get(key)
      if (!e) return true
      if (e.creations > 0 || e.deletions.size > 0) {
        if (clock.monotonic() - e.since < expectationTimeout) return false
      }
      awaited.delete(key)
      return true
    },
    expectCreations: (key, count) => { awaited.set(key, { creations: count, deletions: new Set(), since: clock.monotonic() }) },
    expectDeletions: (key, uids) => { awaited.set(key, { creations: 0, deletions: new Set(uids), since: clock.monotonic() }) },
    expect: (key, creations, deletions) => { awaited.set(key, { creations, deletions: new Set(deletions), since: clock.monotonic() }) },
    creationObserved(key) {
      const e = awaited.get(key)
      if (e) e.creations--
    },
    deletionObserved(key, uid) { awaited.get(key)?.deletions.delete(uid) },
    forget: (key) => { awaited.delete(key) },
  }
}
