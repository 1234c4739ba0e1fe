/** Which certificate requests are granted, and with what (upstream `pkg/controller/certificates/{approver,signer,cleaner}`). Pure. */
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../../shared/api/certificates-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { fromTimestamp, timestamp } from '../../../shared/values/timestamp.ts'

export const clientSigner = 'kubernetes.io/kube-apiserver-client'
export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet'
export const kubeletServingSigner = 'kubernetes.io/kubelet-serving'

/** What was read from the request itself; `error` where it could not be. */
export type Requested = { readonly commonName: string; readonly organizations: readonly string[]; readonly dnsNames: readonly string[]; readonly ips: readonly string[] } | { readonly error: string }

/** What somebody must be allowed to create for their request to be approved without a person: a node's first certificate, or its next. */
export type NodeRight = 'nodeclient' | 'selfnodeclient'

export type Plan =
  | { readonly do: 'nothing' }
  /** If one of the rights is held. */
  | { readonly do: 'approve'; readonly rights: readonly NodeRight[] }
  | { readonly do: 'sign'; readonly ttl: number | undefined; readonly usages: readonly ('client' | 'server')[] }
  | { readonly do: 'fail'; readonly condition: CertificateSigningRequestCondition }
  | { readonly do: 'delete' }

const hour = 3_600_000
const day = 24 * hour

const has = (csr: CertificateSigningRequest, type: string): CertificateSigningRequestCondition | undefined => csr.status?.conditions?.find((c) => c.type === type)

interface Signer { readonly required: readonly string[]; readonly allowed: readonly string[]; refusal?(requested: Exclude<Requested, { error: string }>): string | undefined }

function notANode({ commonName, organizations }: Exclude<Requested, { error: string }>): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== 'system:nodes') return 'subject organization is not system:nodes'
  return commonName.startsWith('system:node:') && commonName !== 'system:node:' ? undefined : 'subject common name does not begin with system:node:'
}

/** The signers we are (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers). */
const signers: Readonly<Record<string, Signer>> = {
  [clientSigner]: { required: ['client auth'], allowed: ['digital signature', 'key encipherment'] },
  [kubeletClientSigner]: {
    required: ['client auth', 'digital signature'], allowed: ['key encipherment'],
    refusal: (requested) => notANode(requested)
      ?? (requested.dnsNames.length ? 'DNS subjectAltNames are not allowed' : requested.ips.length ? 'IP subjectAltNames are not allowed' : undefined),
  },
  [kubeletServingSigner]: {
    required: ['digital signature', 'server auth'], allowed: ['key encipherment'],
    refusal: (requested) => notANode(requested) ?? (requested.dnsNames.length + requested.ips.length ? undefined : 'DNS or IP subjectAltName is required'),
  },
}

/** Why the signer does not sign the request, approved or not; undefined where it does. */
export function refusal({ spec }: CertificateSigningRequest, requested: Requested): string | undefined {
  const signer = signers[spec.signerName]
  if (!signer) return `there is no signer ${spec.signerName} here`
  if ('error' in requested) return `unable to parse csr: ${requested.error}`
  const usages = spec.usages ?? []
  const good = signer.required.every((u) => usages.includes(u)) && usages.every((u) => signer.required.includes(u) || signer.allowed.includes(u))
  if (!good) return `usages did not match [${[...signer.required, ...signer.allowed].join(' ')}]`
  return signer.refusal?.(requested)
}

/** What to do now. Requests for other signers are somebody else's: they are only cleaned up. */
export function planCsr(csr: Stored<CertificateSigningRequest>, requested: Requested, now: number): Plan {
  if (untilCleanup(csr, now) === 0) return { do: 'delete' }
  const { signerName, expirationSeconds, usages = [], username } = csr.spec
  if (!signers[signerName] || has(csr, 'Denied') || has(csr, 'Failed') || csr.status?.certificate) return { do: 'nothing' }
  const why = refusal(csr, requested)
  if (!has(csr, 'Approved')) {
    // What is no node's request waits for a person.
    if (signerName !== kubeletClientSigner || why !== undefined || 'error' in requested) return { do: 'nothing' }
    return { do: 'approve', rights: username === requested.commonName ? ['selfnodeclient', 'nodeclient'] : ['nodeclient'] }
  }
  if (why !== undefined) {
    return { do: 'fail', condition: { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: why, lastUpdateTime: timestamp(now), lastTransitionTime: timestamp(now) } }
  }
  return {
    do: 'sign', ttl: expirationSeconds === undefined ? undefined : expirationSeconds * 1000,
    usages: [...(usages.includes('client auth') ? ['client' as const] : []), ...(usages.includes('server auth') ? ['server' as const] : [])],
  }
}

export const approval = (right: NodeRight, now: number): CertificateSigningRequestCondition => ({
  type: 'Approved', status: 'True', reason: 'AutoApproved', lastUpdateTime: timestamp(now), lastTransitionTime: timestamp(now),
  message: `Auto approving ${right === 'selfnodeclient' ? 'self ' : ''}kubelet client certificate after SubjectAccessReview.`,
})

/** Milliseconds until the request is deleted: an hour after it was issued, denied or failed, a day where nobody decided. One that waits for another's signer stays. */
export function untilCleanup(csr: Stored<CertificateSigningRequest>, now: number): number {
  const approved = has(csr, 'Approved')
  const ended = has(csr, 'Denied') ?? has(csr, 'Failed') ?? (csr.status?.certificate ? approved : undefined)
  if (ended) return Math.max(0, fromTimestamp(ended.lastUpdateTime ?? csr.metadata.creationTimestamp) + hour - now)
  return approved ? Infinity : Math.max(0, fromTimestamp(csr.metadata.creationTimestamp) + day - now)
}
