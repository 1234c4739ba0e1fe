import type { ServiceAccount } from '../../../shared/api/core-v1.ts'
import { ageColumn, column, define, nameColumn } from './define.ts'

export const serviceAccounts = define<ServiceAccount>({
  group: '', version: 'v1', resource: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true, schema: 'core-v1.ServiceAccount', shortNames: ['sa'],
  columns: [
    nameColumn,
    column('Secrets', (sa) => sa.secrets?.length ?? 0, { type: 'integer', description: 'Secrets is a list of the secrets in the same namespace that pods running using this ServiceAccount are allowed to use.' }),
    ageColumn,
  ],
})
