/** Reading certificates, with Node's own X.509 parser: cheap enough for the request path. */
import { createHash, X509Certificate } from 'node:crypto'
import type { Millis } from '../base/brands.ts'

export interface CertificateInfo {
  readonly commonName: string
  readonly organizations: readonly string[]
  /** Wall clock. */
  readonly notBefore: Millis
  readonly notAfter: Millis
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint: string
  /** `DNS:name`, `IP Address:1.2.3.4`, as Node prints them. */
  readonly altNames: readonly string[]
}

/** Throws where the text is not a certificate. */
export function certificateInfo(pem: string | Buffer): CertificateInfo {
  const cert = new X509Certificate(pem)
  // The legacy form is what TLS sockets show of a peer, and the only one whose values are not escaped.
  const { CN, O } = cert.toLegacyObject().subject as { CN?: string | string[]; O?: string | string[] }
  return {
    commonName: [CN ?? ''].flat()[0] ?? '',
    organizations: [O ?? []].flat(),
    notBefore: cert.validFromDate.getTime(),
    notAfter: cert.validToDate.getTime(),
    fingerprint: cert.fingerprint256.replaceAll(':', '').toLowerCase(),
    altNames: cert.subjectAltName?.split(', ') ?? [],
  }
}

/** SHA-256 of the certificate's DER, lower-case hex: what a join token pins. */
export const caHash = (pem: string | Buffer): string => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')

/** Is `cert` signed by `ca`, whatever the clock says? */
export function signedBy(cert: string | Buffer, ca: string | Buffer): boolean {
  const issuer = new X509Certificate(ca)
  const leaf = new X509Certificate(cert)
  return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)
}

/** When to renew: after two thirds of the life, so that a third is left for a node that is offline. */
export const renewAt = (info: Pick<CertificateInfo, 'notBefore' | 'notAfter'>): Millis => info.notBefore + ((info.notAfter - info.notBefore) * 2) / 3
