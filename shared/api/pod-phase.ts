/** Questions about a pod's state, answered as upstream's `pkg/api/v1/pod` does. Pure. */
import type { Pod, PodCondition } from './core-v1.ts'

export const podCondition = (pod: Pod, type: string): PodCondition | undefined => pod.status?.conditions?.find((c) => c.type === type)

export const isPodReady = (pod: Pod): boolean => podCondition(pod, 'Ready')?.status === 'True'

/** Succeeded or Failed: its containers will not run again. */
export const isPodFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Not finished and not being deleted. */
export const isPodActive = (pod: Pod): boolean => !isPodFinished(pod) && !pod.metadata?.deletionTimestamp

/** Milliseconds until a ready pod counts as available; 0 if it does now; undefined if it is not ready. `now` is wall time. */
export function untilAvailable(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const ready = podCondition(pod, 'Ready')
  if (ready?.status !== 'True') return undefined
  if (minReadySeconds <= 0) return 0
  if (!ready.lastTransitionTime) return undefined
  return Math.max(0, Date.parse(ready.lastTransitionTime) + minReadySeconds * 1000 - now)
}

export const isPodAvailable = (pod: Pod, minReadySeconds: number, now: number): boolean => untilAvailable(pod, minReadySeconds, now) === 0
