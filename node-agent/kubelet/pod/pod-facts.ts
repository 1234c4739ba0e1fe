/** Small facts of a pod that many parts need. Pure. */
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { PodRef } from '../../link/link.ts'
import { isSidecar } from '../resources/qos.ts'

export type StoredPod = Stored<Pod>

export const refOf = (pod: StoredPod): PodRef => ({ namespace: pod.metadata.namespace ?? 'default', name: pod.metadata.name, uid: pod.metadata.uid })
/** As upstream's `format.Pod`: `name_namespace(uid)`. */
export const formatPod = (ref: PodRef): string => `${ref.name}_${ref.namespace}(${ref.uid})`

export const initContainers = (pod: Pod): readonly Container[] => pod.spec?.initContainers ?? []
export const mainContainers = (pod: Pod): readonly Container[] => pod.spec?.containers ?? []
/** They have every field of a container that matters here; `targetContainerName` besides. */
export const ephemeralContainers = (pod: Pod): readonly Container[] => (pod.spec?.ephemeralContainers ?? []) as readonly Container[]
export const allContainers = (pod: Pod): readonly Container[] => [...initContainers(pod), ...mainContainers(pod), ...ephemeralContainers(pod)]
export const containerNamed = (pod: Pod, name: string): Container | undefined => allContainers(pod).find((c) => c.name === name)

/** Whether a container that ended with `exitCode` is started again. */
export function restarts(pod: Pod, container: Container, exitCode: number): boolean {
  if (isSidecar(container)) return true
  const policy = pod.spec?.restartPolicy ?? 'Always'
  // An init container that succeeded is done, whatever the policy.
  if (initContainers(pod).includes(container)) return exitCode !== 0 && policy !== 'Never'
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
}

const plainName = (image: string): string => image.replace(/^docker\.io\/(library\/)?/, '').replace(/:latest$/, '')

/** Whether a container was made of another image than its pod names now: the one thing of a container that may be changed. Of init containers, only sidecars follow. */
export const isChanged = (pod: Pod, def: Container, made: { readonly image: string }): boolean =>
  def.image !== undefined && plainName(def.image) !== plainName(made.image) && (isSidecar(def) || mainContainers(pod).includes(def))

/** Upstream's `scheduling.SystemCriticalPriority`. */
export const systemCriticalPriority = 2_000_000_000

/** From a manifest on the node. The annotation alone proves nothing, anybody may write it: what comes from the API server has a version. */
export const isStatic = (pod: Pod): boolean => pod.metadata?.annotations?.['kubernetes.io/config.source'] === 'file' && !pod.metadata.resourceVersion

/** Time between SIGTERM and SIGKILL. */
export const gracePeriod = (pod: Pod): Millis =>
  1000 * (pod.metadata?.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30)

/**
 * Of a pod that is desired no more: it was deleted by force, and has what upstream leaves such a one (`minimumGracePeriodInSeconds`), however long an earlier deletion would
 * have waited. A static pod is removed with its manifest, and in its own time.
 */
export const graceOfRemoved = (pod: Pod): Millis =>
  (isStatic(pod) ? gracePeriod(pod) : Math.min(2000, gracePeriod(pod)))

/** `spec.containers{web}`: the field path of an Event about one container. */
export function fieldPathOf(pod: Pod, name: string): string {
  if (pod.spec?.ephemeralContainers?.some((c) => c.name === name)) return `spec.ephemeralContainers{${name}}`
  return initContainers(pod).some((c) => c.name === name) ? `spec.initContainers{${name}}` : `spec.containers{${name}}`
}
