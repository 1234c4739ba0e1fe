// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

export interface APIService {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: APIServiceSpec
  status?: APIServiceStatus
}

export interface APIServiceCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface APIServiceList {
  apiVersion?: string
  items: Array<APIService>
  kind?: string
  metadata?: ListMeta
}

export interface APIServiceSpec {
  caBundle?: string
  group?: string
  groupPriorityMinimum: number
  insecureSkipTLSVerify?: boolean
  service?: ServiceReference
  version?: string
  versionPriority: number
}

export interface APIServiceStatus {
  conditions?: Array<APIServiceCondition>
}

export interface ServiceReference {
  name?: string
  namespace?: string
  port?: number
}
