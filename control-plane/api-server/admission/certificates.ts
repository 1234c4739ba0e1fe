/** Who may approve and who may sign which certificates, and one subject nobody gets (upstream `plugin/pkg/admission/certificates`). */
import type { CertificateSigningRequest } from '../../../shared/api/certificates-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { SUPERUSERS } from '../authn/user.ts'
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts'

const GROUP = 'certificates.k8s.io'
const named = (name: string) => ({ group: GROUP, resource: 'certificatesigningrequests', name })
const isFor = ({ definition, operation, subresource }: AdmissionRequest, wanted: AdmissionRequest['operation'], view: string): boolean =>
  definition.group === GROUP && definition.resource === 'certificatesigningrequests' && operation === wanted && subresource === view

/** The verb on the signer itself, or on all of its domain: `kubernetes.io/*`. */
function maySigner(authorizer: Authorizer, { user }: AdmissionRequest, verb: 'approve' | 'sign', signer: string): boolean {
  const on = (name: string): boolean => authorizer.allows({ user, verb, isResourceRequest: true, group: GROUP, resource: 'signers', subresource: '', namespace: '', name, path: '' })
  return on(signer) || on(`${signer.split('/')[0]}/*`)
}

export const certificateApproval = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateApproval',
  validate(request) {
    if (!isFor(request, 'UPDATE', 'approval')) return
    const { signerName } = (request.old as CertificateSigningRequest).spec
    if (!maySigner(authorizer, request, 'approve', signerName)) throw forbidden(named(request.name), `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`)
  },
})

const failures = (csr: CertificateSigningRequest) => (csr.status?.conditions ?? []).filter((c) => c.type === 'Failed')

export const certificateSigning = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateSigning',
  validate(request) {
    if (!isFor(request, 'UPDATE', 'status')) return
    const [csr, old] = [request.object as CertificateSigningRequest, request.old as CertificateSigningRequest]
    if (csr.status?.certificate === old.status?.certificate && equalJson(failures(csr), failures(old))) return
    const { signerName } = old.spec
    if (!maySigner(authorizer, request, 'sign', signerName)) throw forbidden(named(request.name), `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`)
  },
})

/** Organizations of the PEM in the request; what cannot be read is left to validation. */
export type CsrOrganizations = (pem: string) => Promise<readonly string[] | undefined>

export const certificateSubjectRestriction = (organizationsOf: CsrOrganizations): AdmissionPlugin => ({
  name: 'CertificateSubjectRestriction',
  validate(request) {
    if (!isFor(request, 'CREATE', '')) return
    const { signerName, request: encoded } = (request.object as CertificateSigningRequest).spec
    if (signerName !== 'kubernetes.io/kube-apiserver-client') return
    return organizationsOf(Buffer.from(encoded, 'base64').toString()).then((organizations) => {
      if (organizations?.includes(SUPERUSERS)) throw forbidden(named(request.name), `use of ${signerName} signer with ${SUPERUSERS} group is not allowed`)
    })
  },
})
