import type { Namespace } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const namespaces = define<Namespace>({
  group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false, schema: 'core-v1.Namespace', shortNames: ['ns'], subresources: { status: true },
})
