/**
 * What is told of a container that the runtime knows nothing of, though something was told before; and of what is told, how long it may be. Pure.
 * Source: upstream `convertToAPIContainerStatuses` in `pkg/kubelet/kubelet_pods.go`, `TerminatePod` and `normalizeStatus` in `status/status_manager.go`.
 */
import type { ContainerState, ContainerStatus, Pod } from '../../../shared/api/core-v1.ts'
import { cutHead } from './utf8.ts'

const lost = (message: string): ContainerState => ({ terminated: { exitCode: 137, reason: 'ContainerStatusUnknown', message } })

/**
 * `fresh` is what is told of a container that was never there. `waits`: there is a reason why it does not run. An end that was told stays told; a container that was
 * running has ended some way, and its next try is one more, but for a pod that is deleted.
 */
export function lostStatus(fresh: ContainerStatus, before: ContainerStatus | undefined, now: { readonly waits: boolean; readonly isDeleted: boolean }): ContainerStatus {
  if (!before) return fresh
  const { restartCount } = before
  if (before.state?.terminated) return now.waits ? { ...fresh, restartCount, lastState: before.state } : before
  const kept = before.lastState?.terminated ? { lastState: before.lastState } : {}
  if (!before.state?.running || before.lastState?.terminated) return { ...fresh, restartCount, ...kept }
  return { ...fresh, restartCount: restartCount + (now.isDeleted ? 0 : 1), lastState: lost('The container could not be located when the pod was deleted.  The container used to be Running') }
}

/** Of a pod that is over: a container of which no end was seen has failed, whatever became of it. */
export const terminatedUnseen = (status: ContainerStatus): ContainerStatus =>
  (status.state?.terminated ? status : { ...status, ready: false, started: false, state: lost('The container could not be located when the pod was terminated') })

/** Whether a pod has come as far as its main containers: those of one that has not still wait when it is over. */
export function hasInitialized(init: readonly ContainerStatus[], main: readonly ContainerStatus[], isSidecar: (i: number) => boolean): boolean {
  if (init.length === 0 || main.some((s) => s.lastState?.terminated || !s.state?.waiting)) return true
  const last = init.at(-1)!
  if (isSidecar(init.length - 1)) return last.state?.running !== undefined && last.started === true
  return (last.state?.terminated ?? last.lastState?.terminated)?.exitCode === 0
}

/** How many of the init containers have been tried: all up to the last that was, and the first in any case. */
export const triedInits = (init: readonly ContainerStatus[]): number => Math.max(1, init.findLastIndex((s) => !s.state?.waiting || s.lastState?.terminated) + 1)

/** Bytes that the last words of all containers of a pod may take together. */
const maxWords = 12 << 10

/** The status with each container's last words cut to its part of what the pod may say. */
export function shortened(pod: Pod, status: ContainerStatus): ContainerStatus {
  const { spec } = pod
  const share = Math.floor(maxWords / Math.max(1, (spec?.containers.length ?? 0) + (spec?.initContainers?.length ?? 0) + (spec?.ephemeralContainers?.length ?? 0)))
  const cut = (state: ContainerState | undefined): ContainerState | undefined =>
    (state?.terminated?.message === undefined ? state : { ...state, terminated: { ...state.terminated, message: cutHead(state.terminated.message, share) } })
  const [state, lastState] = [cut(status.state), cut(status.lastState)]
  return { ...status, ...(state ? { state } : {}), ...(lastState ? { lastState } : {}) }
}
