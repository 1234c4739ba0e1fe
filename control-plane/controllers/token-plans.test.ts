import { describe, expect, it } from 'vitest'
import type { Secret, ServiceAccount } from '../../shared/api/core-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import { planTokenSecret } from './account-tokens/plan.ts'
import { detachedSignature } from './bootstrap-tokens/controller.ts'
import { signedData, signingTokens, untilExpiry } from './bootstrap-tokens/plan.ts'

const b64 = (text: string): string => Buffer.from(text).toString('base64')
const meta = (name: string, uid: string, more: object = {}) => ({ name, namespace: 'a', uid, resourceVersion: '1', creationTimestamp: '', ...more })
const account = { metadata: meta('robot', 'u1') } as Stored<ServiceAccount>
const secret = (data: Record<string, string>, annotations: Record<string, string> = {}): Stored<Secret> =>
  ({ type: 'kubernetes.io/service-account-token', metadata: meta('s', 'x', { annotations: { 'kubernetes.io/service-account.name': 'robot', ...annotations } }), data })

describe('a Secret for an account\'s token', () => {
  it('gets what it lacks, and no more', () => {
    expect(planTokenSecret(secret({}), account, 'CA')).toEqual({ do: 'fill', uid: 'u1', token: true, data: { 'ca.crt': b64('CA'), namespace: b64('a') } })
    const whole = { token: 't', 'ca.crt': b64('CA'), namespace: b64('a') }
    expect(planTokenSecret(secret(whole, { 'kubernetes.io/service-account.uid': 'u1' }), account, 'CA')).toEqual({ do: 'nothing' })
    expect(planTokenSecret(secret(whole, { 'kubernetes.io/service-account.uid': 'u1' }), account, 'NEW')).toEqual({ do: 'fill', uid: 'u1', token: false, data: { 'ca.crt': b64('NEW') } })
  })
  it('goes with its account, also where another has its name', () => {
    expect(planTokenSecret(secret({}), undefined, 'CA')).toEqual({ do: 'delete' })
    expect(planTokenSecret(secret({}, { 'kubernetes.io/service-account.uid': 'u0' }), account, 'CA')).toEqual({ do: 'delete' })
  })
})

describe('bootstrap tokens', () => {
  const token = (id: string, more: Record<string, string>): Stored<Secret> => ({
    type: 'bootstrap.kubernetes.io/token', metadata: meta(`bootstrap-token-${id}`, id),
    data: Object.fromEntries(Object.entries({ 'token-id': id, 'token-secret': 'shh', ...more }).map(([k, v]) => [k, b64(v)])),
  })
  const now = Date.parse('2026-01-01T00:00:00Z')
  it('end when they say', () => {
    expect(untilExpiry(token('a', { expiration: '2026-01-01T01:00:00Z' }), now)).toBe(3_600_000)
    expect(untilExpiry(token('a', { expiration: '2025-01-01T01:00:00Z' }), now)).toBe(0)
    expect(untilExpiry(token('a', {}), now)).toBe(Infinity)
  })
  it('sign cluster-info while they may, and their signatures go with them', () => {
    const tokens = signingTokens([token('aaaaaa', { 'usage-bootstrap-signing': 'true' }), token('bbbbbb', {}), token('cccccc', { 'usage-bootstrap-signing': 'true', expiration: '2025-01-01T00:00:00Z' })], now)
    const data = signedData({ data: { kubeconfig: 'K', other: 'o', 'jws-kubeconfig-cccccc': 'old' } }, tokens, detachedSignature)
    expect(Object.keys(data ?? {}).sort()).toEqual(['jws-kubeconfig-aaaaaa', 'kubeconfig', 'other'])
    expect(data?.['jws-kubeconfig-aaaaaa']).toMatch(/^eyJhbGciOiJIUzI1NiIsImtpZCI6ImFhYWFhYSJ9\.\.[\w-]{43}$/)
    expect(signedData({ data: data ?? {} }, tokens, detachedSignature)).toBeUndefined()
  })
})
