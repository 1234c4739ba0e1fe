import type { ComponentStatus } from '../../../shared/api/core-v1.ts'
import { column, define, nameColumn } from './define.ts'
import type { ResourceDefinition } from './definition.ts'

const healthy = (c: ComponentStatus) => (c.conditions ?? []).find((condition) => condition.type === 'Healthy')

/** Not stored: what is read is what the health checks say at that moment (`component-statuses.ts` of the server). */
export const componentStatuses: ResourceDefinition = {
  ...define<ComponentStatus>({
    group: '', version: 'v1', resource: 'componentstatuses', kind: 'ComponentStatus', namespaced: false, schema: 'core-v1.ComponentStatus', shortNames: ['cs'], durability: 'volatile',
    columns: [
      nameColumn, column('Status', (c) => (healthy(c)?.status === 'True' ? 'Healthy' : 'Unhealthy'), { description: 'Status of the component conditions' }),
      column('Message', (c) => healthy(c)?.message ?? '', { description: 'Message of the component conditions' }), column('Error', (c) => healthy(c)?.error ?? '', { description: 'Error of the component conditions' }),
    ],
  }),
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+', verbs: ['get', 'list'],
}
