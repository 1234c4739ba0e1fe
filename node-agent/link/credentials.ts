/** The node's certificate and key, and the cluster's CA, as files: what makes this machine a member. */
import { join } from 'node:path'
import { certificateInfo } from '../../shared/pki/certificate-info.ts'
import { readIfThere, writeFileAtomic } from '../../shared/host/files.ts'
import type { Identity } from './tls-connection.ts'

export interface Credentials extends Identity { readonly caPem: string }

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/
const privateKey = /-----BEGIN (?:EC )?PRIVATE KEY-----[^-]+-----END (?:EC )?PRIVATE KEY-----\n?/

const caFile = (folder: string): string => join(folder, 'ca.crt')
/** Certificate and key in one file, replaced in one step: never one without the other. */
const identityFile = (folder: string): string => join(folder, 'node.pem')

/** Undefined where the node has not joined. Throws where the files are there and cannot be used. */
export async function loadCredentials(folder: string): Promise<Credentials | undefined> {
  const [caPem, pair] = await Promise.all([readIfThere(caFile(folder)), readIfThere(identityFile(folder))])
  if (caPem === undefined || pair === undefined) return undefined
  const certPem = certificate.exec(pair)?.[0]
  const keyPem = privateKey.exec(pair)?.[0]
  if (!certPem || !keyPem) throw new Error(`${identityFile(folder)} does not hold a certificate and its key: remove it to join again`)
  certificateInfo(certPem)
  return { caPem, certPem, keyPem }
}

/** Durable when it resolves. The key is readable by its owner only. */
export async function saveCredentials(folder: string, c: Credentials): Promise<void> {
  await writeFileAtomic(caFile(folder), c.caPem, { mode: 0o644 })
  await writeFileAtomic(identityFile(folder), `${c.certPem.trimEnd()}\n${c.keyPem.trimEnd()}\n`, { mode: 0o600 })
}
