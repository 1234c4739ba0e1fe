import type { ClusterRole } from '../../../shared/api/rbac-v1.ts'
import { define } from './define.ts'
import { rbacGroup, roleColumns, roleStrategy } from './rbac.ts'

export const clusterRoles = define<ClusterRole>({
  group: rbacGroup, version: 'v1', resource: 'clusterroles', kind: 'ClusterRole', namespaced: false, schema: 'rbac-v1.ClusterRole', columns: roleColumns, strategy: roleStrategy<ClusterRole>(false),
})
