// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ObjectMeta } from './meta-v1.ts'

export interface BoundObjectReference {
  apiVersion?: string
  kind?: string
  name?: string
  uid?: string
}

export interface SelfSubjectReview {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  status?: SelfSubjectReviewStatus
}

export interface SelfSubjectReviewStatus {
  userInfo?: UserInfo
}

export interface TokenRequest {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: TokenRequestSpec
  status?: TokenRequestStatus
}

export interface TokenRequestSpec {
  audiences: Array<string>
  boundObjectRef?: BoundObjectReference
  expirationSeconds?: number
}

export interface TokenRequestStatus {
  expirationTimestamp: string
  token: string
}

export interface TokenReview {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: TokenReviewSpec
  status?: TokenReviewStatus
}

export interface TokenReviewSpec {
  audiences?: Array<string>
  token?: string
}

export interface TokenReviewStatus {
  audiences?: Array<string>
  authenticated?: boolean
  error?: string
  user?: UserInfo
}

export interface UserInfo {
  extra?: Record<string, Array<string>>
  groups?: Array<string>
  uid?: string
  username?: string
}
