import type { Deployment } from '../../../shared/api/apps-v1.ts'
import { define } from './define.ts'

export const deployments = define<Deployment>({
  group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', namespaced: true, schema: 'apps-v1.Deployment', shortNames: ['deploy'], categories: ['all'], subresources: { status: true, scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' } },
})
