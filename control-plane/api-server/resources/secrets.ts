import type { Secret } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const secrets = define<Secret>({
  group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true, schema: 'core-v1.Secret', 
})
