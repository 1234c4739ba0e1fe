import type { RoleBinding } from '../../../shared/api/rbac-v1.ts'
import { define } from './define.ts'
import { bindingColumns, bindingStrategy, rbacGroup } from './rbac.ts'

export const roleBindings = define<RoleBinding>({
  group: rbacGroup, version: 'v1', resource: 'rolebindings', kind: 'RoleBinding', namespaced: true, schema: 'rbac-v1.RoleBinding', columns: bindingColumns, strategy: bindingStrategy(['ClusterRole', 'Role']),
})
