/** Volumes that are a folder of the node where their first pod runs. Pure. Reasons and messages as of upstream's provisioner library (`sig-storage-lib-external-provisioner`). */
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import type { StorageClass } from '../../../shared/api/storage-v1.ts'
import { classOfClaim, isFullyBound, volumeAnnotations } from '../../../shared/values/volume-match.ts'

export const provisioner = 'bramble.dev/local-path'
/** Where the folders are, unless the class says otherwise with the parameter `path`. */
export const defaultFolder = '/var/lib/bramble/local-path'
const hostnameLabel = 'kubernetes.io/hostname'

/** There from the beginning, so that a claim that asks for nothing special gets a volume. */
export const ownClass = (isDefault: boolean): StorageClass & { metadata: { name: string } } => ({
  metadata: { name: 'local-path', annotations: { 'storageclass.kubernetes.io/is-default-class': String(isDefault) } }, provisioner, reclaimPolicy: 'Delete', volumeBindingMode: 'WaitForFirstConsumer',
})

export const isOurs = (object: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } }): boolean =>
  object.metadata.annotations?.[volumeAnnotations.storageProvisioner] === provisioner || object.metadata.annotations?.[volumeAnnotations.provisionedBy] === provisioner

export const wantsVolume = (claim: Stored<PersistentVolumeClaim>): boolean => isOurs(claim) && !isFullyBound(claim) && !claim.spec?.volumeName && !claim.metadata.deletionTimestamp
export const isToRemove = (volume: Stored<PersistentVolume>): boolean => isOurs(volume) && volume.status?.phase === 'Released' && volume.spec?.persistentVolumeReclaimPolicy === 'Delete' && !volume.metadata.deletionTimestamp

export type Provisioning = { readonly ok: true; readonly volume: PersistentVolume & { metadata: { name: string } } } | { readonly ok: false; readonly message: string }

export function provision(claim: Stored<PersistentVolumeClaim>, storageClass: StorageClass, node: Stored<Node> | undefined): Provisioning {
  const failed = (why: string): Provisioning => ({ ok: false, message: `failed to provision volume with StorageClass "${classOfClaim(claim)}": ${why}` })
  const { spec, metadata } = claim
  if (!node) return failed('configuration error, no node was specified')
  if (spec?.volumeMode === 'Block') return failed('volumeMode Block is not supported: a folder is no device')
  const shared = spec?.accessModes?.find((m) => m !== 'ReadWriteOnce' && m !== 'ReadWriteOncePod')
  if (shared !== undefined) return failed(`access mode ${shared} is not supported: the folder is on one node`)
  if (spec?.selector) return failed('claim.Spec.Selector is not supported')
  const hostname = node.metadata.labels?.[hostnameLabel]
  if (hostname === undefined) return failed(`node ${node.metadata.name} has no label ${hostnameLabel}`)
  const name = `pvc-${metadata.uid}`
  const folder = (storageClass.parameters?.['path'] ?? defaultFolder).replace(/\/+$/, '')
  return {
    ok: true,
    volume: {
      metadata: { name, annotations: { [volumeAnnotations.provisionedBy]: provisioner } },
      spec: {
        capacity: { storage: spec?.resources?.requests?.['storage'] ?? '0' }, accessModes: spec?.accessModes ?? [], storageClassName: classOfClaim(claim), volumeMode: 'Filesystem',
        persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete', local: { path: `${folder}/${name}_${metadata.namespace}_${metadata.name}` },
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid, resourceVersion: metadata.resourceVersion },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [hostname] }] }] } },
      },
    },
  }
}

/** The value of the host name's label of the node that has the volume. */
export const hostnameOf = (volume: PersistentVolume): string | undefined =>
  volume.spec?.nodeAffinity?.required?.nodeSelectorTerms?.[0]?.matchExpressions?.find((e) => e.key === hostnameLabel)?.values?.[0]
