/** Bound service-account tokens, upstream's claims (`pkg/serviceaccount/claims.go`). */
import type { Clock, Random } from '../shared/base/host.ts'
import { signingKey, signJwt, verifyJwt } from '../shared/pki/jwt.ts'
import type { ServiceAccountClaims, TokenIssuer, TokenVerifier } from './api-server/authn/service-account.ts'

export const issuer = 'https://kubernetes.default.svc.cluster.local'

interface Named { readonly name: string; readonly uid: string }
const named = (v: unknown): Named | undefined => {
  const { name, uid } = (v ?? {}) as { name?: unknown; uid?: unknown }
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined
}

/** A minute of disagreement between clocks is tolerated; a node that boots in 1970 gets its tokens with the server's time. */
const leeway = 60

export function createServiceAccountTokens(options: { keyPem: string; clock: Clock; random: Random }): TokenIssuer & TokenVerifier {
  const key = signingKey(options.keyPem)
  return {
    async issue(request) {
      const now = Math.floor(options.clock.now() / 1000)
      const expires = now + request.expirationSeconds
      const audiences = request.audiences.length ? request.audiences : [issuer]
      const token = signJwt(key, {
        iss: issuer, aud: audiences, iat: now, nbf: now, exp: expires, jti: options.random.uuid(), sub: `system:serviceaccount:${request.namespace}:${request.serviceAccount.name}`,
        'kubernetes.io': {
          namespace: request.namespace, serviceaccount: request.serviceAccount,
          ...(request.pod ? { pod: { name: request.pod.name, uid: request.pod.uid } } : {}), ...(request.pod?.node ? { node: { name: request.pod.node } } : {}),
        },
      })
      return { token, expirationTimestamp: new Date(expires * 1000).toISOString().replace('.000', ''), audiences }
    },

    async verify(token) {
      const claims = verifyJwt([key], token)
      const now = options.clock.now() / 1000
      if (claims?.iss !== issuer || typeof claims.exp !== 'number' || typeof claims.nbf !== 'number' || claims.exp + leeway < now || claims.nbf - leeway > now) return undefined
      const bound = claims['kubernetes.io'] as { namespace?: unknown; serviceaccount?: unknown; pod?: unknown } | undefined
      const serviceAccount = named(bound?.serviceaccount)
      if (typeof bound?.namespace !== 'string' || !serviceAccount || !Array.isArray(claims.aud)) return undefined
      const pod = named(bound.pod)
      const result: ServiceAccountClaims = {
        namespace: bound.namespace, serviceAccount, audiences: claims.aud.filter((a): a is string => typeof a === 'string'),
        ...(pod ? { pod } : {}), ...(typeof claims.jti === 'string' ? { id: claims.jti } : {}),
      }
      return result.audiences.includes(issuer) ? result : undefined
    },
  }
}
