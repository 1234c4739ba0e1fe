// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.

export interface APIGroup {
  apiVersion?: string
  kind?: string
  name: string
  preferredVersion?: GroupVersionForDiscovery
  serverAddressByClientCIDRs?: Array<ServerAddressByClientCIDR>
  versions: Array<GroupVersionForDiscovery>
}

export interface APIGroupList {
  apiVersion?: string
  groups: Array<APIGroup>
  kind?: string
}

export interface APIResource {
  categories?: Array<string>
  group?: string
  kind: string
  name: string
  namespaced: boolean
  shortNames?: Array<string>
  singularName: string
  storageVersionHash?: string
  verbs: Array<string>
  version?: string
}

export interface APIResourceList {
  apiVersion?: string
  groupVersion: string
  kind?: string
  resources: Array<APIResource>
}

export interface APIVersions {
  apiVersion?: string
  kind?: string
  serverAddressByClientCIDRs: Array<ServerAddressByClientCIDR>
  versions: Array<string>
}

export interface Condition {
  lastTransitionTime: string
  message: string
  observedGeneration?: number
  reason: string
  status: string
  type: string
}

export interface DeleteOptions {
  apiVersion?: string
  dryRun?: Array<string>
  gracePeriodSeconds?: number
  ignoreStoreReadErrorWithClusterBreakingPotential?: boolean
  kind?: string
  orphanDependents?: boolean
  preconditions?: Preconditions
  propagationPolicy?: string
}

export interface GroupVersionForDiscovery {
  groupVersion: string
  version: string
}

export interface LabelSelector {
  matchExpressions?: Array<LabelSelectorRequirement>
  matchLabels?: Record<string, string>
}

export interface LabelSelectorRequirement {
  key: string
  operator: string
  values?: Array<string>
}

export interface ListMeta {
  continue?: string
  remainingItemCount?: number
  resourceVersion?: string
  selfLink?: string
}

export interface ManagedFieldsEntry {
  apiVersion?: string
  fieldsType?: string
  'fieldsV1'?: unknown
  manager?: string
  operation?: string
  subresource?: string
  time?: string
}

export interface ObjectMeta {
  annotations?: Record<string, string>
  creationTimestamp?: string
  deletionGracePeriodSeconds?: number
  deletionTimestamp?: string
  finalizers?: Array<string>
  generateName?: string
  generation?: number
  labels?: Record<string, string>
  managedFields?: Array<ManagedFieldsEntry>
  name?: string
  namespace?: string
  ownerReferences?: Array<OwnerReference>
  resourceVersion?: string
  selfLink?: string
  uid?: string
}

export interface OwnerReference {
  apiVersion: string
  blockOwnerDeletion?: boolean
  controller?: boolean
  kind: string
  name: string
  uid: string
}

export interface Preconditions {
  resourceVersion?: string
  uid?: string
}

export interface ServerAddressByClientCIDR {
  clientCIDR: string
  serverAddress: string
}

export interface Status {
  apiVersion?: string
  code?: number
  details?: StatusDetails
  kind?: string
  message?: string
  metadata?: ListMeta
  reason?: string
  status?: string
}

export interface StatusCause {
  field?: string
  message?: string
  reason?: string
}

export interface StatusDetails {
  causes?: Array<StatusCause>
  group?: string
  kind?: string
  name?: string
  retryAfterSeconds?: number
  uid?: string
}
