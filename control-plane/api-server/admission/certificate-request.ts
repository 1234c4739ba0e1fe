/** A certificate request is made in the name of whoever posts it (`pkg/registry/certificates/certificates.csrStrategy.PrepareForCreate`). */
import type { CertificateSigningRequest } from '../../../shared/api/certificates-v1.ts'
import type { AdmissionPlugin } from './chain.ts'

export const certificateRequest: AdmissionPlugin = {
  name: 'CertificateRequester',
  mutate({ operation, definition, object, user }) {
    if (operation !== 'CREATE' || definition.resource !== 'certificatesigningrequests' || !object) return
    const { spec } = object as Partial<CertificateSigningRequest>
    if (!spec) return
    spec.username = user.name
    spec.groups = [...user.groups]
    if (user.uid) spec.uid = user.uid
    else delete spec.uid
    if (user.extra) spec.extra = Object.fromEntries(Object.entries(user.extra).map(([k, v]) => [k, [...v]]))
    else delete spec.extra
  },
}
