import type { ReplicationController } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const replicationControllers = define<ReplicationController>({
  group: '', version: 'v1', resource: 'replicationcontrollers', kind: 'ReplicationController', namespaced: true, schema: 'core-v1.ReplicationController', shortNames: ['rc'], categories: ['all'], subresources: { status: true, scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' } },
})
