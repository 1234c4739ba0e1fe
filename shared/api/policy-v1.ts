// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { Condition, DeleteOptions, LabelSelector, ListMeta, ObjectMeta } from './meta-v1.ts'

export interface Eviction {
  apiVersion?: string
  deleteOptions?: DeleteOptions
  kind?: string
  metadata?: ObjectMeta
}

export interface PodDisruptionBudget {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: PodDisruptionBudgetSpec
  status?: PodDisruptionBudgetStatus
}

export interface PodDisruptionBudgetList {
  apiVersion?: string
  items: Array<PodDisruptionBudget>
  kind?: string
  metadata?: ListMeta
}

export interface PodDisruptionBudgetSpec {
  maxUnavailable?: (number | string)
  minAvailable?: (number | string)
  selector?: LabelSelector
  unhealthyPodEvictionPolicy?: string
}

export interface PodDisruptionBudgetStatus {
  conditions?: Array<Condition>
  currentHealthy: number
  desiredHealthy: number
  disruptedPods?: Record<string, string>
  disruptionsAllowed: number
  expectedPods: number
  observedGeneration?: number
}
