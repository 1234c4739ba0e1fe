/** Service-account tokens, upstream's claims (`pkg/serviceaccount/{claims,legacy}.go`). */
import type { Clock, Random } from '../shared/base/host.ts'
import { publicJwk, signingKey, signJwt, verifyJwt, verifyingKey } from '../shared/pki/jwt.ts'
import type { Claims, SigningKey, VerifyingKey } from '../shared/pki/jwt.ts'
import type { Bound, ServiceAccountClaims, TokenIssuer, TokenRequested, TokenVerifier } from './api-server/authn/service-account.ts'

export const issuer = 'https://kubernetes.default.svc.cluster.local'
/** Of tokens that are kept in Secrets. */
const legacyIssuer = 'kubernetes/serviceaccount'

/** A minute of disagreement between clocks is tolerated; a node that boots in 1970 gets its tokens with the server's time. */
const leeway = 60

export interface ServiceAccountTokens extends TokenIssuer, TokenVerifier {
  /** Signs with this key from now on; what the earlier ones signed stays good. */
  signWith(keyPem: string): void
}

/** `keyPem` signs; `alsoPem`, private or public keys, are those of earlier days, whose tokens are still good. */
export function createServiceAccountTokens(options: { keyPem: string; alsoPem?: readonly string[]; clock: Clock; random: Random }): ServiceAccountTokens {
  const { clock, random } = options
  let key: SigningKey = signingKey(options.keyPem)
  let keys: readonly VerifyingKey[] = [key, ...(options.alsoPem ?? []).map(verifyingKey)].filter((k, i, all) => all.findIndex((o) => o.id === k.id) === i)
  return {
    issuer, audiences: [issuer],
    keySet: () => ({ keys: keys.map(publicJwk) }),
    signWith(keyPem) {
      key = signingKey(keyPem)
      keys = [key, ...keys.filter((k) => k.id !== key.id)]
    },

    async issue(request) {
      const now = Math.floor(clock.now() / 1000)
      const audiences = request.audiences.length ? request.audiences : [issuer]
      const told = now + (request.warnAfterSeconds ?? request.expirationSeconds)
      return { token: signJwt(key, boundClaims(request, { now, audiences, id: random.uuid() })), expirationTimestamp: `${new Date(told * 1000).toISOString().slice(0, 19)}Z`, audiences }
    },

    issueLegacy: ({ namespace, serviceAccount, secret }) => signJwt(key, {
      iss: legacyIssuer, 'kubernetes.io/serviceaccount/namespace': namespace, 'kubernetes.io/serviceaccount/secret.name': secret,
      'kubernetes.io/serviceaccount/service-account.name': serviceAccount.name, 'kubernetes.io/serviceaccount/service-account.uid': serviceAccount.uid,
      sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    }),

    async verify(token) {
      const claims = verifyJwt(keys, token)
      if (claims?.iss === legacyIssuer) return legacyClaims(claims)
      const now = clock.now() / 1000
      if (claims?.iss !== issuer || typeof claims.exp !== 'number' || typeof claims.nbf !== 'number' || claims.exp + leeway < now || claims.nbf - leeway > now) return undefined
      return readClaims(claims)
    },
  }
}

function boundClaims(request: TokenRequested, { now, audiences, id }: { now: number; audiences: readonly string[]; id: string }): Claims {
  const { namespace, serviceAccount, pod, secret, node, expirationSeconds, warnAfterSeconds } = request
  return {
    aud: audiences, exp: now + expirationSeconds, iat: now, iss: issuer, jti: id,
    'kubernetes.io': {
      namespace, ...(node ? { node } : {}), ...(pod ? { pod } : {}), ...(secret ? { secret } : {}), serviceaccount: serviceAccount,
      ...(warnAfterSeconds === undefined ? {} : { warnafter: now + warnAfterSeconds }),
    },
    nbf: now, sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
  }
}

const bound = (v: unknown): Bound | undefined => {
  const { name, uid } = (v ?? {}) as { name?: unknown; uid?: unknown }
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined
}

function readClaims(claims: Claims): ServiceAccountClaims | undefined {
  const about = claims['kubernetes.io'] as { namespace?: unknown; serviceaccount?: unknown; pod?: unknown; secret?: unknown; node?: { name?: unknown; uid?: unknown } } | undefined
  const serviceAccount = bound(about?.serviceaccount)
  if (typeof about?.namespace !== 'string' || !serviceAccount || !Array.isArray(claims.aud)) return undefined
  const [pod, secret] = [bound(about.pod), bound(about.secret)]
  // What the token says it is bound to and we cannot read must not count as unbound.
  if ((about.pod !== undefined && !pod) || (about.secret !== undefined && !secret)) return undefined
  const { name, uid } = about.node ?? {}
  return {
    namespace: about.namespace, serviceAccount, audiences: claims.aud.filter((a): a is string => typeof a === 'string'),
    ...(pod ? { pod } : {}), ...(secret ? { secret } : {}), ...(typeof name === 'string' ? { node: { name, ...(typeof uid === 'string' ? { uid } : {}) } } : {}),
    ...(typeof claims.jti === 'string' ? { id: claims.jti } : {}),
  }
}

function legacyClaims(claims: Claims): ServiceAccountClaims | undefined {
  const read = (part: string): string => {
    const value = claims[`kubernetes.io/serviceaccount/${part}`]
    return typeof value === 'string' ? value : ''
  }
  const [namespace, secret, name, uid] = [read('namespace'), read('secret.name'), read('service-account.name'), read('service-account.uid')]
  if (!namespace || !secret || !name || !uid || claims.sub !== `system:serviceaccount:${namespace}:${name}`) return undefined
  return { namespace, serviceAccount: { name, uid }, legacySecret: secret, audiences: [issuer] }
}
