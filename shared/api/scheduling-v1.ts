// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

export interface PriorityClass {
  apiVersion?: string
  description?: string
  globalDefault?: boolean
  kind?: string
  metadata?: ObjectMeta
  preemptionPolicy?: string
  value: number
}

export interface PriorityClassList {
  apiVersion?: string
  items: Array<PriorityClass>
  kind?: string
  metadata?: ListMeta
}
