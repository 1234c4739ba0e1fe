/** `bramble token create`: what a node needs to join. */
import { randomBytes } from 'node:crypto'
import { parseDuration } from '../../../shared/values/duration.ts'
import { caHash } from '../../../shared/pki/certificate-info.ts'
import { formatJoinToken, tokenText } from '../../../shared/pki/join-token.ts'
import type { Connection } from '../connection.ts'

/** Stores a bootstrap token (kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens) and returns the join token. `ttl`: a duration such as `24h`. */
export async function createToken(connection: Connection, options: { ttl: string; description?: string }, now: number): Promise<string> {
  const ttl = parseDuration(options.ttl)
  if (ttl === undefined || ttl <= 0) throw new Error(`--ttl ${options.ttl}: a duration such as 30m or 24h`)
  const [id, secret] = [tokenText(6, randomBytes), tokenText(16, randomBytes)]
  await connection.call('POST', '/api/v1/namespaces/kube-system/secrets', {
    body: {
      apiVersion: 'v1', kind: 'Secret', type: 'bootstrap.kubernetes.io/token', metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
      stringData: {
        'token-id': id, 'token-secret': secret, expiration: new Date(now + ttl).toISOString(), 'usage-bootstrap-authentication': 'true', 'usage-bootstrap-signing': 'true',
        'auth-extra-groups': 'system:bootstrappers:bramble', description: options.description ?? 'made by "bramble token create"',
      },
    },
  })
  return formatJoinToken({ id, secret, caHash: caHash(connection.ca) })
}
