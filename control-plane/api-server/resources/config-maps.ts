import type { ConfigMap } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const configMaps = define<ConfigMap>({
  group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true, schema: 'core-v1.ConfigMap', shortNames: ['cm'],
})
