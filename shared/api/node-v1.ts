// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { Toleration } from './core-v1.ts'
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

export interface Overhead {
  podFixed?: Record<string, string>
}

export interface RuntimeClass {
  apiVersion?: string
  handler: string
  kind?: string
  metadata?: ObjectMeta
  overhead?: Overhead
  scheduling?: Scheduling
}

export interface RuntimeClassList {
  apiVersion?: string
  items: Array<RuntimeClass>
  kind?: string
  metadata?: ListMeta
}

export interface Scheduling {
  nodeSelector?: Record<string, string>
  tolerations?: Array<Toleration>
}
