import type { ReplicaSet } from '../../../shared/api/apps-v1.ts'
import { define } from './define.ts'

export const replicaSets = define<ReplicaSet>({
  group: 'apps', version: 'v1', resource: 'replicasets', kind: 'ReplicaSet', namespaced: true, schema: 'apps-v1.ReplicaSet', shortNames: ['rs'], categories: ['all'], subresources: { status: true, scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' } },
})
