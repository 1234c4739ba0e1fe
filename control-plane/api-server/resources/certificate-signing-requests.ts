import type { CertificateSigningRequest } from '../../../shared/api/certificates-v1.ts'
import { humanDuration } from '../../../shared/values/duration.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { forbidden, invalidValue, required } from './findings.ts'

type Csr = CertificateSigningRequest

function validate(csr: Csr): FieldError[] {
  const { request, signerName, usages, expirationSeconds } = csr.spec ?? {}
  const found: FieldError[] = []
  if (!usages?.length) found.push(required('spec.usages', 'usages must contain at least one value'))
  if (!request) found.push(required('spec.request', 'must contain a PEM-encoded certificate request'))
  else if (!Buffer.from(request, 'base64').includes('-----BEGIN CERTIFICATE REQUEST-----')) found.push(invalidValue('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST'))
  if (!signerName) found.push(required('spec.signerName'))
  else if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+\/[^/]+/.test(signerName)) {
    found.push(invalidValue('spec.signerName', signerName, "must be a fully qualified domain and path of the form 'example.com/signer-name'"))
  }
  if (expirationSeconds !== undefined && expirationSeconds < 600) found.push(invalidValue('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)'))
  return found
}

const isDecision = (type: string): boolean => type === 'Approved' || type === 'Denied'

/** Decisions are not taken back, and not both ways. */
function validateConditions(csr: Csr, old: Csr, subresource: string): FieldError[] {
  const before = (old.status?.conditions ?? []).filter((c) => isDecision(c.type)).map((c) => c.type)
  const after = (csr.status?.conditions ?? []).filter((c) => isDecision(c.type)).map((c) => c.type)
  const found: FieldError[] = before.filter((t) => !after.includes(t)).map((t) => forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(t)}`))
  if (subresource === 'status') found.push(...after.filter((t) => !before.includes(t)).map((t) => forbidden('status.conditions', `updates may not add a condition of type ${JSON.stringify(t)}`)))
  if (after.includes('Approved') && after.includes('Denied')) found.push(invalidValue('status.conditions', after, 'Approved and Denied conditions are mutually exclusive'))
  if (subresource === 'status' && old.status?.certificate && !equalJson(csr.status?.certificate, old.status.certificate)) found.push(forbidden('status.certificate', 'updates may not modify existing certificate content'))
  return found
}

function conditionText(csr: Csr): string {
  const has = (type: string): boolean => (csr.status?.conditions ?? []).some((c) => c.type === type)
  const words = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending']
  if (has('Failed')) words.push('Failed')
  if (csr.status?.certificate) words.push('Issued')
  return words.join(',')
}

export const certificateSigningRequests = define<Csr>({
  group: 'certificates.k8s.io', version: 'v1', resource: 'certificatesigningrequests', kind: 'CertificateSigningRequest', namespaced: false,
  schema: 'certificates-v1.CertificateSigningRequest', shortNames: ['csr'], subresources: { status: true },
  // An approval and a certificate are decisions: they are kept like a spec.
  statusDurability: 'durable',
  columns: [
    nameColumn, ageColumn, column('SignerName', (c) => c.spec?.signerName || '<none>', { description: 'signerName indicates the requested signer.' }),
    column('Requestor', (c) => c.spec?.username ?? '', { description: 'The user who made the request.' }),
    column('RequestedDuration', (c) => (c.spec?.expirationSeconds === undefined ? '<none>' : humanDuration(c.spec.expirationSeconds * 1000)), { description: 'expirationSeconds is the requested duration of validity of the issued certificate.' }),
    column('Condition', conditionText, { description: 'conditions applied to the request.' }),
  ],
  strategy: {
    default: (csr) => { csr.status ??= {} },
    /** Who asks is what authentication says, never what the body says. */
    prepareForCreate(csr, { user, groups, uid }) {
      csr.status = {}
      const { uid: _uid, groups: _groups, extra: _extra, ...spec } = csr.spec ?? { request: '', signerName: '' }
      csr.spec = { ...spec, username: user, ...(groups?.length ? { groups: [...groups] } : {}), ...(uid ? { uid } : {}) }
    },
    prepareForUpdate(csr, old, { subresource }) {
      csr.spec = old.spec
      if (subresource === '') csr.status = old.status ?? {}
      else if (subresource === 'approval') csr.status = { ...old.status, conditions: csr.status?.conditions ?? [] }
    },
    validate,
    validateUpdate: (csr, old, { subresource }) => validateConditions(csr, old, subresource),
  },
  selectableFields: { 'spec.signerName': (c) => c.spec?.signerName ?? '' },
})
