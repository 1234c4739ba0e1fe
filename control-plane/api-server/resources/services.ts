import type { Service } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const services = define<Service>({
  group: '', version: 'v1', resource: 'services', kind: 'Service', namespaced: true, schema: 'core-v1.Service', shortNames: ['svc'], categories: ['all'], subresources: { status: true },
})
