/** Short forms for the tables of default roles. Lists are words, sorted as upstream's builder sorts them; `core` stands for the group without a name. Pure. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '../../../../shared/api/rbac-v1.ts'

export const GROUP = 'rbac.authorization.k8s.io'

const words = (text: string): string[] => text.split(' ').map((w) => (w === 'core' ? '' : w)).sort()

export const READ = 'get list watch'
export const WRITE = 'create delete deletecollection patch update'
export const READ_WRITE = `${WRITE} ${READ}`

/** `rule('get list', 'apps', 'deployments replicasets')`; `names`: only these objects. */
export const rule = (verbs: string, groups: string, resources: string, names?: string): PolicyRule =>
  ({ verbs: words(verbs), apiGroups: words(groups), resources: words(resources), ...(names ? { resourceNames: words(names) } : {}) })

export const urls = (paths: string, verbs = 'get'): PolicyRule => ({ verbs: words(verbs), nonResourceURLs: words(paths) })

export const eventsRule = (): PolicyRule => rule('create patch update', 'core events.k8s.io', 'events')

const metadata = (name: string, more: { namespace?: string; labels?: Record<string, string> } = {}) => ({
  name, ...(more.namespace ? { namespace: more.namespace } : {}), labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...more.labels },
  annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
})

export const clusterRole = (name: string, rules: PolicyRule[], labels: Record<string, string> = {}): ClusterRole =>
  ({ apiVersion: `${GROUP}/v1`, kind: 'ClusterRole', metadata: metadata(name, { labels }), rules })

export const aggregateTo = (role: string): Record<string, string> => ({ [`${GROUP}/aggregate-to-${role}`]: 'true' })

/** A role that is the sum of those labelled for it. */
export const aggregatedRole = (name: string, labels: Record<string, string> = {}): ClusterRole =>
  ({ ...clusterRole(name, [], labels), aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregateTo(name) }] } })

/** `group:system:masters`, `user:system:kube-proxy`, `account:kube-system/kube-dns`. */
function subject(text: string): Subject {
  const colon = text.indexOf(':')
  const name = text.slice(colon + 1)
  switch (text.slice(0, colon)) {
    case 'group': return { apiGroup: GROUP, kind: 'Group', name }
    case 'user': return { apiGroup: GROUP, kind: 'User', name }
    default: return { kind: 'ServiceAccount', namespace: name.slice(0, name.indexOf('/')), name: name.slice(name.indexOf('/') + 1) }
  }
}

export const clusterBinding = (name: string, role: string, ...subjects: string[]): ClusterRoleBinding => ({
  apiVersion: `${GROUP}/v1`, kind: 'ClusterRoleBinding', metadata: metadata(name), roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: role },
  ...(subjects.length ? { subjects: subjects.map(subject) } : {}),
})

type Namespaced<T> = T & { metadata: { namespace?: string } }

export const role = (namespace: string, name: string, rules: PolicyRule[]): Namespaced<Role> =>
  ({ apiVersion: `${GROUP}/v1`, kind: 'Role', metadata: metadata(name, { namespace }), rules })

export const binding = (namespace: string, name: string, to: string, ...subjects: string[]): Namespaced<RoleBinding> => ({
  apiVersion: `${GROUP}/v1`, kind: 'RoleBinding', metadata: metadata(name, { namespace }), roleRef: { apiGroup: GROUP, kind: 'Role', name: to }, subjects: subjects.map(subject),
})
