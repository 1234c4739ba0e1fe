/** Which persistent volume suits a claim. Pure. Source: upstream `component-helpers/storage/volume/pv_helpers.go` (`FindMatchingVolume`) and `pkg/controller/volume/persistentvolume`. */
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../api/core-v1.ts'
import type { Stored } from '../api/object.ts'
import type { StorageClass } from '../api/storage-v1.ts'
import { selectsLabels } from './label-selector.ts'
import { termMatches } from './node-selector.ts'
import { compareQuantity, parseQuantity } from './quantity.ts'

type Volume = Stored<PersistentVolume>
type Claim = Stored<PersistentVolumeClaim>

/** Annotations by which binder, scheduler and provisioners talk to each other. */
export const volumeAnnotations = {
  bindCompleted: 'pv.kubernetes.io/bind-completed', boundByController: 'pv.kubernetes.io/bound-by-controller', provisionedBy: 'pv.kubernetes.io/provisioned-by',
  storageProvisioner: 'volume.kubernetes.io/storage-provisioner', betaStorageProvisioner: 'volume.beta.kubernetes.io/storage-provisioner', selectedNode: 'volume.kubernetes.io/selected-node',
  betaClass: 'volume.beta.kubernetes.io/storage-class',
} as const

export const classOfClaim = (claim: PersistentVolumeClaim): string => claim.metadata?.annotations?.[volumeAnnotations.betaClass] ?? claim.spec?.storageClassName ?? ''
export const classOfVolume = (volume: PersistentVolume): string => volume.metadata?.annotations?.[volumeAnnotations.betaClass] ?? volume.spec?.storageClassName ?? ''
export const waitsForConsumer = (c: StorageClass | undefined): boolean => c?.volumeBindingMode === 'WaitForFirstConsumer'
/** Both sides are bound to each other, and everything that belongs to it is written. */
export const isFullyBound = (claim: PersistentVolumeClaim): boolean => Boolean(claim.spec?.volumeName) && claim.metadata?.annotations?.[volumeAnnotations.bindCompleted] !== undefined

/** The volume names this claim; without a uid it was written by a person, and any claim of the name will do. */
export function isClaimedBy(volume: PersistentVolume, claim: Claim): boolean {
  const ref = volume.spec?.claimRef
  return ref !== undefined && ref.name === claim.metadata.name && ref.namespace === claim.metadata.namespace && (!ref.uid || ref.uid === claim.metadata.uid)
}

export function reachableFrom(volume: PersistentVolume, node: Node): boolean {
  const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms
  return terms === undefined || terms.some((t) => termMatches(t, node))
}

const modeOf = (o: { readonly spec?: { readonly volumeMode?: string } }): string => o.spec?.volumeMode ?? 'Filesystem'
const sizeOf = (volume: PersistentVolume): string => volume.spec?.capacity?.['storage'] ?? '0'
const wantedSize = (claim: PersistentVolumeClaim): string => claim.spec?.resources?.requests?.['storage'] ?? '0'
const isLarge = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => compareQuantity(parseQuantity(sizeOf(volume)), parseQuantity(wantedSize(claim))) >= 0
const hasModes = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => (claim.spec?.accessModes ?? []).every((m) => volume.spec?.accessModes?.includes(m))

/** Why a volume that the claim asks for by name will not do, in upstream's words; undefined where it will. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (!isLarge(volume, claim)) return 'requested PV is too small'
  if (classOfVolume(volume) !== classOfClaim(claim)) return 'storageClassName does not match'
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode'
  return hasModes(volume, claim) ? undefined : 'incompatible accessMode'
}

export interface MatchOptions {
  /** The volume must be reachable from it. Undefined: the binder, which knows no node. */
  readonly node?: Node
  /** The class waits for a pod, and there is none: only a volume that names the claim is taken. */
  readonly delayed?: boolean
  /** Names of volumes that others were just promised. */
  readonly taken?: ReadonlySet<string>
}

/** The volume that names the claim, else the smallest that suits it; of equals, the one that offers the fewest access modes, then the first by name. */
export function matchVolume(claim: Claim, volumes: readonly Volume[], { node, delayed = false, taken }: MatchOptions = {}): Volume | undefined {
  let best: Volume | undefined
  for (const volume of volumes) {
    if (modeOf(volume) !== modeOf(claim) || !hasModes(volume, claim)) continue
    const reachable = node === undefined || reachableFrom(volume, node)
    if (isClaimedBy(volume, claim)) {
      if (!isLarge(volume, claim) || volume.metadata.deletionTimestamp) continue
      return reachable ? volume : undefined
    }
    if (delayed || volume.spec?.claimRef || volume.metadata.deletionTimestamp || volume.status?.phase !== 'Available' || taken?.has(volume.metadata.name)) continue
    const suits = reachable && isLarge(volume, claim) && classOfVolume(volume) === classOfClaim(claim) && (!claim.spec?.selector || selectsLabels(claim.spec.selector, volume.metadata.labels))
    if (suits && (!best || isBetter(volume, best))) best = volume
  }
  return best
}

function isBetter(a: Volume, b: Volume): boolean {
  const size = compareQuantity(parseQuantity(sizeOf(a)), parseQuantity(sizeOf(b)))
  const modes = (a.spec?.accessModes?.length ?? 0) - (b.spec?.accessModes?.length ?? 0)
  return modes !== 0 ? modes < 0 : size !== 0 ? size < 0 : a.metadata.name < b.metadata.name
}
