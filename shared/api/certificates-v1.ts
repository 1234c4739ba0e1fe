// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

export interface CertificateSigningRequest {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: CertificateSigningRequestSpec
  status?: CertificateSigningRequestStatus
}

export interface CertificateSigningRequestCondition {
  lastTransitionTime?: string
  lastUpdateTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface CertificateSigningRequestList {
  apiVersion?: string
  items: Array<CertificateSigningRequest>
  kind?: string
  metadata?: ListMeta
}

export interface CertificateSigningRequestSpec {
  expirationSeconds?: number
  extra?: Record<string, Array<string>>
  groups?: Array<string>
  request: string
  signerName: string
  uid?: string
  usages?: Array<string>
  username?: string
}

export interface CertificateSigningRequestStatus {
  certificate?: string
  conditions?: Array<CertificateSigningRequestCondition>
}
