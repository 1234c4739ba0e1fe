/** Which certificate requests of nodes are granted (upstream `pkg/controller/certificates/{approver,signer,cleaner}`). Pure. */
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../../shared/api/certificates-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { fromTimestamp, timestamp } from '../../../shared/values/timestamp.ts'

export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet'
/** What was read from the request itself; `error` where it could not be. */
export type Requested = { readonly commonName: string; readonly organizations: readonly string[]; readonly dnsNames: readonly string[]; readonly ips: readonly string[] } | { readonly error: string }

export type Plan =
  | { readonly do: 'nothing' }
  | { readonly do: 'approve' | 'deny'; readonly condition: CertificateSigningRequestCondition }
  | { readonly do: 'sign'; readonly ttl: number | undefined }
  | { readonly do: 'delete' }

const hour = 3_600_000
const day = 24 * hour
const required = ['client auth', 'digital signature']
const allowed = new Set([...required, 'key encipherment'])

const has = (csr: CertificateSigningRequest, type: string): CertificateSigningRequestCondition | undefined => csr.status?.conditions?.find((c) => c.type === type)

/** Why the request is not granted; undefined where it is. */
export function refusal(csr: CertificateSigningRequest, requested: Requested): string | undefined {
  if ('error' in requested) return `the request cannot be read: ${requested.error}`
  if (!requested.commonName.startsWith('system:node:') || requested.commonName === 'system:node:') return `subject common name ${requested.commonName} does not begin with system:node:`
  if (requested.organizations.length !== 1 || requested.organizations[0] !== 'system:nodes') return 'subject organization is not system:nodes'
  if (requested.dnsNames.length > 0 || requested.ips.length > 0) return 'a client certificate has no subject alternative names'
  const usages = csr.spec.usages ?? []
  const extra = usages.find((u) => !allowed.has(u))
  if (extra !== undefined) return `usage ${extra} is not allowed`
  const missing = required.find((u) => !usages.includes(u))
  if (missing !== undefined) return `usage ${missing} is missing`
  const groups = csr.spec.groups ?? []
  if (groups.includes('system:bootstrappers')) return undefined
  if (groups.includes('system:nodes')) return csr.spec.username === requested.commonName ? undefined : `node ${csr.spec.username} asks for a certificate of ${requested.commonName}`
  return `requester ${csr.spec.username ?? ''} is neither joining with a bootstrap token nor a node`
}

/** What to do now. Requests for other signers are somebody else's: they are only cleaned up. */
export function planCsr(csr: Stored<CertificateSigningRequest>, requested: Requested, now: number): Plan {
  if (untilCleanup(csr, now) === 0) return { do: 'delete' }
  if (csr.spec.signerName !== kubeletClientSigner || has(csr, 'Denied') || has(csr, 'Failed') || csr.status?.certificate) return { do: 'nothing' }
  if (has(csr, 'Approved')) return { do: 'sign', ttl: csr.spec.expirationSeconds === undefined ? undefined : csr.spec.expirationSeconds * 1000 }
  const why = refusal(csr, requested)
  const at = { lastUpdateTime: timestamp(now), lastTransitionTime: timestamp(now) }
  return why === undefined
    ? { do: 'approve', condition: { type: 'Approved', status: 'True', reason: 'AutoApproved', message: 'Auto approving kubelet client certificate after SubjectAccessReview.', ...at } }
    : { do: 'deny', condition: { type: 'Denied', status: 'True', reason: 'BrambleNodePolicy', message: why, ...at } }
}

/** Milliseconds until the request is deleted: an hour after it was decided, a day where it never was (upstream's cleaner). */
export function untilCleanup(csr: Stored<CertificateSigningRequest>, now: number): number {
  const decided = has(csr, 'Approved') ?? has(csr, 'Denied') ?? has(csr, 'Failed')
  const since = fromTimestamp(decided?.lastUpdateTime ?? csr.metadata.creationTimestamp)
  return Math.max(0, since + (decided ? hour : day) - now)
}
