/** Binds claims to persistent volumes, and says in which phase both are. What is half bound after a crash is finished from either side. */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import type { StorageClass } from '../../../shared/api/storage-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { classOfClaim, isClaimedBy, volumeAnnotations } from '../../../shared/values/volume-match.ts'
import { createController, keyOf, queueFor, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { planClaim, planVolume, type Told } from './plan.ts'

type Volume = Stored<PersistentVolume>
type Claim = Stored<PersistentVolumeClaim>

const defaultMarks = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']
/** Of several the youngest, then the first by name: as admission has it. */
function defaultClassOf(classes: readonly Stored<StorageClass>[]): string | undefined {
  const marked = classes.filter((c) => defaultMarks.some((m) => c.metadata.annotations?.[m] === 'true'))
  return marked.sort((a, b) => b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp) || a.metadata.name.localeCompare(b.metadata.name))[0]?.metadata.name
}

const claimsOf = (pod: Pod): string[] => (pod.spec?.volumes ?? []).flatMap((v) => (v.persistentVolumeClaim ? [v.persistentVolumeClaim.claimName] : v.ephemeral ? [`${pod.metadata?.name}-${v.name}`] : []))

export function createPersistentVolumeController(deps: ControllerDeps): Controller {
  const { client, recorder } = deps
  const claims = deps.informers.for(refs.PersistentVolumeClaim)
  const volumes = deps.informers.for(refs.PersistentVolume)
  const classes = deps.informers.for(refs.StorageClass)
  const pods = deps.informers.for(refs.Pod)
  const queue = queueFor('persistent-volume-binder', deps)

  const tellClaim = (claim: Claim, told: Told | undefined): void => { if (told) recorder.event(refs.PersistentVolumeClaim, claim, told.type, told.reason, told.message) }
  const annotated = <T extends Volume | Claim>(object: T, more: Readonly<Record<string, string>>): T['metadata'] => ({ ...object.metadata, annotations: { ...object.metadata.annotations, ...more } })

  const claimStatus = async (claim: Claim, phase: 'Pending' | 'Lost' | 'Bound', volume?: Volume): Promise<Claim> => {
    const bound = volume ? { accessModes: volume.spec?.accessModes ?? [], capacity: { ...claim.status?.capacity, storage: claim.status?.capacity?.['storage'] ?? volume.spec?.capacity?.['storage'] ?? '0' } } : {}
    const status = { ...claim.status, phase, ...bound }
    if (phase !== 'Bound') { delete status.accessModes; delete status.capacity }
    return equalJson(status, claim.status) ? claim : client.update(refs.PersistentVolumeClaim, { ...claim, status }, { subresource: 'status' })
  }
  const volumeStatus = async (volume: Volume, status: NonNullable<PersistentVolume['status']>): Promise<Volume> =>
    (equalJson(status, volume.status) ? volume : client.update(refs.PersistentVolume, { ...volume, status }, { subresource: 'status' }))

  /** Volume first: what it names is what counts if we stop in between. */
  const bind = async (given: Volume, of: Claim): Promise<void> => {
    const { uid, name, namespace, resourceVersion } = of.metadata
    let volume = given
    if (volume.spec?.claimRef?.uid !== uid) {
      const own: Record<string, string> = isClaimedBy(volume, of) ? {} : { [volumeAnnotations.boundByController]: 'yes' }
      const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, uid, resourceVersion, ...(namespace === undefined ? {} : { namespace }) }
      volume = await client.update(refs.PersistentVolume, { ...volume, metadata: annotated(volume, own), spec: { ...volume.spec, claimRef } })
    }
    volume = await volumeStatus(volume, { ...volume.status, phase: 'Bound' })
    let claim = of
    if (claim.spec?.volumeName !== volume.metadata.name || claim.metadata.annotations?.[volumeAnnotations.bindCompleted] === undefined) {
      const own: Record<string, string> = claim.spec?.volumeName ? {} : { [volumeAnnotations.boundByController]: 'yes' }
      claim = await client.update(refs.PersistentVolumeClaim, { ...claim, metadata: annotated(claim, { ...own, [volumeAnnotations.bindCompleted]: 'yes' }), spec: { ...claim.spec, volumeName: volume.metadata.name } })
    }
    await claimStatus(claim, 'Bound', volume)
  }

  const syncClaim = async (claim: Claim): Promise<void> => {
    const { namespace, name } = claim.metadata
    const storageClass = classes.get(undefined, classOfClaim(claim))
    const waitingPod = pods.list(namespace).find((p) => !p.spec?.nodeName && claimsOf(p).includes(name))?.metadata.name
    const step = planClaim(claim, { volumes: volumes.list(), named: claim.spec?.volumeName ? volumes.get(undefined, claim.spec.volumeName) : undefined, storageClass, defaultClass: defaultClassOf(classes.list()), waitingPod })
    if (step.do === 'bind') return bind(step.volume, claim)
    if (step.do === 'class') {
      // Seen again with its class.
      await client.update(refs.PersistentVolumeClaim, { ...claim, spec: { ...claim.spec, storageClassName: step.name } })
      return
    }
    if (step.do === 'lost') {
      if (claim.status?.phase !== 'Lost') tellClaim(claim, step.tell)
      await claimStatus(claim, 'Lost')
      return
    }
    let current = claim
    const { storageProvisioner, betaStorageProvisioner } = volumeAnnotations
    if (step.do === 'provision' && claim.metadata.annotations?.[storageProvisioner] !== step.provisioner) {
      current = await client.update(refs.PersistentVolumeClaim, { ...claim, metadata: annotated(claim, { [storageProvisioner]: step.provisioner, [betaStorageProvisioner]: step.provisioner }) })
    }
    tellClaim(current, step.tell)
    await claimStatus(current, 'Pending')
  }

  const syncVolume = async (volume: Volume): Promise<void> => {
    const { claimRef } = volume.spec ?? {}
    const found = claimRef && claims.get(claimRef.namespace, claimRef.name ?? '')
    let claim = found?.metadata.uid === claimRef?.uid ? found : undefined
    // The copy may lag behind a claim just made, and nothing is given up because of a lag.
    if (claimRef?.uid && !claim) claim = (await client.list(refs.PersistentVolumeClaim, { namespace: claimRef.namespace })).items.find((c) => c.metadata.uid === claimRef.uid)
    const step = planVolume(volume, claim)
    switch (step.do) {
      case 'nothing': break
      case 'claim': queue.add(`claim:${claimRef?.namespace}/${claimRef?.name}`); break
      case 'phase': {
        const { message: _, reason: __, ...status } = volume.status ?? {}
        const told = await volumeStatus(volume, { ...status, phase: step.phase })
        if (step.phase === 'Released') queue.add(`volume:${told.metadata.name}`)
        break
      }
      case 'failed':
        await volumeStatus(volume, { ...volume.status, phase: 'Failed', message: step.tell.message })
        recorder.event(refs.PersistentVolume, volume, step.tell.type, step.tell.reason, step.tell.message)
        break
      case 'unbind': await unbind(volume); break
    }
  }
  /** What a person wrote stays, so that the volume waits for a claim of that name. */
  const unbind = async (volume: Volume): Promise<void> => {
    const { claimRef: { uid: _, resourceVersion: __, ...named } = {}, ...spec } = volume.spec ?? {}
    const byUs = volume.metadata.annotations?.[volumeAnnotations.boundByController] !== undefined
    const { [volumeAnnotations.boundByController]: ___, ...annotations } = volume.metadata.annotations ?? {}
    const freed = await client.update(refs.PersistentVolume, { ...volume, metadata: { ...volume.metadata, annotations }, spec: byUs ? spec : { ...spec, claimRef: named } })
    await volumeStatus(freed, { ...freed.status, phase: 'Available' })
  }

  const reconcile = async (key: string): Promise<void> => {
    const at = key.indexOf(':')
    const { namespace, name } = splitKey(key.slice(at + 1))
    if (key.startsWith('volume:')) {
      const volume = volumes.get(undefined, name)
      if (volume) await syncVolume(volume)
      return
    }
    const claim = claims.get(namespace, name)
    if (claim && !(claim.metadata.deletionTimestamp && claim.metadata.annotations?.[volumeAnnotations.bindCompleted] === undefined)) await syncClaim(claim)
  }

  // One worker: two claims looked at together would both want the same volume.
  return createController({
    name: 'persistent-volume-binder', deps, workers: 1, reads: [refs.PersistentVolumeClaim, refs.PersistentVolume, refs.StorageClass, refs.Pod], reconcile, queue,
    watch(q) {
      const pending = (): void => { for (const c of claims.list()) if (c.status?.phase !== 'Bound') q.add(`claim:${keyOf(c)}`) }
      const claim = (c: Claim): void => q.add(`claim:${keyOf(c)}`)
      const volumeOf = (c: Claim): void => { if (c.spec?.volumeName) q.add(`volume:${c.spec.volumeName}`) }
      const ofVolume = (v: Volume): void => {
        q.add(`volume:${v.metadata.name}`)
        const { claimRef } = v.spec ?? {}
        if (claimRef) q.add(`claim:${claimRef.namespace}/${claimRef.name}`)
        else if (v.status?.phase === 'Available') pending()
      }
      return [
        claims.on({ add: claim, update: (c) => { claim(c); volumeOf(c) }, delete: volumeOf }),
        volumes.on({ add: ofVolume, update: ofVolume, delete: (v) => { const r = v.spec?.claimRef; if (r) q.add(`claim:${r.namespace}/${r.name}`) } }),
        classes.on({ add: pending, update: pending }),
      ]
    },
  })
}
