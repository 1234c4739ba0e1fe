import type { RoleBinding } from '../../../shared/api/rbac-v1.ts'
import { define } from './define.ts'

export const roleBindings = define<RoleBinding>({
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'rolebindings', kind: 'RoleBinding', namespaced: true, schema: 'rbac-v1.RoleBinding', 
})
