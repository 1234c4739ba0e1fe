import type { Role } from '../../../shared/api/rbac-v1.ts'
import { define } from './define.ts'
import { rbacGroup, roleColumns, roleStrategy } from './rbac.ts'

export const roles = define<Role>({
  group: rbacGroup, version: 'v1', resource: 'roles', kind: 'Role', namespaced: true, schema: 'rbac-v1.Role', columns: roleColumns, strategy: roleStrategy<Role>(true),
})
