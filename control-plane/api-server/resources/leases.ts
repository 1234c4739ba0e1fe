import type { Lease } from '../../../shared/api/coordination-v1.ts'
import { define } from './define.ts'

export const leases = define<Lease>({
  group: 'coordination.k8s.io', version: 'v1', resource: 'leases', kind: 'Lease', namespaced: true, schema: 'coordination-v1.Lease', durability: 'volatile',
})
