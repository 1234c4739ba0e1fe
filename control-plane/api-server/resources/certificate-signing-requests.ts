import type { CertificateSigningRequest } from '../../../shared/api/certificates-v1.ts'
import { define } from './define.ts'

export const certificateSigningRequests = define<CertificateSigningRequest>({
  group: 'certificates.k8s.io', version: 'v1', resource: 'certificatesigningrequests', kind: 'CertificateSigningRequest', namespaced: false, schema: 'certificates-v1.CertificateSigningRequest', shortNames: ['csr'], subresources: { status: true },
})
