import type { Role } from '../../../shared/api/rbac-v1.ts'
import { define } from './define.ts'

export const roles = define<Role>({
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'roles', kind: 'Role', namespaced: true, schema: 'rbac-v1.Role', 
})
