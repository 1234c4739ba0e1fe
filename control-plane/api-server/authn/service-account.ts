/** What the API server needs from whoever signs and checks service-account tokens; `shared/pki` implements it. */
import type { User } from './user.ts'

/** The claims of a token whose signature, issuer and time are right. */
export interface ServiceAccountClaims {
  readonly namespace: string
  readonly serviceAccount: { readonly name: string; readonly uid: string }
  /** The pod the token is bound to; it dies with it. */
  readonly pod?: { readonly name: string; readonly uid: string }
  readonly audiences: readonly string[]
  /** `jti`, put into the user's extra for audit. */
  readonly id?: string
}

export interface TokenVerifier {
  /** Resolves with undefined where the token is not one of ours, is expired or forged: one answer, so that nothing leaks. Never rejects for bad input. */
  verify(token: string): Promise<ServiceAccountClaims | undefined>
}

export interface TokenIssuer {
  issue(request: {
    readonly namespace: string
    readonly serviceAccount: { readonly name: string; readonly uid: string }
    readonly pod?: { readonly name: string; readonly uid: string; readonly node?: string }
    /** Empty: the API server's own audience. */
    readonly audiences: readonly string[]
    readonly expirationSeconds: number
  }): Promise<{ readonly token: string; /** RFC 3339. */ readonly expirationTimestamp: string; readonly audiences: readonly string[] }>
}

export function serviceAccountUser(claims: ServiceAccountClaims): User {
  const { namespace, serviceAccount, pod, id } = claims
  const extra: Record<string, readonly string[]> = {
    ...(id ? { 'authentication.kubernetes.io/credential-id': [`JTI=${id}`] } : {}),
    ...(pod ? { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] } : {}),
  }
  return {
    name: `system:serviceaccount:${namespace}:${serviceAccount.name}`, uid: serviceAccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'], extra,
  }
}
