// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ObjectReference, PodTemplateSpec } from './core-v1.ts'
import type { LabelSelector, ListMeta, ObjectMeta } from './meta-v1.ts'

export interface CronJob {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: CronJobSpec
  status?: CronJobStatus
}

export interface CronJobList {
  apiVersion?: string
  items: Array<CronJob>
  kind?: string
  metadata?: ListMeta
}

export interface CronJobSpec {
  concurrencyPolicy?: string
  failedJobsHistoryLimit?: number
  jobTemplate: JobTemplateSpec
  schedule: string
  startingDeadlineSeconds?: number
  successfulJobsHistoryLimit?: number
  suspend?: boolean
  timeZone?: string
}

export interface CronJobStatus {
  active?: Array<ObjectReference>
  lastScheduleTime?: string
  lastSuccessfulTime?: string
}

export interface Job {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: JobSpec
  status?: JobStatus
}

export interface JobCondition {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface JobList {
  apiVersion?: string
  items: Array<Job>
  kind?: string
  metadata?: ListMeta
}

export interface JobSpec {
  activeDeadlineSeconds?: number
  backoffLimit?: number
  backoffLimitPerIndex?: number
  completionMode?: string
  completions?: number
  managedBy?: string
  manualSelector?: boolean
  maxFailedIndexes?: number
  parallelism?: number
  podFailurePolicy?: PodFailurePolicy
  podReplacementPolicy?: string
  selector?: LabelSelector
  successPolicy?: SuccessPolicy
  suspend?: boolean
  template: PodTemplateSpec
  ttlSecondsAfterFinished?: number
}

export interface JobStatus {
  active?: number
  completedIndexes?: string
  completionTime?: string
  conditions?: Array<JobCondition>
  failed?: number
  failedIndexes?: string
  ready?: number
  startTime?: string
  succeeded?: number
  terminating?: number
  uncountedTerminatedPods?: UncountedTerminatedPods
}

export interface JobTemplateSpec {
  metadata?: ObjectMeta
  spec?: JobSpec
}

export interface PodFailurePolicy {
  rules: Array<PodFailurePolicyRule>
}

export interface PodFailurePolicyOnExitCodesRequirement {
  containerName?: string
  operator: string
  values: Array<number>
}

export interface PodFailurePolicyOnPodConditionsPattern {
  status: string
  type: string
}

export interface PodFailurePolicyRule {
  action: string
  onExitCodes?: PodFailurePolicyOnExitCodesRequirement
  onPodConditions?: Array<PodFailurePolicyOnPodConditionsPattern>
}

export interface SuccessPolicy {
  rules: Array<SuccessPolicyRule>
}

export interface SuccessPolicyRule {
  succeededCount?: number
  succeededIndexes?: string
}

export interface UncountedTerminatedPods {
  failed?: Array<string>
  succeeded?: Array<string>
}
