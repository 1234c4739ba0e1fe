// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

export interface CrossVersionObjectReference {
  apiVersion?: string
  kind: string
  name: string
}

export interface HorizontalPodAutoscaler {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: HorizontalPodAutoscalerSpec
  status?: HorizontalPodAutoscalerStatus
}

export interface HorizontalPodAutoscalerList {
  apiVersion?: string
  items: Array<HorizontalPodAutoscaler>
  kind?: string
  metadata?: ListMeta
}

export interface HorizontalPodAutoscalerSpec {
  maxReplicas: number
  minReplicas?: number
  scaleTargetRef: CrossVersionObjectReference
  targetCPUUtilizationPercentage?: number
}

export interface HorizontalPodAutoscalerStatus {
  currentCPUUtilizationPercentage?: number
  currentReplicas: number
  desiredReplicas: number
  lastScaleTime?: string
  observedGeneration?: number
}

export interface Scale {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: ScaleSpec
  status?: ScaleStatus
}

export interface ScaleSpec {
  replicas?: number
}

export interface ScaleStatus {
  replicas: number
  selector?: string
}
