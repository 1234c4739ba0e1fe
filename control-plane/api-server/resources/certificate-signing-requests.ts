import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../../shared/api/certificates-v1.ts'
import { humanDuration } from '../../../shared/values/duration.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { validateCertificates, validateRequest } from './certificate-pem.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError, StrategyContext } from './definition.ts'
import { duplicate, forbidden, invalidValue, notSupported, required } from './findings.ts'
import { validateSignerName } from './signer-name.ts'

type Csr = CertificateSigningRequest

const usages = [
  'any', 'cert sign', 'client auth', 'code signing', 'content commitment', 'crl sign', 'data encipherment', 'decipher only', 'digital signature', 'email protection', 'encipher only',
  'ipsec end system', 'ipsec tunnel', 'ipsec user', 'key agreement', 'key encipherment', 'microsoft sgc', 'netscape sgc', 'ocsp signing', 's/mime', 'server auth', 'signing', 'timestamping',
]

/** `pkg/apis/certificates/validation.validateCertificateSigningRequest`. */
function validate(csr: Csr): FieldError[] {
  const { request, signerName = '', usages: asked = [], expirationSeconds } = csr.spec ?? {}
  const found: FieldError[] = [...validateRequest('spec.request', request ?? '')]
  if (!asked.length) found.push(required('spec.usages'))
  for (const [i, usage] of asked.entries()) {
    if (!usages.includes(usage)) found.push(notSupported(`spec.usages[${i}]`, usage, usages))
    else if (asked.indexOf(usage) < i) found.push(duplicate(`spec.usages[${i}]`, usage))
  }
  if (signerName === 'kubernetes.io/legacy-unknown') found.push(invalidValue('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version'))
  else found.push(...validateSignerName('spec.signerName', signerName))
  if (expirationSeconds !== undefined && expirationSeconds < 600) found.push(invalidValue('spec.expirationSeconds', expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)'))
  return [...found, ...validateConditions(csr.status?.conditions ?? []), ...validateCertificates('status.certificate', csr.status?.certificate)]
}

const decisions = ['Approved', 'Denied'] as const
const verdicts = [...decisions, 'Failed'] as const

function validateConditions(conditions: readonly CertificateSigningRequestCondition[]): FieldError[] {
  const found: FieldError[] = []
  for (const [i, { type, status }] of conditions.entries()) {
    const at = `status.conditions[${i}]`
    const allowed = (verdicts as readonly string[]).includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    if (!type) found.push(required(`${at}.type`))
    if (!status) found.push(required(`${at}.status`))
    else if (!allowed.includes(status)) found.push(notSupported(`${at}.status`, status, allowed))
    const before = conditions.slice(0, i).map((c) => c.type)
    if ((type === 'Approved' && before.includes('Denied')) || (type === 'Denied' && before.includes('Approved'))) found.push(invalidValue(`${at}.type`, type, 'Approved and Denied conditions are mutually exclusive'))
    if (before.includes(type)) found.push(duplicate(`${at}.type`, type))
  }
  return found
}

/** Decisions are not taken back, and each view may write its own part alone. */
function validateUpdate(csr: Csr, old: Csr, { subresource }: StrategyContext): FieldError[] {
  const of = (from: Csr, type: string) => (from.status?.conditions ?? []).filter((c) => c.type === type)
  const found = verdicts.filter((t) => of(csr, t).length < of(old, t).length).map((t) => forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(t)}`))
  if (subresource !== 'approval') {
    for (const type of decisions) {
      const [now, before] = [of(csr, type), of(old, type)]
      if (now.length > before.length) found.push(forbidden('status.conditions', `updates may not add a condition of type ${JSON.stringify(type)}`))
      else if (now.length === before.length && !equalJson(now, before)) found.push(forbidden('status.conditions', `updates may not modify a condition of type ${JSON.stringify(type)}`))
    }
  }
  if ((csr.status?.certificate ?? '') !== (old.status?.certificate ?? '')) {
    if (subresource !== 'status') found.push(forbidden('status.certificate', 'updates may not set certificate content'))
    else if (old.status?.certificate) found.push(forbidden('status.certificate', 'updates may not modify existing certificate content'))
  }
  return found
}

/** A condition without times gets them; one that was there keeps the time of its transition. */
function stampConditions(csr: Csr, old: Csr, now: number): void {
  for (const condition of csr.status?.conditions ?? []) {
    const before = old.status?.conditions?.find((c) => c.type === condition.type && c.status === condition.status)
    condition.lastTransitionTime ||= before?.lastTransitionTime || timestamp(now)
    condition.lastUpdateTime ||= before?.lastUpdateTime || timestamp(now)
  }
}

function conditionText(csr: Csr): string {
  const has = (type: string): boolean => (csr.status?.conditions ?? []).some((c) => c.type === type)
  const words = [has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending']
  if (has('Failed')) words.push('Failed')
  if (csr.status?.certificate) words.push('Issued')
  return words.join(',')
}

const text = (value: string): string => value || '<none>'

export const certificateSigningRequests = define<Csr>({
  group: 'certificates.k8s.io', version: 'v1', resource: 'certificatesigningrequests', kind: 'CertificateSigningRequest', namespaced: false,
  schema: 'certificates-v1.CertificateSigningRequest', shortNames: ['csr'], subresources: { status: true },
  // An approval and a certificate are decisions: they are kept like a spec.
  statusDurability: 'durable',
  columns: [
    nameColumn, ageColumn, column('SignerName', (c) => text(c.spec?.signerName ?? ''), { description: 'SignerName indicates the requested signer, and is a qualified name.' }),
    column('Requestor', (c) => c.spec?.username ?? '', { description: 'username contains the name of the user that created the CertificateSigningRequest.' }),
    column('RequestedDuration', (c) => (c.spec?.expirationSeconds === undefined ? '<none>' : humanDuration(c.spec.expirationSeconds * 1000)), { description: 'expirationSeconds is the requested duration of validity of the issued certificate.' }),
    column('Condition', conditionText, { description: 'conditions applied to the request.' }),
  ],
  strategy: {
    default: (csr) => { csr.status ??= {} },
    /** Who asks is what authentication says, never what the body says. */
    prepareForCreate(csr, { user, groups, uid, extra }) {
      csr.status = {}
      const { uid: _uid, groups: _groups, extra: _extra, ...spec } = csr.spec ?? { request: '', signerName: '' }
      csr.spec = {
        ...spec, username: user, ...(groups?.length ? { groups: [...groups] } : {}), ...(uid ? { uid } : {}),
        ...(extra && Object.keys(extra).length ? { extra: Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, [...v]])) } : {}),
      }
    },
    prepareForUpdate(csr, old, { subresource, now }) {
      csr.spec = old.spec
      if (subresource === '') csr.status = old.status ?? {}
      else {
        if (subresource === 'approval') csr.status = { ...old.status, conditions: csr.status?.conditions ?? [] }
        stampConditions(csr, old, now)
      }
    },
    validate, validateUpdate,
  },
  selectableFields: { 'spec.signerName': (c) => c.spec?.signerName ?? '' },
})
