import type { EndpointSlice } from '../../../shared/api/discovery-v1.ts'
import { define } from './define.ts'

export const endpointSlices = define<EndpointSlice>({
  group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices', kind: 'EndpointSlice', namespaced: true, schema: 'discovery-v1.EndpointSlice', 
})
