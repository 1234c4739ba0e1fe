// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

export interface ExemptPriorityLevelConfiguration {
  lendablePercent?: number
  nominalConcurrencyShares?: number
}

export interface FlowDistinguisherMethod {
  type: string
}

export interface FlowSchema {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: FlowSchemaSpec
  status?: FlowSchemaStatus
}

export interface FlowSchemaCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status?: string
  type?: string
}

export interface FlowSchemaList {
  apiVersion?: string
  items: Array<FlowSchema>
  kind?: string
  metadata?: ListMeta
}

export interface FlowSchemaSpec {
  distinguisherMethod?: FlowDistinguisherMethod
  matchingPrecedence?: number
  priorityLevelConfiguration: PriorityLevelConfigurationReference
  rules?: Array<PolicyRulesWithSubjects>
}

export interface FlowSchemaStatus {
  conditions?: Array<FlowSchemaCondition>
}

export interface GroupSubject {
  name: string
}

export interface LimitedPriorityLevelConfiguration {
  borrowingLimitPercent?: number
  lendablePercent?: number
  limitResponse?: LimitResponse
  nominalConcurrencyShares?: number
}

export interface LimitResponse {
  queuing?: QueuingConfiguration
  type: string
}

export interface NonResourcePolicyRule {
  nonResourceURLs: Array<string>
  verbs: Array<string>
}

export interface PolicyRulesWithSubjects {
  nonResourceRules?: Array<NonResourcePolicyRule>
  resourceRules?: Array<ResourcePolicyRule>
  subjects: Array<Subject>
}

export interface PriorityLevelConfiguration {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: PriorityLevelConfigurationSpec
  status?: PriorityLevelConfigurationStatus
}

export interface PriorityLevelConfigurationCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status?: string
  type?: string
}

export interface PriorityLevelConfigurationList {
  apiVersion?: string
  items: Array<PriorityLevelConfiguration>
  kind?: string
  metadata?: ListMeta
}

export interface PriorityLevelConfigurationReference {
  name: string
}

export interface PriorityLevelConfigurationSpec {
  exempt?: ExemptPriorityLevelConfiguration
  limited?: LimitedPriorityLevelConfiguration
  type: string
}

export interface PriorityLevelConfigurationStatus {
  conditions?: Array<PriorityLevelConfigurationCondition>
}

export interface QueuingConfiguration {
  handSize?: number
  queueLengthLimit?: number
  queues?: number
}

export interface ResourcePolicyRule {
  apiGroups: Array<string>
  clusterScope?: boolean
  namespaces?: Array<string>
  resources: Array<string>
  verbs: Array<string>
}

export interface ServiceAccountSubject {
  name: string
  namespace: string
}

export interface Subject {
  group?: GroupSubject
  kind: string
  serviceAccount?: ServiceAccountSubject
  user?: UserSubject
}

export interface UserSubject {
  name: string
}
