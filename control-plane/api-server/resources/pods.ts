import type { Pod } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const pods = define<Pod>({
  group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true, schema: 'core-v1.Pod', shortNames: ['po'], categories: ['all'], subresources: { status: true },
})
