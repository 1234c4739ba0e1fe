/** What a pod and a volume lead to (`plugin/pkg/auth/authorizer/node/graph.go`). Pure. */
import type { Container, EphemeralContainer, PersistentVolume, Pod, Volume } from '../../../../shared/api/core-v1.ts'

export type NodeObject = 'secret' | 'configmap' | 'claim' | 'volume' | 'attachment' | 'account' | 'pod'

/** `secret/default/web-tls`. */
export const referenceKey = (kind: NodeObject, namespace: string, name: string): string => `${kind}/${namespace}/${name}`

const MIRROR = 'kubernetes.io/config.mirror'

/** Keys of everything the pod's node may see because of it, besides the pod. May hold one more than once. A pod without a node leads nowhere. */
export function podReferences(pod: Pod): string[] {
  const { name = '', namespace = '', annotations } = pod.metadata ?? {}
  const { spec } = pod
  // A node makes its own mirror pods: they must not give it a right to anything.
  if (!spec?.nodeName || annotations?.[MIRROR] !== undefined) return []
  const keys: string[] = []
  const add = (kind: NodeObject, to: string | undefined): void => { if (to) keys.push(referenceKey(kind, namespace, to)) }
  add('account', spec.serviceAccountName || 'default')
  for (const { name: secret } of spec.imagePullSecrets ?? []) add('secret', secret)
  const containers: readonly (Container | EphemeralContainer)[] = [...spec.initContainers ?? [], ...spec.containers, ...spec.ephemeralContainers ?? []]
  for (const { env, envFrom } of containers) {
    for (const { configMapRef, secretRef } of envFrom ?? []) {
      add('configmap', configMapRef?.name)
      add('secret', secretRef?.name)
    }
    for (const { valueFrom } of env ?? []) {
      add('configmap', valueFrom?.configMapKeyRef?.name)
      add('secret', valueFrom?.secretKeyRef?.name)
    }
  }
  for (const volume of spec.volumes ?? []) addVolume(volume, name, add)
  return keys
}

function addVolume(volume: Volume, pod: string, add: (kind: NodeObject, name: string | undefined) => void): void {
  add('secret', volume.secret?.secretName)
  add('configmap', volume.configMap?.name)
  add('claim', volume.persistentVolumeClaim?.claimName)
  // The claim a generic ephemeral volume gets is named after pod and volume.
  if (volume.ephemeral) add('claim', `${pod}-${volume.name}`)
  for (const { secret, configMap } of volume.projected?.sources ?? []) {
    add('secret', secret?.name)
    add('configmap', configMap?.name)
  }
  add('secret', volume.csi?.nodePublishSecretRef?.name)
  add('secret', volume.azureFile?.secretName)
  for (const source of [volume.cephfs, volume.flexVolume, volume.rbd, volume.scaleIO, volume.iscsi, volume.storageos]) add('secret', source?.secretRef?.name)
}

/** Keys of the secrets a volume needs on the node that mounts it. */
export function volumeSecrets({ spec }: PersistentVolume): string[] {
  const keys: string[] = []
  const claimNamespace = spec?.claimRef?.namespace ?? ''
  const add = (ref: { name?: string; namespace?: string } | undefined): void => { if (ref?.name) keys.push(referenceKey('secret', ref.namespace || claimNamespace, ref.name)) }
  add(spec?.csi?.nodePublishSecretRef)
  add(spec?.csi?.nodeStageSecretRef)
  add(spec?.csi?.nodeExpandSecretRef)
  for (const source of [spec?.cephfs, spec?.flexVolume, spec?.rbd, spec?.scaleIO, spec?.iscsi]) add(source?.secretRef)
  if (spec?.azureFile?.secretName) add({ name: spec.azureFile.secretName, ...(spec.azureFile.secretNamespace ? { namespace: spec.azureFile.secretNamespace } : {}) })
  if (spec?.storageos?.secretRef) add({ ...(spec.storageos.secretRef.name ? { name: spec.storageos.secretRef.name } : {}), ...(spec.storageos.secretRef.namespace ? { namespace: spec.storageos.secretRef.namespace } : {}) })
  return keys
}
