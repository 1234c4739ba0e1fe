// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { LabelSelector, ListMeta, ObjectMeta } from './meta-v1.ts'

export interface AggregationRule {
  clusterRoleSelectors?: Array<LabelSelector>
}

export interface ClusterRole {
  aggregationRule?: AggregationRule
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  rules?: Array<PolicyRule>
}

export interface ClusterRoleBinding {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  roleRef: RoleRef
  subjects?: Array<Subject>
}

export interface ClusterRoleBindingList {
  apiVersion?: string
  items: Array<ClusterRoleBinding>
  kind?: string
  metadata?: ListMeta
}

export interface ClusterRoleList {
  apiVersion?: string
  items: Array<ClusterRole>
  kind?: string
  metadata?: ListMeta
}

export interface PolicyRule {
  apiGroups?: Array<string>
  nonResourceURLs?: Array<string>
  resourceNames?: Array<string>
  resources?: Array<string>
  verbs: Array<string>
}

export interface Role {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  rules?: Array<PolicyRule>
}

export interface RoleBinding {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  roleRef: RoleRef
  subjects?: Array<Subject>
}

export interface RoleBindingList {
  apiVersion?: string
  items: Array<RoleBinding>
  kind?: string
  metadata?: ListMeta
}

export interface RoleList {
  apiVersion?: string
  items: Array<Role>
  kind?: string
  metadata?: ListMeta
}

export interface RoleRef {
  apiGroup: string
  kind: string
  name: string
}

export interface Subject {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
}
