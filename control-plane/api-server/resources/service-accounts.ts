import type { ServiceAccount } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const serviceAccounts = define<ServiceAccount>({
  group: '', version: 'v1', resource: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true, schema: 'core-v1.ServiceAccount', shortNames: ['sa'],
})
