// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { LabelSelectorRequirement, ObjectMeta } from './meta-v1.ts'

export interface FieldSelectorAttributes {
  rawSelector?: string
  requirements?: Array<FieldSelectorRequirement>
}

export interface FieldSelectorRequirement {
  key: string
  operator: string
  values?: Array<string>
}

export interface LabelSelectorAttributes {
  rawSelector?: string
  requirements?: Array<LabelSelectorRequirement>
}

export interface LocalSubjectAccessReview {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: SubjectAccessReviewSpec
  status?: SubjectAccessReviewStatus
}

export interface NonResourceAttributes {
  path?: string
  verb?: string
}

export interface NonResourceRule {
  nonResourceURLs?: Array<string>
  verbs: Array<string>
}

export interface ResourceAttributes {
  fieldSelector?: FieldSelectorAttributes
  group?: string
  labelSelector?: LabelSelectorAttributes
  name?: string
  namespace?: string
  resource?: string
  subresource?: string
  verb?: string
  version?: string
}

export interface ResourceRule {
  apiGroups?: Array<string>
  resourceNames?: Array<string>
  resources?: Array<string>
  verbs: Array<string>
}

export interface SelfSubjectAccessReview {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: SelfSubjectAccessReviewSpec
  status?: SubjectAccessReviewStatus
}

export interface SelfSubjectAccessReviewSpec {
  nonResourceAttributes?: NonResourceAttributes
  resourceAttributes?: ResourceAttributes
}

export interface SelfSubjectRulesReview {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: SelfSubjectRulesReviewSpec
  status?: SubjectRulesReviewStatus
}

export interface SelfSubjectRulesReviewSpec {
  namespace?: string
}

export interface SubjectAccessReview {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: SubjectAccessReviewSpec
  status?: SubjectAccessReviewStatus
}

export interface SubjectAccessReviewSpec {
  extra?: Record<string, Array<string>>
  groups?: Array<string>
  nonResourceAttributes?: NonResourceAttributes
  resourceAttributes?: ResourceAttributes
  uid?: string
  user?: string
}

export interface SubjectAccessReviewStatus {
  allowed: boolean
  denied?: boolean
  evaluationError?: string
  reason?: string
}

export interface SubjectRulesReviewStatus {
  evaluationError?: string
  incomplete: boolean
  nonResourceRules: Array<NonResourceRule>
  resourceRules: Array<ResourceRule>
}
