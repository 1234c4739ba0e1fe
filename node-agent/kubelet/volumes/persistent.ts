/** Claims and the persistent volumes they are bound to. Source of checks and messages: upstream `desired_state_of_world_populator.go`, `pkg/volume/local`. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../../shared/api/core-v1.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import { termMatches } from '../../../shared/values/node-selector.ts'
import { refOf } from '../pod/pod-facts.ts'
import { checkHostPath } from './host-path.ts'
import { fsGroupOf, type MountedVolume, type VolumeContext, type VolumeKind } from './kind.ts'
import { mountNfs } from './nfs.ts'
import { setOwnership } from './ownership.ts'
import { VolumeError } from './payload.ts'

/** The claim does not lead to a volume (yet). */
export class ClaimError extends Error { override readonly name = 'ClaimError' }

/** The volume that a claim leads to cannot be had. */
export class PersistentVolumeError extends Error {
  override readonly name = 'PersistentVolumeError'
  /** `MountVolume.SetUp failed`. */
  readonly operation: string
  readonly volume: string
  constructor(operation: string, volume: string, cause: unknown) { super(messageOf(cause), { cause }); this.operation = operation; this.volume = volume }
}

/** Set by whoever made a volume. One that our own provisioner made is a folder that the node makes when it is first used. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by'
export const localPathProvisioner = 'bramble.dev/local-path'

/** Throws what keeps the claim from use, in upstream's words. */
function boundVolume(context: VolumeContext, name: string, claim: PersistentVolumeClaim | undefined): PersistentVolume {
  if (!claim) throw new Error(`failed to fetch PVC from API server: persistentvolumeclaims "${name}" not found`)
  // A pod that has it goes on with it: the claim is kept until that pod is gone.
  if (claim.metadata?.deletionTimestamp !== undefined && context.isNew) throw new Error('PVC is being deleted')
  if (claim.status?.phase !== 'Bound') throw new Error('PVC is not bound')
  const { volumeName } = claim.spec ?? {}
  if (!volumeName) throw new Error('PVC has empty pvc.Spec.VolumeName')
  const volume = context.persistentVolume(volumeName)
  if (!volume) throw new Error(`failed to fetch PV ${volumeName} from API server: persistentvolumes "${volumeName}" not found`)
  const { claimRef } = volume.spec ?? {}
  if (!claimRef) throw new Error(`found PV object ${volumeName} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`)
  if (claimRef.uid !== claim.metadata?.uid) throw new Error(`found PV object ${volumeName} but its pv.Spec.ClaimRef.UID ${claimRef.uid ?? ''} does not point to claim.UID ${claim.metadata?.uid ?? ''}`)
  return volume
}

function checkMode(context: VolumeContext, mode: string): void {
  const containers = [...(context.pod.spec?.initContainers ?? []), ...(context.pod.spec?.containers ?? [])]
  const { name } = context.volume
  if (mode !== 'Filesystem' && containers.some((c) => c.volumeMounts?.some((m) => m.name === name))) throw new ClaimError(`volume ${name} has volumeMode ${mode}, but is specified in volumeMounts`)
  if (mode !== 'Block' && containers.some((c) => c.volumeDevices?.some((d) => d.name === name))) throw new ClaimError(`volume ${name} has volumeMode ${mode}, but is specified in volumeDevices`)
}

function checkAffinity(context: VolumeContext, volume: PersistentVolume): void {
  const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms
  const node = context.node()
  if (terms && node && !terms.some((t) => termMatches(t, node))) throw new PersistentVolumeError('MountVolume.NodeAffinity check failed', volume.metadata?.name ?? '', new VolumeError('no matching NodeSelectorTerms'))
}

async function mountLocal(context: VolumeContext, volume: PersistentVolume, readOnly: boolean): Promise<MountedVolume> {
  const { files, pod } = context
  const path = volume.spec?.local?.path ?? ''
  const isBlock = volume.spec?.volumeMode === 'Block'
  let there = await files.stat(path)
  if (!there && volume.metadata?.annotations?.[provisionedBy] === localPathProvisioner) {
    await files.makeDir(path, 0o777)
    there = await files.stat(path)
  }
  if (!there) throw new PersistentVolumeError(isBlock ? 'MapVolume.NewMapper initialization failed' : 'MountVolume.NewMounter initialization failed', volume.metadata?.name ?? '', new VolumeError(`path "${path}" does not exist`))
  if (isBlock) {
    if (there.kind !== 'block-device') throw new VolumeError(`${path} is not a block device`)
    return { source: path, readOnly, isDevice: true }
  }
  if (there.kind !== 'directory') throw new VolumeError(`local volume ${path} is not a directory; a device that has to be formatted or mounted first is not supported on this node`)
  const gid = fsGroupOf(pod)
  // Once: it may take long, and a container may have made other groups since.
  if (gid !== undefined && !readOnly && context.isNew) await setOwnership(files, path, { gid, readOnly: false, policy: pod.spec?.securityContext?.fsGroupChangePolicy })
  return { source: path, readOnly }
}

async function mountPersistent(context: VolumeContext, volume: PersistentVolume, readOnly: boolean): Promise<MountedVolume> {
  const { spec = {} } = volume
  if (spec.local) return mountLocal(context, volume, readOnly)
  if (spec.volumeMode === 'Block') throw new VolumeError('volumeMode Block is supported for local volumes only on this node')
  if (spec.hostPath) {
    await checkHostPath(context.files, spec.hostPath.path, spec.hostPath.type ?? '')
    return { source: spec.hostPath.path, readOnly }
  }
  if (spec.nfs) {
    const isReadOnly = readOnly || (spec.nfs.readOnly ?? false)
    await mountNfs(context, { server: spec.nfs.server, path: spec.nfs.path, readOnly: isReadOnly, options: spec.mountOptions ?? [] })
    return { source: context.diskPath, readOnly: isReadOnly }
  }
  const known = new Set(['accessModes', 'capacity', 'claimRef', 'mountOptions', 'nodeAffinity', 'persistentVolumeReclaimPolicy', 'storageClassName', 'volumeAttributesClassName', 'volumeMode'])
  throw new VolumeError(`volume kind ${Object.keys(spec).find((k) => !known.has(k)) ?? 'unknown'} is not supported on this node`)
}

async function mountClaim(context: VolumeContext, name: string, claim: PersistentVolumeClaim | undefined, readOnly: boolean): Promise<MountedVolume> {
  let volume: PersistentVolume
  try { volume = boundVolume(context, name, claim) } catch (e) {
    throw new ClaimError(`error processing PVC ${refOf(context.pod).namespace}/${name}: ${messageOf(e)}`, { cause: e })
  }
  checkMode(context, volume.spec?.volumeMode ?? 'Filesystem')
  checkAffinity(context, volume)
  try { return await mountPersistent(context, volume, readOnly) } catch (e) {
    if (e instanceof PersistentVolumeError) throw e
    throw new PersistentVolumeError(volume.spec?.volumeMode === 'Block' ? 'MapVolume.SetUpDevice failed' : 'MountVolume.SetUp failed', volume.metadata?.name ?? '', e)
  }
}

export const persistentVolumeClaim: VolumeKind = {
  setUp(context) {
    const { claimName = '', readOnly = false } = context.volume.persistentVolumeClaim ?? {}
    return mountClaim(context, claimName, context.claim(claimName), readOnly)
  },
}

/** A claim made for this pod alone: another's of the same name is not taken. */
export const ephemeral: VolumeKind = {
  setUp(context) {
    const { name, namespace, uid } = refOf(context.pod)
    const claimName = `${name}-${context.volume.name}`
    const claim = context.claim(claimName)
    if (claim && !claim.metadata?.ownerReferences?.some((o) => o.controller && o.uid === uid)) {
      throw new ClaimError(`PVC ${namespace}/${claimName} was not created for pod ${namespace}/${name} (pod is not owner)`)
    }
    return mountClaim(context, claimName, claim, false)
  },
}
