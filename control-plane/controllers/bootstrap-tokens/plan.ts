/** Bootstrap tokens: when each ends, and the signatures of cluster-info under those that may sign (`pkg/controller/bootstrap`). Pure. */
import type { ConfigMap, Secret } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'

export const bootstrapTokenType = 'bootstrap.kubernetes.io/token'
const SIGNATURE = 'jws-kubeconfig-'

const field = (secret: Secret, key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString()

/** Milliseconds until the token is over: 0 is now, Infinity never. One whose end cannot be read is left for a person. */
export function untilExpiry(secret: Stored<Secret>, now: number): number {
  const end = Date.parse(field(secret, 'expiration'))
  return Number.isNaN(end) ? Infinity : Math.max(0, end - now)
}

/** Token id to secret, of the tokens that sign. */
export function signingTokens(secrets: readonly Stored<Secret>[], now: number): Map<string, string> {
  const found = new Map<string, string>()
  for (const secret of secrets) {
    const [id, key] = [field(secret, 'token-id'), field(secret, 'token-secret')]
    const signs = secret.type === bootstrapTokenType && !secret.metadata.deletionTimestamp && secret.metadata.name === `bootstrap-token-${id}` && key !== ''
    if (signs && field(secret, 'usage-bootstrap-signing') === 'true' && untilExpiry(secret, now) > 0) found.set(id, key)
  }
  return found
}

/** The data cluster-info should have; undefined where it has it. `sign` makes a detached JWS. */
export function signedData(info: ConfigMap, tokens: ReadonlyMap<string, string>, sign: (content: string, id: string, secret: string) => string): Record<string, string> | undefined {
  const { kubeconfig } = info.data ?? {}
  if (kubeconfig === undefined) return undefined
  const data = Object.fromEntries(Object.entries(info.data ?? {}).filter(([key]) => !key.startsWith(SIGNATURE)))
  for (const [id, secret] of tokens) data[SIGNATURE + id] = sign(kubeconfig, id, secret)
  const keys = Object.keys(data)
  return keys.length === Object.keys(info.data ?? {}).length && keys.every((k) => info.data?.[k] === data[k]) ? undefined : data
}
