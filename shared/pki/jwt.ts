/**
 * JSON web tokens for service accounts: ES256 only (RFC 7515, RFC 7518 §3.4). The algorithm is pinned by the verifier, never taken
 * from the token.
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

export type Claims = Readonly<Record<string, unknown>>

export interface VerifyingKey { readonly id: string; readonly publicKey: KeyObject }
export interface SigningKey extends VerifyingKey { readonly privateKey: KeyObject }

const idOf = (publicKey: KeyObject): string => createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64url')

/** A P-256 private key in PEM; its id is the hash of its public half, so that verifiers find it again after a rotation. */
export function signingKey(keyPem: string): SigningKey {
  const privateKey = createPrivateKey(keyPem)
  const publicKey = createPublicKey(privateKey)
  return { id: idOf(publicKey), privateKey, publicKey }
}

/** A private or public key in PEM, for checking alone. */
export function verifyingKey(pem: string): VerifyingKey {
  const publicKey = createPublicKey(pem)
  return { id: idOf(publicKey), publicKey }
}

/** The public half as a JSON Web Key (RFC 7517). */
export function publicJwk({ id, publicKey }: VerifyingKey): object {
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  return { use: 'sig', kty, kid: id, crv, alg: 'ES256', x, y }
}

const part = (o: unknown): string => Buffer.from(JSON.stringify(o)).toString('base64url')

export function signJwt(key: SigningKey, claims: Claims): string {
  const body = `${part({ alg: 'ES256', kid: key.id })}.${part(claims)}`
  return `${body}.${sign('sha256', Buffer.from(body), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
  } catch {
    // Not JSON: the caller refuses the token.
    return undefined
  }
}

/** The claims of a token signed by one of the keys, undefined for anything else. Times and audiences are the caller's to judge. */
export function verifyJwt(keys: readonly VerifyingKey[], token: string): Claims | undefined {
  const [head, body, signature, ...rest] = token.split('.')
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0) return undefined
  const header = parsed(head)
  if (header?.alg !== 'ES256') return undefined
  const key = keys.find((k) => k.id === header.kid)
  if (!key) return undefined
  const valid = verify('sha256', Buffer.from(`${head}.${body}`), { key: key.publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
  return valid ? parsed(body) : undefined
}
