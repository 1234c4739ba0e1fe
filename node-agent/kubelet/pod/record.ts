/** What the kubelet remembers of one pod beyond what desired state and runtime say. Lost with the process, and then found anew. */
import type { PodStatus, ResourceRequirements } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { PodRef } from '../../link/link.ts'
import type { Image } from '../../runtime/runtime.ts'
import type { MountedVolume } from '../volumes/kind.ts'
import { firstAllocation } from '../resources/resize.ts'
import type { BackoffEntry } from './backoff.ts'
import type { PodPaths } from './paths.ts'
import type { ImageState, ProbeResults, SetupState } from './plan.ts'
import { allContainers, containerNamed, type StoredPod } from './pod-facts.ts'

export interface Trouble { readonly reason: string; readonly message: string }
/** Why a pod failed for good. `grace`: what its containers have to end, where it is not what the pod says. */
export interface Failure extends Trouble { readonly grace?: Millis | undefined; /** Ended for the node's sake, and by no fault of who made it: told by the condition DisruptionTarget, in these words. */ readonly disrupted?: string; /** The node never took the pod. */ readonly rejected?: boolean }

export interface PodRecord {
  readonly ref: PodRef
  readonly paths: PodPaths
  /** The newest object; stays the last one once the pod is no longer desired. Undefined for leftovers of a pod nobody knows. */
  pod: StoredPod | undefined
  desired: boolean
  /** This process has judged it. */
  admitted: boolean
  setup: SetupState
  setupFailures: number
  ips: readonly string[]
  released: 'no' | 'containers-kept' | 'all'
  volumesStale: boolean
  /** Monotonic; a token falls due. */
  volumesDueAt: Millis | undefined
  failed: Failure | undefined
  /** Since when, and with how much time, it ends; monotonic. A changed grace counts anew. */
  ending: { readonly since: Millis; readonly grace: Millis } | undefined
  /** Wall clock. */
  readonly startTime: Millis
  /** Monotonic. */
  readonly startedAt: Millis
  lastStatus: PodStatus | undefined
  /** Monotonic, of the first visit. */
  firstSeenAt: Millis | undefined
  seen: boolean
  readonly volumes: Map<string, MountedVolume>
  /** By container name. */
  readonly images: Map<string, ImageState>
  readonly pullBackoff: Map<string, BackoffEntry>
  /** What the pod was granted of cpu and memory, by container name. */
  allocation: Map<string, ResourceRequirements>
  /** What each running container has, by id. */
  readonly applied: Map<string, ResourceRequirements>
  /** A resize that the node has no room for. */
  resizePending: Trouble | undefined
  /** What the last try to apply one met, and when it may be tried again (monotonic). */
  resizeError: { readonly message: string; readonly retryAt: Millis } | undefined
  /** What a ready image state names. */
  readonly resolved: Map<string, Image>
  readonly backoff: Map<string, BackoffEntry>
  readonly startRetryAt: Map<string, Millis>
  readonly trouble: Map<string, Trouble>
  readonly firstAttempt: Map<string, number>
  /** By container id. */
  readonly stopping: Map<string, Millis>
  readonly postStart: Map<string, 'running' | 'failed'>
  /** Resolves when the hook is over, however. */
  readonly preStops: Map<string, Promise<void>>
  readonly endedAt: Map<string, Millis>
  readonly messages: Map<string, string>
  readonly probes: Map<string, ProbeResults>
  /** Ends what goes on in the background for this pod. */
  readonly abort: AbortController
}

export function createRecord(options: { ref: PodRef; paths: PodPaths; pod: StoredPod | undefined; startTime: Millis; startedAt: Millis }): PodRecord {
  return {
    ...options, desired: options.pod !== undefined, admitted: false, setup: { at: 'none' }, setupFailures: 0, ips: [], released: 'no', volumesStale: false, volumesDueAt: undefined, failed: undefined, ending: undefined,
    lastStatus: undefined, firstSeenAt: undefined, seen: false, volumes: new Map(), images: new Map(), pullBackoff: new Map(), resolved: new Map(), backoff: new Map(), startRetryAt: new Map(),
    trouble: new Map(), firstAttempt: new Map(), stopping: new Map(), postStart: new Map(), preStops: new Map(), allocation: options.pod ? firstAllocation(options.pod) : new Map(), applied: new Map(), resizePending: undefined, resizeError: undefined, endedAt: new Map(), messages: new Map(), probes: new Map(), abort: new AbortController(),
  }
}

/** What is known of an image that a container no longer names, and how long to wait for it, is nothing to the image it names now. One that is being pulled sees for itself. */
export function forgetImages(record: PodRecord, pod: StoredPod): void {
  for (const { name, image } of allContainers(pod)) {
    if (!record.pod || containerNamed(record.pod, name)?.image === image) continue
    if (record.images.get(name)?.at !== 'pulling') record.images.delete(name)
    record.pullBackoff.delete(name)
    record.startRetryAt.delete(name)
    record.trouble.delete(name)
  }
}
