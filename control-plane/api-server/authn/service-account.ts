/** What the API server needs from whoever signs and checks service-account tokens. */
import type { User } from './user.ts'
import { accountGroups, accountUserName, AUTHENTICATED } from './user.ts'

export interface Bound { readonly name: string; readonly uid: string }

/** The claims of a token whose signature, issuer and time are right. Audience and what it is bound to are the caller's to judge. */
export interface ServiceAccountClaims {
  readonly namespace: string
  readonly serviceAccount: Bound
  /** What the token is bound to; it dies with it. With a pod, `node` is only where the pod was. */
  readonly pod?: Bound
  readonly secret?: Bound
  readonly node?: { readonly name: string; readonly uid?: string }
  /** A token of the old kind, without end: good as long as this Secret holds it. */
  readonly legacySecret?: string
  readonly audiences: readonly string[]
  /** `jti`, put into the user's extra for audit. */
  readonly id?: string
}

export interface TokenVerifier {
  /** The API server's own: tokens for it carry one of these. */
  readonly audiences: readonly string[]
  /** Resolves with undefined where the token is not one of ours, is expired or forged: one answer, so that nothing leaks. Never rejects for bad input. */
  verify(token: string): Promise<ServiceAccountClaims | undefined>
}

export interface TokenRequested {
  readonly namespace: string
  readonly serviceAccount: Bound
  readonly pod?: Bound
  readonly secret?: Bound
  readonly node?: { readonly name: string; readonly uid?: string }
  /** Empty: the API server's own audience. */
  readonly audiences: readonly string[]
  readonly expirationSeconds: number
  /** From then on use of the token counts as late, though it is still good; `expirationTimestamp` in the answer is this time. */
  readonly warnAfterSeconds?: number
}

export interface TokenIssuer {
  issue(request: TokenRequested): Promise<{ readonly token: string; /** RFC 3339. */ readonly expirationTimestamp: string; readonly audiences: readonly string[] }>
  /** A token of the old kind, for a Secret of type `kubernetes.io/service-account-token`. */
  issueLegacy(request: { readonly namespace: string; readonly serviceAccount: Bound; readonly secret: string }): string
  /** What others need to check the tokens (OpenID Connect discovery, RFC 7517). */
  readonly issuer: string
  keySet(): { readonly keys: readonly object[] }
}

export function serviceAccountUser(claims: ServiceAccountClaims): User {
  const { namespace, serviceAccount, pod, node, id } = claims
  const extra: Record<string, readonly string[]> = {
    ...(id ? { 'authentication.kubernetes.io/credential-id': [`JTI=${id}`] } : {}),
    ...(node ? { 'authentication.kubernetes.io/node-name': [node.name], ...(node.uid ? { 'authentication.kubernetes.io/node-uid': [node.uid] } : {}) } : {}),
    ...(pod ? { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] } : {}),
  }
  return {
    name: accountUserName(namespace, serviceAccount.name), uid: serviceAccount.uid, groups: [...accountGroups(namespace), AUTHENTICATED],
    ...(Object.keys(extra).length ? { extra } : {}),
  }
}
