/** Makes the claims of pods' generic ephemeral volumes; the garbage collector takes them away with the pod. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodFinished } from '../../../shared/api/pod-phase.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists, messageOf } from '../../../shared/base/errors.ts'
import { createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { claimFor, claimName, isOwnedBy } from './plan.ts'

export function createEphemeralVolumeController(deps: ControllerDeps): Controller {
  const { client, recorder } = deps
  const pods = deps.informers.for(refs.Pod)
  const claims = deps.informers.for(refs.PersistentVolumeClaim)
  const wanting = (pod: Stored<Pod>): boolean => !pod.metadata.deletionTimestamp && !isPodFinished(pod) && (pod.spec?.volumes ?? []).some((v) => v.ephemeral)

  const reconcile = async (key: string): Promise<void> => {
    const { namespace, name } = splitKey(key)
    const pod = pods.get(namespace, name)
    if (!pod || !wanting(pod)) return
    for (const volume of pod.spec?.volumes ?? []) {
      if (!volume.ephemeral) continue
      const there = claims.get(namespace, claimName(pod, volume))
      try {
        if (there && !isOwnedBy(there, pod)) throw new Error(`PVC ${keyOf(there)} was not created for pod ${keyOf(pod)} (pod is not owner)`)
        if (!there) await client.create(refs.PersistentVolumeClaim, claimFor(pod, volume) as never)
      } catch (e) {
        // Made a moment ago, by us: the informer will say so.
        if (isAlreadyExists(e)) continue
        recorder.event(refs.Pod, pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${messageOf(e)}`)
        throw e
      }
    }
  }
  return createController({
    name: 'ephemeral-volume', deps, workers: 1, reads: [refs.Pod, refs.PersistentVolumeClaim], reconcile,
    watch(queue) {
      const seen = (pod: Stored<Pod>): void => { if (wanting(pod)) queue.add(keyOf(pod)) }
      return [
        pods.on({ add: seen, update: (p, old) => { if (wanting(p) && p.metadata.uid !== old.metadata.uid) seen(p) } }),
        claims.on({ delete: (c) => { const owner = c.metadata.ownerReferences?.find((o) => o.kind === 'Pod'); if (owner) queue.add(`${c.metadata.namespace}/${owner.name}`) } }),
      ]
    },
  })
}
