/** The claim of a generic ephemeral volume. Pure. Source: upstream `pkg/controller/volume/ephemeral`. */
import type { PersistentVolumeClaim, Pod, Volume } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'

export const claimName = (pod: Pod, volume: Volume): string => `${pod.metadata?.name}-${volume.name}`

/** Made for this pod, and goes with it. */
export const isOwnedBy = (claim: PersistentVolumeClaim, pod: Stored<Pod>): boolean => claim.metadata?.ownerReferences?.some((o) => o.controller && o.uid === pod.metadata.uid) ?? false

export function claimFor(pod: Stored<Pod>, volume: Volume): PersistentVolumeClaim & { metadata: { name: string } } {
  const { metadata, spec } = volume.ephemeral?.volumeClaimTemplate ?? {}
  return {
    metadata: {
      name: claimName(pod, volume), ...(pod.metadata.namespace === undefined ? {} : { namespace: pod.metadata.namespace }), ...(metadata?.labels ? { labels: metadata.labels } : {}), ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid, controller: true, blockOwnerDeletion: true }],
    },
    spec: spec ?? {},
  }
}
