import type { ClusterRole } from '../../../shared/api/rbac-v1.ts'
import { define } from './define.ts'

export const clusterRoles = define<ClusterRole>({
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles', kind: 'ClusterRole', namespaced: false, schema: 'rbac-v1.ClusterRole', 
})
