/**
 * Making certificates (ECDSA P-256, what client-go and mosquitto speak and a Pi signs in a millisecond). The X.509 library is
 * loaded on first use: a running control plane signs seldom, and the library is megabytes of heap.
 */
import { webcrypto, type webcrypto as wc } from 'node:crypto'
import type { Millis } from '../base/brands.ts'

type X509 = typeof import('@peculiar/x509')
let library: Promise<X509> | undefined
async function load(): Promise<X509> {
  library ??= (async () => {
    await import('reflect-metadata')
    const x509 = await import('@peculiar/x509')
    x509.cryptoProvider.set(webcrypto as never)
    return x509
  })()
  return library
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
type Keys = { privateKey: wc.CryptoKey; publicKey: wc.CryptoKey }

async function generate(): Promise<Keys> {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Keys
}

async function keyToPem(key: wc.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`
}

async function keyFromPem(pem: string): Promise<wc.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  return await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
}

export interface Subject { readonly commonName: string; readonly organizations?: readonly string[] }
export interface KeyPair { readonly keyPem: string; readonly certPem: string }
export type Usage = 'client' | 'server'

/** RFC 4514 wants specials escaped; the library takes attribute objects, which need none. */
const nameOf = (s: Subject): Record<string, string[]>[] => [...(s.organizations ?? []).map((o) => ({ O: [o] })), { CN: [s.commonName] }]

/** Positive and unguessable, 16 bytes (RFC 5280 §4.1.2.2 allows 20). */
function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)))
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes.toString('hex')
}

/** Certificates start a day early: boards of one site disagree about the time. */
const skew: Millis = 86_400_000

/** A self-signed CA. `ttl` in milliseconds. */
export async function createCa(subject: Subject, options: { now: Millis; ttl: Millis }): Promise<KeyPair> {
  const x509 = await load()
  const keys = await generate()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(), name: nameOf(subject), keys: keys as never, signingAlgorithm: algorithm,
    notBefore: new Date(options.now - skew), notAfter: new Date(options.now + options.ttl),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  })
  return { keyPem: await keyToPem(keys.privateKey), certPem: `${cert.toString('pem')}\n` }
}

export interface IssueOptions {
  readonly now: Millis
  /** Milliseconds. */
  readonly ttl: Millis
  readonly usages: readonly Usage[]
  readonly dnsNames?: readonly string[]
  readonly ips?: readonly string[]
}

async function issue(ca: KeyPair, subject: Subject, publicKey: unknown, o: IssueOptions): Promise<string> {
  const x509 = await load()
  const issuer = new x509.X509Certificate(ca.certPem)
  const eku = { client: x509.ExtendedKeyUsage.clientAuth, server: x509.ExtendedKeyUsage.serverAuth }
  const names = [...(o.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })), ...(o.ips ?? []).map((value) => ({ type: 'ip' as const, value }))]
  const notAfter = Math.min(o.now + o.ttl, issuer.notAfter.getTime())
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(), subject: nameOf(subject), issuer: issuer.subjectName.toJSON(), publicKey: publicKey as never, signingKey: await keyFromPem(ca.keyPem) as never,
    signingAlgorithm: algorithm, notBefore: new Date(o.now - skew), notAfter: new Date(notAfter),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension(o.usages.map((u) => eku[u])),
      await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export() as never),
      ...(names.length ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  })
  return `${cert.toString('pem')}\n`
}

/** A fresh key and a certificate for it, signed by the CA. */
export async function issueCertificate(ca: KeyPair, subject: Subject, options: IssueOptions): Promise<KeyPair> {
  const keys = await generate()
  return { keyPem: await keyToPem(keys.privateKey), certPem: await issue(ca, subject, keys.publicKey, options) }
}

/** A fresh key and a PKCS#10 request for it. */
export async function createKeyAndCsr(subject: Subject): Promise<{ keyPem: string; csrPem: string }> {
  const x509 = await load()
  const keys = await generate()
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({ name: nameOf(subject), keys: keys as never, signingAlgorithm: algorithm })
  return { keyPem: await keyToPem(keys.privateKey), csrPem: `${csr.toString('pem')}\n` }
}

export interface CsrInfo extends Required<Subject> { readonly dnsNames: readonly string[]; readonly ips: readonly string[] }

/** Throws where the text is no request or its signature (proof of possession of the key) is wrong. */
export async function readCsr(csrPem: string): Promise<CsrInfo> {
  const x509 = await load()
  const csr = new x509.Pkcs10CertificateRequest(csrPem)
  if (!await csr.verify()) throw new Error('the signature of the certificate request does not match its key')
  const san = csr.extensions.find((e) => e instanceof x509.SubjectAlternativeNameExtension)?.names.items ?? []
  return {
    commonName: csr.subjectName.getField('CN')[0] ?? '', organizations: csr.subjectName.getField('O'),
    dnsNames: san.filter((n) => n.type === 'dns').map((n) => n.value), ips: san.filter((n) => n.type === 'ip').map((n) => n.value),
  }
}

/** Signs a request: subject and key are the request's own, names and usages are the caller's to grant. */
export async function signCsr(ca: KeyPair, csrPem: string, options: IssueOptions): Promise<string> {
  const x509 = await load()
  const subject = await readCsr(csrPem)
  return await issue(ca, subject, await new x509.Pkcs10CertificateRequest(csrPem).publicKey.export(), options)
}
