// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { PersistentVolumeSpec } from './core-v1.ts'
import type { LabelSelector, ListMeta, ObjectMeta } from './meta-v1.ts'

export interface CSIDriver {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: CSIDriverSpec
}

export interface CSIDriverList {
  apiVersion?: string
  items: Array<CSIDriver>
  kind?: string
  metadata?: ListMeta
}

export interface CSIDriverSpec {
  attachRequired?: boolean
  fsGroupPolicy?: string
  nodeAllocatableUpdatePeriodSeconds?: number
  podInfoOnMount?: boolean
  requiresRepublish?: boolean
  seLinuxMount?: boolean
  storageCapacity?: boolean
  tokenRequests?: Array<TokenRequest>
  volumeLifecycleModes?: Array<string>
}

export interface CSINode {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: CSINodeSpec
}

export interface CSINodeDriver {
  allocatable?: VolumeNodeResources
  name: string
  nodeID: string
  topologyKeys?: Array<string>
}

export interface CSINodeList {
  apiVersion?: string
  items: Array<CSINode>
  kind?: string
  metadata?: ListMeta
}

export interface CSINodeSpec {
  drivers: Array<CSINodeDriver>
}

export interface CSIStorageCapacity {
  apiVersion?: string
  capacity?: string
  kind?: string
  maximumVolumeSize?: string
  metadata?: ObjectMeta
  nodeTopology?: LabelSelector
  storageClassName: string
}

export interface CSIStorageCapacityList {
  apiVersion?: string
  items: Array<CSIStorageCapacity>
  kind?: string
  metadata?: ListMeta
}

export interface StorageClass {
  allowVolumeExpansion?: boolean
  allowedTopologies?: Array<TopologySelectorTerm>
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  mountOptions?: Array<string>
  parameters?: Record<string, string>
  provisioner: string
  reclaimPolicy?: string
  volumeBindingMode?: string
}

export interface StorageClassList {
  apiVersion?: string
  items: Array<StorageClass>
  kind?: string
  metadata?: ListMeta
}

export interface TokenRequest {
  audience: string
  expirationSeconds?: number
}

export interface TopologySelectorLabelRequirement {
  key: string
  values: Array<string>
}

export interface TopologySelectorTerm {
  matchLabelExpressions?: Array<TopologySelectorLabelRequirement>
}

export interface VolumeAttachment {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: VolumeAttachmentSpec
  status?: VolumeAttachmentStatus
}

export interface VolumeAttachmentList {
  apiVersion?: string
  items: Array<VolumeAttachment>
  kind?: string
  metadata?: ListMeta
}

export interface VolumeAttachmentSource {
  inlineVolumeSpec?: PersistentVolumeSpec
  persistentVolumeName?: string
}

export interface VolumeAttachmentSpec {
  attacher: string
  nodeName: string
  source: VolumeAttachmentSource
}

export interface VolumeAttachmentStatus {
  attachError?: VolumeError
  attached: boolean
  attachmentMetadata?: Record<string, string>
  detachError?: VolumeError
}

export interface VolumeError {
  errorCode?: number
  message?: string
  time?: string
}

export interface VolumeNodeResources {
  count?: number
}
