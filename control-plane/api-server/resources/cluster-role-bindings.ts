import type { ClusterRoleBinding } from '../../../shared/api/rbac-v1.ts'
import { define } from './define.ts'

export const clusterRoleBindings = define<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterrolebindings', kind: 'ClusterRoleBinding', namespaced: false, schema: 'rbac-v1.ClusterRoleBinding', 
})
