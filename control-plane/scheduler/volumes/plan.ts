/** What a pod's claims mean for where it can go. Pure. Source: upstream `pkg/scheduler/framework/plugins/volumebinding`. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import type { StorageClass } from '../../../shared/api/storage-v1.ts'
import { classOfClaim, isFullyBound, matchVolume, reachableFrom, volumeAnnotations, waitsForConsumer } from '../../../shared/values/volume-match.ts'

type Volume = Stored<PersistentVolume>
type Claim = Stored<PersistentVolumeClaim>

/** The world as it is known, with what was decided and is not yet seen. */
export interface VolumeWorld {
  claim(namespace: string, name: string): Claim | undefined
  volume(name: string): Volume | undefined
  volumes(): readonly Volume[]
  storageClass(name: string): StorageClass | undefined
  /** Another pod of the namespace has the claim: it has a node and has not ended. */
  isInUse(claim: Claim, by: Stored<Pod>): boolean
  /** What was decided for the claim with another pod, and is not yet seen: its volume, or the node where one is made. */
  assumed(claim: Claim): Assumed | undefined
  /** Names of volumes promised to claims of other pods. */
  readonly taken: ReadonlySet<string>
}

export interface Assumed { readonly node: string; readonly volume: Volume | undefined }
export interface Match { readonly claim: Claim; readonly volume: Volume }
/** What has to be written before the pod is bound to a node. */
export interface Binding { readonly matches: readonly Match[]; /** Claims for which somebody makes a volume there. */ readonly provision: readonly Claim[]; /** Claims that are being bound for another pod. */ readonly awaits: readonly Claim[] }

export type NodeAnswer = { readonly ok: true; readonly binding: Binding } | { readonly ok: false; readonly reasons: readonly string[]; /** Removing pods could help. */ readonly resolvable: boolean }

export interface PodClaims {
  /** Bound ones with their volumes. */
  readonly bound: readonly Match[]
  /** Of classes that wait for a pod. */
  readonly unbound: readonly Claim[]
  /** Being bound for another pod. */
  readonly underWay: readonly { readonly claim: Claim; readonly to: Assumed }[]
  /** One is another pod's alone: no node will do until that pod is gone. */
  readonly isBusy: boolean
}
const noneToBind = "node(s) didn't find available persistent volumes to bind"
/** For one pod in the whole cluster (`ReadWriteOncePod`). Source: upstream `plugins/volumerestrictions`. */
const inUse = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'

export type Claims = { readonly ok: true; readonly claims: PodClaims } | { readonly ok: false; readonly message: string }

export const claimNames = (pod: Pod): string[] => (pod.spec?.volumes ?? []).flatMap((v) => (v.persistentVolumeClaim ? [v.persistentVolumeClaim.claimName] : v.ephemeral ? [`${pod.metadata?.name}-${v.name}`] : []))
export const usesClaims = (pod: Pod): boolean => (pod.spec?.volumes ?? []).some((v) => v.persistentVolumeClaim || v.ephemeral)

/** Of a pod that can be placed nowhere as its claims are: why, in upstream's words. */
export function claimsOf(pod: Stored<Pod>, world: VolumeWorld): Claims {
  const bound: Match[] = []
  const unbound: Claim[] = []
  const underWay: { claim: Claim; to: Assumed }[] = []
  let isBusy = false
  const namespace = pod.metadata.namespace ?? ''
  for (const volume of pod.spec?.volumes ?? []) {
    if (!volume.persistentVolumeClaim && !volume.ephemeral) continue
    const name = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`
    const claim = world.claim(namespace, name)
    const why = refusal(pod, name, claim, volume.ephemeral !== undefined)
    if (why !== undefined || !claim) return { ok: false, message: why ?? '' }
    isBusy ||= (claim.spec?.accessModes?.includes('ReadWriteOncePod') ?? false) && world.isInUse(claim, pod)
    if (isFullyBound(claim)) {
      const found = world.volume(claim.spec?.volumeName ?? '')
      if (!found) return { ok: false, message: "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)" }
      bound.push({ claim, volume: found })
    } else if (waitsForConsumer(world.storageClass(classOfClaim(claim))) && !claim.spec?.volumeName) {
      const to = world.assumed(claim)
      if (to) underWay.push({ claim, to })
      else unbound.push(claim)
    } else return { ok: false, message: 'pod has unbound immediate PersistentVolumeClaims' }
  }
  return { ok: true, claims: { bound, unbound, underWay, isBusy } }
}

function refusal(pod: Stored<Pod>, name: string, claim: Claim | undefined, isEphemeral: boolean): string | undefined {
  if (!claim) return isEphemeral ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"` : `persistentvolumeclaim "${name}" not found`
  if (claim.status?.phase === 'Lost') return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`
  if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`
  const isOwner = claim.metadata.ownerReferences?.some((o) => o.controller && o.uid === pod.metadata.uid)
  return isEphemeral && !isOwner ? `PVC ${pod.metadata.namespace ?? ''}/${name} was not created for pod ${pod.metadata.namespace ?? ''}/${pod.metadata.name} (pod is not owner)` : undefined
}

/** Can the pod's volumes be had on the node, and what has to be written for it? */
export function volumesOn(node: Node, { bound, unbound, underWay, isBusy }: PodClaims, world: VolumeWorld): NodeAnswer {
  if (isBusy) return { ok: false, reasons: [inUse], resolvable: true }
  if (!bound.every(({ volume }) => reachableFrom(volume, node))) return { ok: false, reasons: ['node(s) had volume node affinity conflict'], resolvable: false }
  const isThere = ({ to }: PodClaims['underWay'][number]): boolean => (to.volume ? reachableFrom(to.volume, node) : to.node === node.metadata?.name)
  if (!underWay.every(isThere)) return { ok: false, reasons: [noneToBind], resolvable: false }
  const matches: Match[] = []
  const provision: Claim[] = []
  const taken = new Set(world.taken)
  for (const claim of unbound) {
    const selected = claim.metadata.annotations?.[volumeAnnotations.selectedNode]
    const volume = selected === undefined ? matchVolume(claim, world.volumes(), { node, taken }) : undefined
    if (volume) {
      taken.add(volume.metadata.name)
      matches.push({ claim, volume })
      continue
    }
    const storageClass = world.storageClass(classOfClaim(claim))
    const canProvision = storageClass !== undefined && storageClass.provisioner !== 'kubernetes.io/no-provisioner' && allowedOn(storageClass, node)
    if (!canProvision || (selected !== undefined && selected !== node.metadata?.name)) return { ok: false, reasons: [noneToBind], resolvable: false }
    provision.push(claim)
  }
  return { ok: true, binding: { matches, provision, awaits: underWay.map((u) => u.claim) } }
}

/** `allowedTopologies`: terms are alternatives, their expressions all have to hold. */
function allowedOn(storageClass: StorageClass, node: Node): boolean {
  const terms = storageClass.allowedTopologies ?? []
  return terms.length === 0 || terms.some((t) => (t.matchLabelExpressions ?? []).every((e) => e.values.includes(node.metadata?.labels?.[e.key] ?? '')))
}
