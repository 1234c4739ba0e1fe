/**
 * Joining: with a token that pins the CA, the node asks for its certificate; with its certificate it later asks for the next one. The same
 * CertificateSigningRequest as an upstream kubelet makes (`kubernetes.io/kube-apiserver-client-kubelet`).
 */
import type { CertificateSigningRequest } from '../../shared/api/certificates-v1.ts'
import type { Stored } from '../../shared/api/object.ts'
import type { Millis } from '../../shared/base/brands.ts'
import { isStatus, messageOf } from '../../shared/base/errors.ts'
import type { Host } from '../../shared/base/host.ts'
import { caHash, certificateInfo, signedBy } from '../../shared/pki/certificate-info.ts'
import { createKeyAndCsr } from '../../shared/pki/certificates.ts'
import { parseJoinToken } from '../../shared/pki/join-token.ts'
import { callApi, type ApiAccess } from './api-connection.ts'
import type { Credentials } from './credentials.ts'
import type { NewKey } from './new-key.ts'
import { UntrustedServerError } from './tls-connection.ts'

/** Joining cannot succeed as asked: another token, another server. */
export class EnrolError extends Error { override readonly name = 'EnrolError' }

export interface EnrolOptions {
  readonly host: Host
  readonly serverUrl: string
  readonly nodeName: string
  readonly signal: AbortSignal
  /** Makes key and request; in this process unless given. */
  readonly newKey?: NewKey | undefined
}

const csrPath = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const maxDelay: Millis = 30_000

/** Waits for a server that cannot be reached; rejects with {@link EnrolError} where waiting would not help. */
export async function enrol(options: EnrolOptions & { joinToken: string }): Promise<Credentials> {
  const token = parseJoinToken(options.joinToken)
  if (!token) throw new EnrolError('the join token is not of the form <id>.<secret>@<hash of the CA>')
  const log = options.host.log.child('enrol')
  let delay: Millis = 1000
  for (;;) {
    try {
      const caPem = await fetchCa(options, token.caHash)
      const { clock } = options.host
      const credentials = await obtainCertificate(options, { serverUrl: options.serverUrl, ca: caPem, token: `${token.id}.${token.secret}`, clock, signal: options.signal })
      log.info('joined', { node: options.nodeName })
      return credentials
    } catch (error) {
      const final = hopeless(error)
      if (final) throw final
      log.warn('cannot join yet, will try again', { error: messageOf(error) })
      await options.host.clock.sleep(delay * (1 - options.host.random.float() / 2), options.signal)
      delay = Math.min(delay * 2, maxDelay)
    }
  }
}

function hopeless(error: unknown): Error | undefined {
  if (error instanceof EnrolError) return error
  if (error instanceof UntrustedServerError) return new EnrolError(error.message, { cause: error })
  if (!isStatus(error)) return undefined
  if (error.code === 401) return new EnrolError('the join token is unknown or has expired: make a new one with `bramble token create`', { cause: error })
  if (error.code === 403) return new EnrolError(`the join token does not allow joining: ${error.message}`, { cause: error })
  return undefined
}

/** The CA is fetched from a server we do not know yet, and believed because its hash is the one in the token. */
async function fetchCa({ host, serverUrl, signal }: EnrolOptions, hash: string): Promise<string> {
  const pem = await callApi({ serverUrl, ca: 'unverified', clock: host.clock, signal }, 'GET', '/cacerts')
  let found: string
  try {
    found = caHash(pem)
  } catch (error) {
    throw new EnrolError(`${serverUrl} answers /cacerts with something that is not a certificate`, { cause: error })
  }
  if (found !== hash) throw new EnrolError(`${serverUrl} is not the cluster of this token: its CA has the hash ${found}, the token pins ${hash}`)
  return pem
}

/** A new key, and a certificate for it. `access` is a join token's or the certificate in use. */
export async function obtainCertificate(options: Pick<EnrolOptions, 'host' | 'nodeName' | 'signal' | 'newKey'>, access: ApiAccess & { ca: string }): Promise<Credentials> {
  const { host, nodeName, signal, newKey = createKeyAndCsr } = options
  const { keyPem, csrPem } = await newKey({ commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] })
  const created = JSON.parse(await callApi(access, 'POST', csrPath, {
    apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { generateName: 'node-csr-' },
    spec: { request: Buffer.from(csrPem).toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'] },
  } satisfies CertificateSigningRequest)) as Stored<CertificateSigningRequest>
  const certPem = await issued(host, signal, access, created)
  if (!signedBy(certPem, access.ca)) throw new EnrolError('the certificate received is not signed by the CA of this cluster')
  const { commonName } = certificateInfo(certPem)
  if (commonName !== `system:node:${nodeName}`) throw new EnrolError(`the certificate received is for ${commonName}`)
  return { caPem: access.ca, certPem, keyPem }
}

/** How long a request waits for its approval before it is made anew. Upstream drops pending requests after a day. */
const approvalTimeout: Millis = 15 * 60_000

/** Once in the life of a certificate, and signed within a moment in the usual case: asking again costs less here than a watch. */
async function issued(host: Host, signal: AbortSignal, access: ApiAccess, created: Stored<CertificateSigningRequest>): Promise<string> {
  let csr = created
  let delay: Millis = 100
  const started = host.clock.monotonic()
  for (;;) {
    const { certificate, conditions = [] } = csr.status ?? {}
    if (certificate) return Buffer.from(certificate, 'base64').toString()
    const refused = conditions.find((c) => c.type === 'Denied' || c.type === 'Failed')
    if (refused) throw new EnrolError(`the request for a certificate was ${refused.type === 'Denied' ? 'denied' : 'not fulfilled'}: ${refused.message ?? refused.reason ?? 'no reason given'}`)
    if (host.clock.monotonic() - started > approvalTimeout) throw new Error(`certificate request ${csr.metadata.name} was not approved`)
    await host.clock.sleep(delay, signal)
    delay = Math.min(delay * 2, 10_000)
    csr = JSON.parse(await callApi(access, 'GET', `${csrPath}/${encodeURIComponent(csr.metadata.name)}`)) as Stored<CertificateSigningRequest>
  }
}
