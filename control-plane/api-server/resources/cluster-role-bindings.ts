import type { ClusterRoleBinding } from '../../../shared/api/rbac-v1.ts'
import { define } from './define.ts'
import { bindingColumns, bindingStrategy, rbacGroup } from './rbac.ts'

export const clusterRoleBindings = define<ClusterRoleBinding>({
  group: rbacGroup, version: 'v1', resource: 'clusterrolebindings', kind: 'ClusterRoleBinding', namespaced: false, schema: 'rbac-v1.ClusterRoleBinding', columns: bindingColumns, strategy: bindingStrategy(['ClusterRole']),
})
