import { createHash, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { caHash, certificateInfo, renewAt, signedBy } from './certificate-info.ts'
import { createCa, createKeyAndCsr, issueCertificate, readCsr, signCsr } from './certificates.ts'
import { formatJoinToken, parseJoinToken, tokenText } from './join-token.ts'
import { signingKey, signJwt, verifyJwt } from './jwt.ts'

const now = Date.UTC(2026, 0, 1)
const day = 86_400_000

describe('certificates', () => {
  it('issues leaves that the CA vouches for and a foreign CA does not', async () => {
    const ca = await createCa({ commonName: 'bramble-ca' }, { now, ttl: 3650 * day })
    const foreign = await createCa({ commonName: 'bramble-ca' }, { now, ttl: 3650 * day })
    const leaf = await issueCertificate(ca, { commonName: 'system:node:pi,1', organizations: ['system:nodes', 'b=c'] }, { now, ttl: 365 * day, usages: ['client', 'server'], dnsNames: ['pi-1'], ips: ['10.0.0.1'] })
    expect(certificateInfo(leaf.certPem)).toMatchObject({ commonName: 'system:node:pi,1', organizations: ['system:nodes', 'b=c'], notBefore: now - day, notAfter: now + 365 * day, altNames: ['DNS:pi-1', 'IP Address:10.0.0.1'] })
    expect(signedBy(leaf.certPem, ca.certPem)).toBe(true)
    expect(signedBy(leaf.certPem, foreign.certPem)).toBe(false)
    expect(new X509Certificate(ca.certPem).ca).toBe(true)
  })

  it('signs a request with the subject and key of the request, and never outlives the CA', async () => {
    const ca = await createCa({ commonName: 'ca' }, { now, ttl: 10 * day })
    const { csrPem } = await createKeyAndCsr({ commonName: 'system:node:a', organizations: ['system:nodes'] })
    expect(await readCsr(csrPem)).toEqual({ commonName: 'system:node:a', organizations: ['system:nodes'], dnsNames: [], ips: [] })
    const info = certificateInfo(await signCsr(ca, csrPem, { now, ttl: 365 * day, usages: ['client'] }))
    expect(info).toMatchObject({ commonName: 'system:node:a', organizations: ['system:nodes'], notAfter: now + 10 * day })
    await expect(readCsr(ca.certPem)).rejects.toThrow()
  })

  it('renews with a third of the life left', () => {
    expect(renewAt({ notBefore: 0, notAfter: 90 })).toBe(60)
  })

  it('hashes the CA as openssl does', async () => {
    const ca = await createCa({ commonName: 'ca' }, { now, ttl: day })
    const der = Buffer.from(ca.certPem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
    expect(caHash(ca.certPem)).toBe(createHash('sha256').update(der).digest('hex'))
  })
})

describe('join token', () => {
  it('round-trips and refuses anything else', () => {
    const token = { id: 'abc123', secret: '0123456789abcdef', caHash: 'a'.repeat(64) }
    expect(parseJoinToken(formatJoinToken(token))).toEqual(token)
    for (const bad of ['', 'abc123.0123456789abcdef', 'ABC123.0123456789abcdef@' + 'a'.repeat(64), 'abc123.0123456789abcde@' + 'a'.repeat(64)]) expect(parseJoinToken(bad)).toBeUndefined()
  })

  it('makes text without bias from any bytes', () => {
    const text = tokenText(16, () => Uint8Array.from([255, 0, 35, 36, 251, 254]))
    expect(text).toHaveLength(16)
    expect(text).toMatch(/^[a-z0-9]+$/)
  })
})

describe('jwt', () => {
  it('accepts what a known key signed and nothing else', async () => {
    const [a, b] = await Promise.all([1, 2].map(async () => signingKey((await createKeyAndCsr({ commonName: 'x' })).keyPem)))
    if (!a || !b) throw new Error('no keys')
    const token = signJwt(a, { sub: 'system:serviceaccount:default:default' })
    expect(verifyJwt([b, a], token)).toEqual({ sub: 'system:serviceaccount:default:default' })
    expect(verifyJwt([b], token)).toBeUndefined()
    const [head, , signature] = token.split('.')
    expect(verifyJwt([a], `${head}.${Buffer.from('{"sub":"admin"}').toString('base64url')}.${signature}`)).toBeUndefined()
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: a.id })).toString('base64url')
    expect(verifyJwt([a], `${none}.${token.split('.')[1]}.`)).toBeUndefined()
    expect(verifyJwt([a], 'x.y')).toBeUndefined()
  })
})
