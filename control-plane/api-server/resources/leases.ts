import type { Lease } from '../../../shared/api/coordination-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidValue, nonNegative } from './findings.ts'

function validate(lease: Lease): FieldError[] {
  const { leaseDurationSeconds: seconds, leaseTransitions } = lease.spec ?? {}
  const found = nonNegative('spec.leaseTransitions', leaseTransitions)
  if (seconds !== undefined && seconds <= 0) found.push(invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0'))
  return found
}

/** Renewed every few seconds and worth nothing after a restart: never on disk. */
export const leases = define<Lease>({
  group: 'coordination.k8s.io', version: 'v1', resource: 'leases', kind: 'Lease', namespaced: true, schema: 'coordination-v1.Lease', durability: 'volatile',
  columns: [nameColumn, column('Holder', (l) => l.spec?.holderIdentity ?? '', { description: 'holderIdentity contains the identity of the holder of a current lease.' }), ageColumn],
  strategy: { default: (lease) => { lease.spec ??= {} }, validate, allowCreateOnUpdate: true, allowUnconditionalUpdate: false },
})
