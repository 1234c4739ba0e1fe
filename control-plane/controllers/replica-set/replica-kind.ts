/** The two kinds that are "so many pods of this template": a ReplicationController is a ReplicaSet with an older selector. */
import type { ReplicaSet, ReplicaSetStatus } from '../../../shared/api/apps-v1.ts'
import type { PodTemplateSpec, ReplicationController } from '../../../shared/api/core-v1.ts'
import type { KubeObject, ResourceRef } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import type { LabelSelectorLike } from '../../../shared/values/label-selector.ts'

export interface ReplicaOwner extends KubeObject {
  spec?: { replicas?: number; minReadySeconds?: number; template?: PodTemplateSpec }
  status?: ReplicaSetStatus
}

export interface ReplicaKind {
  readonly ref: ResourceRef<ReplicaOwner>
  readonly name: string
  selector(owner: ReplicaOwner): LabelSelectorLike
}

export const replicaSets: ReplicaKind = {
  ref: refs.ReplicaSet as ResourceRef<ReplicaOwner>, name: 'replica-set',
  selector: (owner) => (owner as ReplicaSet).spec?.selector ?? { matchExpressions: [{ key: '', operator: 'nothing' }] },
}

export const replicationControllers: ReplicaKind = {
  ref: refs.ReplicationController as ResourceRef<ReplicaOwner>, name: 'replication-controller',
  selector: (owner) => ({ matchLabels: (owner as ReplicationController).spec?.selector ?? (owner as ReplicationController).spec?.template?.metadata?.labels ?? {} }),
}
