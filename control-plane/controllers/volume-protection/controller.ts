/**
 * Lets claims and volumes go once nothing uses them (upstream `pkg/controller/volume/{pvcprotection,pvprotection}`): takes off the finalizer that
 * admission put on.
 */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { isPodFinished } from '../../../shared/api/pod-phase.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound } from '../../../shared/base/errors.ts'
import type { ResourceRef } from '../../../shared/api/object.ts'
import { createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'

type Protected = Stored<PersistentVolumeClaim> | Stored<PersistentVolume>
const claimFinalizer = 'kubernetes.io/pvc-protection'
const volumeFinalizer = 'kubernetes.io/pv-protection'

/** Claims the pod mounts, those made for its ephemeral volumes among them. */
const claimsOf = (pod: Pod): string[] => (pod.spec?.volumes ?? []).flatMap((v) => (v.persistentVolumeClaim ? [v.persistentVolumeClaim.claimName] : v.ephemeral ? [`${pod.metadata?.name}-${v.name}`] : []))
const uses = (pod: Pod, claim: string): boolean => Boolean(pod.spec?.nodeName) && !isPodFinished(pod) && claimsOf(pod).includes(claim)
const awaits = (object: Protected, finalizer: string): boolean => Boolean(object.metadata.deletionTimestamp && object.metadata.finalizers?.includes(finalizer))

export function createVolumeProtectionController(deps: ControllerDeps): Controller {
  const { client } = deps
  const claims = deps.informers.for(refs.PersistentVolumeClaim)
  const volumes = deps.informers.for(refs.PersistentVolume)
  const pods = deps.informers.for(refs.Pod)

  const letGo = async <T extends Protected>(ref: ResourceRef<T>, object: T, finalizer: string): Promise<void> => {
    const finalizers = object.metadata.finalizers?.filter((f) => f !== finalizer) ?? []
    try { await client.update(ref, { ...object, metadata: { ...object.metadata, finalizers } }) } catch (e) { if (!isNotFound(e)) throw e }
  }
  const reconcile = async (key: string): Promise<void> => {
    const { namespace, name } = splitKey(key)
    if (namespace === undefined) {
      const volume = volumes.get(undefined, name)
      if (volume && awaits(volume, volumeFinalizer) && volume.status?.phase !== 'Bound') await letGo(refs.PersistentVolume as ResourceRef<typeof volume>, volume, volumeFinalizer)
      return
    }
    const claim = claims.get(namespace, name)
    if (!claim || !awaits(claim, claimFinalizer) || pods.list(namespace).some((p) => uses(p, name))) return
    // The copy of pods may lag: what holds a claim is asked of the store before the claim goes.
    if ((await client.list(refs.Pod, { namespace })).items.some((p) => uses(p, name))) return
    await letGo(refs.PersistentVolumeClaim as ResourceRef<typeof claim>, claim, claimFinalizer)
  }

  return createController({
    name: 'volume-protection', deps, workers: 1, reads: [refs.PersistentVolumeClaim, refs.PersistentVolume, refs.Pod], reconcile,
    watch(queue) {
      const claim = (c: Stored<PersistentVolumeClaim>): void => { if (awaits(c, claimFinalizer)) queue.add(keyOf(c)) }
      const volume = (v: Stored<PersistentVolume>): void => { if (awaits(v, volumeFinalizer)) queue.add(keyOf(v)) }
      const pod = (p: Stored<Pod>): void => { for (const name of claimsOf(p)) queue.add(`${p.metadata.namespace}/${name}`) }
      return [
        claims.on({ add: claim, update: claim }), volumes.on({ add: volume, update: volume }),
        pods.on({ update: (p) => { if (isPodFinished(p)) pod(p) }, delete: pod }),
      ]
    },
  })
}
