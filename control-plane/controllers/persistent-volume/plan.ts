/** What to do for one claim, and for one volume. Pure. Source: upstream `syncUnboundClaim`, `syncBoundClaim` and `syncVolume` in `pkg/controller/volume/persistentvolume/pv_controller.go`. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import type { StorageClass } from '../../../shared/api/storage-v1.ts'
import { classOfClaim, isClaimedBy, matchVolume, mismatch, volumeAnnotations, waitsForConsumer } from '../../../shared/values/volume-match.ts'

type Volume = Stored<PersistentVolume>
type Claim = Stored<PersistentVolumeClaim>

export interface Told { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }

export type ClaimStep =
  | { readonly do: 'bind'; readonly volume: Volume }
  | { readonly do: 'wait'; readonly tell?: Told }
  /** Made when there was no default class yet. */
  | { readonly do: 'class'; readonly name: string }
  /** Asks whoever provisions for the class. */
  | { readonly do: 'provision'; readonly provisioner: string; readonly tell: Told }
  | { readonly do: 'lost'; readonly tell: Told }

export type VolumeStep =
  | { readonly do: 'phase'; readonly phase: 'Available' | 'Bound' | 'Released' }
  | { readonly do: 'failed'; readonly tell: Told }
  /** The claim has the next word. */
  | { readonly do: 'claim' }
  | { readonly do: 'unbind' }
  | { readonly do: 'nothing' }

export interface ClaimWorld {
  readonly volumes: readonly Volume[]
  /** The one that the claim names. */
  readonly named: Volume | undefined
  readonly storageClass: StorageClass | undefined
  /** The name of the class for claims that name none. */
  readonly defaultClass: string | undefined
  /** An unscheduled pod that uses the claim. */
  readonly waitingPod: string | undefined
}

const normal = (reason: string, message: string): Told => ({ type: 'Normal', reason, message })
const warning = (reason: string, message: string): Told => ({ type: 'Warning', reason, message })

export function planClaim(claim: Claim, world: ClaimWorld): ClaimStep {
  return claim.metadata.annotations?.[volumeAnnotations.bindCompleted] === undefined ? planUnbound(claim, world) : planBound(claim, world)
}

function planBound(claim: Claim, { named }: ClaimWorld): ClaimStep {
  if (!claim.spec?.volumeName) return { do: 'lost', tell: warning('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!') }
  if (!named) return { do: 'lost', tell: warning('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!') }
  const { claimRef } = named.spec ?? {}
  if (claimRef && claimRef.uid !== claim.metadata.uid) return { do: 'lost', tell: warning('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly') }
  return { do: 'bind', volume: named }
}

function planUnbound(claim: Claim, { volumes, named, storageClass, defaultClass, waitingPod }: ClaimWorld): ClaimStep {
  if (claim.spec?.volumeName) return planNamed(claim, named)
  const delayed = waitsForConsumer(storageClass) && claim.metadata.annotations?.[volumeAnnotations.selectedNode] === undefined
  const volume = matchVolume(claim, volumes, { delayed })
  if (volume) return { do: 'bind', volume }
  if (defaultClass !== undefined && claim.spec?.storageClassName === undefined && classOfClaim(claim) === '') return { do: 'class', name: defaultClass }
  if (delayed) return { do: 'wait', tell: waitingPod === undefined ? normal('WaitForFirstConsumer', 'waiting for first consumer to be created before binding') : normal('WaitForPodScheduled', `waiting for pod ${waitingPod} to be scheduled`) }
  const name = classOfClaim(claim)
  if (name === '') return { do: 'wait', tell: normal('FailedBinding', 'no persistent volumes available for this claim and no storage class is set') }
  if (!storageClass) return { do: 'wait', tell: warning('ProvisioningFailed', `storageclass.storage.k8s.io "${name}" not found`) }
  const { provisioner } = storageClass
  if (provisioner === 'kubernetes.io/no-provisioner') return { do: 'wait', tell: warning('ProvisioningFailed', `no volume plugin matched name: ${provisioner}`) }
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`
  return { do: 'provision', provisioner, tell: normal('ExternalProvisioning', message) }
}

function planNamed(claim: Claim, volume: Volume | undefined): ClaimStep {
  if (!volume) return { do: 'wait' }
  if (volume.spec?.claimRef && !isClaimedBy(volume, claim)) return { do: 'wait', tell: warning('FailedBinding', `volume "${volume.metadata.name}" already bound to a different claim.`) }
  if (volume.spec?.claimRef) return { do: 'bind', volume }
  const why = mismatch(volume, claim)
  return why === undefined ? { do: 'bind', volume } : { do: 'wait', tell: warning('VolumeMismatch', `Cannot bind to requested volume "${volume.metadata.name}": ${why}`) }
}

/** `claim` undefined: there is none of the name and uid that the volume names. */
export function planVolume(volume: Volume, claim: Claim | undefined): VolumeStep {
  const { claimRef } = volume.spec ?? {}
  if (!claimRef?.uid) return phase(volume, 'Available')
  if (!claim) return planReleased(volume)
  if (!claim.spec?.volumeName) return { do: 'claim' }
  if (claim.spec.volumeName === volume.metadata.name) return phase(volume, 'Bound')
  // The claim went to another volume. One that was made for it is of use to nobody else.
  return isProvisioned(volume) && reclaimPolicy(volume) === 'Delete' ? planReleased(volume) : { do: 'unbind' }
}

const isProvisioned = (volume: Volume): boolean => volume.metadata.annotations?.[volumeAnnotations.provisionedBy] !== undefined
export const reclaimPolicy = (volume: PersistentVolume): string => volume.spec?.persistentVolumeReclaimPolicy ?? 'Retain'

function phase(volume: Volume, wanted: 'Available' | 'Bound' | 'Released'): VolumeStep {
  return volume.status?.phase === wanted ? { do: 'nothing' } : { do: 'phase', phase: wanted }
}

function planReleased(volume: Volume): VolumeStep {
  const now = volume.status?.phase
  if (now === 'Failed') return { do: 'nothing' }
  if (now !== 'Released') return { do: 'phase', phase: 'Released' }
  const policy = reclaimPolicy(volume)
  // Whoever made a volume deletes it.
  if (policy === 'Retain' || (policy === 'Delete' && isProvisioned(volume))) return { do: 'nothing' }
  const name = volume.metadata.name
  if (policy === 'Recycle') return { do: 'failed', tell: warning('VolumeFailedRecycle', 'No recycler plugin found for the volume!') }
  return { do: 'failed', tell: warning('VolumeFailedDelete', `error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`) }
}
