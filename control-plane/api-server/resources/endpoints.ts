import type { Endpoints } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const endpoints = define<Endpoints>({
  group: '', version: 'v1', resource: 'endpoints', kind: 'Endpoints', namespaced: true, schema: 'core-v1.Endpoints', shortNames: ['ep'],
})
