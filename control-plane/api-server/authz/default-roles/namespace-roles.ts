/** Roles and bindings in the system's namespaces (`bootstrappolicy/namespace_policy.go`). Pure. */
import type { Role, RoleBinding } from '../../../../shared/api/rbac-v1.ts'
import { binding, eventsRule, READ, role, rule } from './build.ts'

type Namespaced<T> = T & { metadata: { namespace?: string } }

const leaderLocking = (name: string) => role('kube-system', `system::leader-locking-${name}`, [
  rule('watch', 'core', 'configmaps'), rule('get update', 'core', 'configmaps', name),
])

export const namespaceRoles = (): Namespaced<Role>[] => [
  role('kube-system', 'extension-apiserver-authentication-reader', [rule(READ, 'core', 'configmaps', 'extension-apiserver-authentication')]),
  role('kube-system', 'system:controller:bootstrap-signer', [rule(READ, 'core', 'secrets')]),
  role('kube-system', 'system:controller:cloud-provider', [rule(`create ${READ}`, 'core', 'configmaps')]),
  role('kube-system', 'system:controller:token-cleaner', [rule(`delete ${READ}`, 'core', 'secrets'), eventsRule()]),
  leaderLocking('kube-controller-manager'), leaderLocking('kube-scheduler'),
  role('kube-public', 'system:controller:bootstrap-signer', [rule(READ, 'core', 'configmaps'), rule('update', 'core', 'configmaps', 'cluster-info'), eventsRule()]),
]

export const namespaceRoleBindings = (): Namespaced<RoleBinding>[] => [
  binding('kube-system', 'system::extension-apiserver-authentication-reader', 'extension-apiserver-authentication-reader', 'user:system:kube-controller-manager', 'user:system:kube-scheduler'),
  binding('kube-system', 'system::leader-locking-kube-controller-manager', 'system::leader-locking-kube-controller-manager', 'user:system:kube-controller-manager', 'account:kube-system/kube-controller-manager'),
  binding('kube-system', 'system::leader-locking-kube-scheduler', 'system::leader-locking-kube-scheduler', 'user:system:kube-scheduler', 'account:kube-system/kube-scheduler'),
  binding('kube-system', 'system:controller:bootstrap-signer', 'system:controller:bootstrap-signer', 'account:kube-system/bootstrap-signer'),
  binding('kube-system', 'system:controller:cloud-provider', 'system:controller:cloud-provider', 'account:kube-system/cloud-provider'),
  binding('kube-system', 'system:controller:token-cleaner', 'system:controller:token-cleaner', 'account:kube-system/token-cleaner'),
  binding('kube-public', 'system:controller:bootstrap-signer', 'system:controller:bootstrap-signer', 'account:kube-system/bootstrap-signer'),
]
