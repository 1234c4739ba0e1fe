/** `PartialObjectMetadata`: an object's metadata alone, for clients that ask for no more. Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { ListMeta, ObjectMeta } from '../../../shared/api/meta-v1.ts'

export interface PartialObjectMetadata { kind: 'PartialObjectMetadata'; apiVersion: 'meta.k8s.io/v1'; metadata: ObjectMeta }
export interface PartialObjectMetadataList { kind: 'PartialObjectMetadataList'; apiVersion: 'meta.k8s.io/v1'; metadata: ListMeta; items: PartialObjectMetadata[] }

export const toPartialMetadata = (object: KubeObject): PartialObjectMetadata =>
  ({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata ?? {} })

export const toPartialMetadataList = (objects: readonly KubeObject[], metadata: ListMeta): PartialObjectMetadataList =>
  ({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: objects.map(toPartialMetadata) })
