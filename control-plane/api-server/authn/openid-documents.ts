/** What others need to check service-account tokens by themselves (OpenID Connect Discovery 1.0 §4, upstream's `pkg/serviceaccount/openidmetadata.go`). Pure but for the request it looks at. */
import type { IncomingMessage } from 'node:http'
import type { TokenIssuer } from './service-account.ts'

/** Something served at a path of its own, beside discovery. Who may is decided by `nonResourceURLs`. */
export interface ServedDocument {
  readonly verb: 'get' | 'post'
  readonly contentType: string
  readonly cacheControl: string
  body(req: IncomingMessage): object | Promise<object>
}

const KEYS_PATH = '/openid/v1/jwks'
/** Upstream's: an hour, so that a rotation is known long before the old key's tokens have ended. */
const cacheControl = 'public, max-age=3600'

/** By path. */
export const openIdDocuments = (issuer: TokenIssuer): Readonly<Record<string, ServedDocument>> => ({
  '/.well-known/openid-configuration': {
    verb: 'get', contentType: 'application/json', cacheControl,
    body: ({ socket }) => ({
      issuer: issuer.issuer, jwks_uri: `https://${hostOf(socket.localAddress ?? '')}:${socket.localPort ?? ''}${KEYS_PATH}`,
      response_types_supported: ['id_token'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['ES256'],
    }),
  },
  [KEYS_PATH]: { verb: 'get', contentType: 'application/jwk-set+json', cacheControl, body: () => issuer.keySet() },
})

const hostOf = (address: string): string => {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
  return plain.includes(':') ? `[${plain}]` : plain
}
