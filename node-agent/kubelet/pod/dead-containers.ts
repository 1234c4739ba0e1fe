/** Containers that have ended and were followed by another: kept for `kubectl logs --previous` until the disk is short. */
import type { Log } from '../../../shared/base/host.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Container, Runtime } from '../../runtime/runtime.ts'

/** Pure. The newest of each name stays: it tells how the pod stands. */
export const followed = (containers: readonly Container[]): Container[] =>
  containers.filter((c) => c.state === 'exited' && containers.some((o) => o.podUid === c.podUid && o.name === c.name && o.attempt > c.attempt))

/** Removes them; how many. */
export async function removeFollowed(containers: readonly Container[], deps: { readonly runtime: Pick<Runtime, 'removeContainer'>; readonly log: Log; dropped(id: string): void }): Promise<number> {
  let removed = 0
  for (const { id, name, podUid } of followed(containers)) {
    try {
      await deps.runtime.removeContainer(id)
      deps.dropped(id)
      removed++
    } catch (e) { deps.log.warn('a container that has ended cannot be removed', { pod: podUid, container: name, error: messageOf(e) }) }
  }
  return removed
}
