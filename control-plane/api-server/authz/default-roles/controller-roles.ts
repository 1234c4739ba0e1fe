/** The roles of upstream's controllers and their accounts (`bootstrappolicy/controller_policy.go`): clients look for them, and some run those controllers themselves. Pure. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../../../../shared/api/rbac-v1.ts'
import { clusterBinding, clusterRole, eventsRule, READ, rule } from './build.ts'

const PREFIX = 'system:controller:'

const table = (): Record<string, PolicyRule[]> => ({
  'attachdetach-controller': [
    rule('list watch', 'core', 'persistentvolumeclaims persistentvolumes'), rule(READ, 'core', 'nodes'), rule('patch update', 'core', 'nodes/status'), rule('list watch', 'core', 'pods'),
    eventsRule(), rule(`create delete ${READ}`, 'storage.k8s.io', 'volumeattachments'), rule(READ, 'storage.k8s.io', 'csidrivers'), rule(READ, 'storage.k8s.io', 'csinodes'),
  ],
  'clusterrole-aggregation-controller': [rule(`escalate patch update ${READ}`, 'rbac.authorization.k8s.io', 'clusterroles')],
  'cronjob-controller': [
    rule(`update ${READ}`, 'batch', 'cronjobs'), rule(`create delete patch update ${READ}`, 'batch', 'jobs'), rule('update', 'batch', 'cronjobs/status'),
    rule('update', 'batch', 'cronjobs/finalizers'), rule('delete list watch', 'core', 'pods'), eventsRule(),
  ],
  'daemon-set-controller': [
    rule(READ, 'apps extensions', 'daemonsets'), rule('update', 'apps extensions', 'daemonsets/status'), rule('update', 'apps extensions', 'daemonsets/finalizers'),
    rule('list watch', 'core', 'nodes'), rule('create delete list patch watch', 'core', 'pods'), rule('create', 'core', 'pods/binding'),
    rule(`create delete patch update ${READ}`, 'apps', 'controllerrevisions'), eventsRule(),
  ],
  'deployment-controller': [
    rule(`update ${READ}`, 'apps extensions', 'deployments'), rule('update', 'apps extensions', 'deployments/status'), rule('update', 'apps extensions', 'deployments/finalizers'),
    rule(`create delete patch update ${READ}`, 'apps extensions', 'replicasets'), rule(`update ${READ}`, 'core', 'pods'), eventsRule(),
  ],
  'disruption-controller': [
    rule(READ, 'apps extensions', 'deployments'), rule(READ, 'apps extensions', 'replicasets'), rule(READ, 'core', 'replicationcontrollers'), rule(READ, 'policy', 'poddisruptionbudgets'),
    rule(READ, 'apps', 'statefulsets'), rule('update', 'policy', 'poddisruptionbudgets/status'), rule('patch update', 'core', 'pods/status'), rule('get', '*', '*/scale'), eventsRule(),
  ],
  'endpoint-controller': [
    rule(READ, 'core', 'pods services'), rule(`create delete update ${READ}`, 'core', 'endpoints'), rule('create', 'core', 'endpoints/restricted'), eventsRule(),
  ],
  'endpointslice-controller': [
    rule(READ, 'core', 'nodes pods services'), rule('update', 'core', 'services/finalizers'), rule(`create delete update ${READ}`, 'discovery.k8s.io', 'endpointslices'), eventsRule(),
  ],
  'endpointslicemirroring-controller': [
    rule(READ, 'core', 'endpoints services'), rule('update', 'core', 'services/finalizers'), rule('update', 'core', 'endpoints/finalizers'),
    rule(`create delete update ${READ}`, 'discovery.k8s.io', 'endpointslices'), eventsRule(),
  ],
  'expand-controller': [
    rule(`patch update ${READ}`, 'core', 'persistentvolumes'), rule('patch update', 'core', 'persistentvolumeclaims/status'), rule(READ, 'core', 'persistentvolumeclaims'),
    eventsRule(), rule('get', 'core', 'services'),
  ],
  'ephemeral-volume-controller': [rule(READ, 'core', 'pods'), rule('update', 'core', 'pods/finalizers'), rule(`create ${READ}`, 'core', 'persistentvolumeclaims'), eventsRule()],
  'generic-garbage-collector': [rule(`delete patch update ${READ}`, '*', '*'), eventsRule()],
  'horizontal-pod-autoscaler': [
    rule(READ, 'autoscaling', 'horizontalpodautoscalers'), rule('update', 'autoscaling', 'horizontalpodautoscalers/status'), rule('get update', '*', '*/scale'), rule('list watch', 'core', 'pods'),
    rule('list watch', 'metrics.k8s.io', 'pods'), rule(READ, 'custom.metrics.k8s.io', '*'), rule(READ, 'external.metrics.k8s.io', '*'), eventsRule(),
  ],
  'job-controller': [
    rule(`patch update ${READ}`, 'batch', 'jobs'), rule('update', 'batch', 'jobs/status'), rule('update', 'batch', 'jobs/finalizers'), rule('create delete list patch watch', 'core', 'pods'), eventsRule(),
  ],
  'namespace-controller': [
    rule(`delete ${READ}`, 'core', 'namespaces'), rule('update', 'core', 'namespaces/finalize namespaces/status'), rule(`delete deletecollection ${READ}`, '*', '*'),
  ],
  'node-controller': [
    rule(`delete patch update ${READ}`, 'core', 'nodes'), rule('patch update', 'core', 'nodes/status'), rule('patch update', 'core', 'pods/status'), rule(`delete ${READ}`, 'core', 'pods'), eventsRule(),
  ],
  'persistent-volume-binder': [
    rule(`create delete update ${READ}`, 'core', 'persistentvolumes'), rule('update', 'core', 'persistentvolumes/status'), rule(`update ${READ}`, 'core', 'persistentvolumeclaims'),
    rule('update', 'core', 'persistentvolumeclaims/status'), rule(`create delete ${READ}`, 'core', 'pods'), rule(READ, 'storage.k8s.io', 'storageclasses'), rule('list watch', 'core', 'nodes'),
    eventsRule(), rule('watch', 'core', 'events'), rule('get', 'core', 'services'),
  ],
  'pod-garbage-collector': [rule('delete list watch', 'core', 'pods'), rule(READ, 'core', 'nodes'), rule('patch', 'core', 'pods/status')],
  'replicaset-controller': [
    rule(`update ${READ}`, 'apps extensions', 'replicasets'), rule('update', 'apps extensions', 'replicasets/status'), rule('update', 'apps extensions', 'replicasets/finalizers'),
    rule('create delete list patch watch', 'core', 'pods'), eventsRule(),
  ],
  'replication-controller': [
    rule(`update ${READ}`, 'core', 'replicationcontrollers'), rule('update', 'core', 'replicationcontrollers/status'), rule('update', 'core', 'replicationcontrollers/finalizers'),
    rule('create delete list patch watch', 'core', 'pods'), eventsRule(),
  ],
  'resourcequota-controller': [rule('list watch', '*', '*'), rule('update', 'core', 'resourcequotas/status'), eventsRule()],
  'route-controller': [rule('list watch', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), eventsRule()],
  'service-account-controller': [rule('create', 'core', 'serviceaccounts'), eventsRule()],
  'service-controller': [rule(READ, 'core', 'services'), rule('patch update', 'core', 'services/status'), rule('list watch', 'core', 'nodes'), eventsRule()],
  'service-cidrs-controller': [
    rule(`patch update ${READ}`, 'networking.k8s.io', 'servicecidrs'), rule('patch update', 'networking.k8s.io', 'servicecidrs/finalizers'),
    rule('patch update', 'networking.k8s.io', 'servicecidrs/status'), rule(READ, 'networking.k8s.io', 'ipaddresses'), eventsRule(),
  ],
  'statefulset-controller': [
    rule('list watch', 'core', 'pods'), rule(READ, 'apps', 'statefulsets'), rule('update', 'apps', 'statefulsets/status'), rule('update', 'apps', 'statefulsets/finalizers'),
    rule('create delete get patch update', 'core', 'pods'), rule(`create delete patch update ${READ}`, 'apps', 'controllerrevisions'),
    rule(`create ${READ}`, 'core', 'persistentvolumeclaims'), rule('delete update', 'core', 'persistentvolumeclaims'), rule('update', 'core', 'pods/finalizers'), eventsRule(),
  ],
  'ttl-controller': [rule('list patch update watch', 'core', 'nodes'), eventsRule()],
  'certificate-controller': [
    rule(`delete ${READ}`, 'certificates.k8s.io', 'certificatesigningrequests'), rule('update', 'certificates.k8s.io', 'certificatesigningrequests/approval certificatesigningrequests/status'),
    rule('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'),
    rule('sign', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown'),
    rule('create', 'authorization.k8s.io', 'subjectaccessreviews'), eventsRule(),
  ],
  'pvc-protection-controller': [rule(`update ${READ}`, 'core', 'persistentvolumeclaims'), rule(READ, 'core', 'pods'), eventsRule()],
  'pv-protection-controller': [rule(`update ${READ}`, 'core', 'persistentvolumes'), eventsRule()],
  'ttl-after-finished-controller': [rule(`delete ${READ}`, 'batch', 'jobs'), eventsRule()],
  'root-ca-cert-publisher': [rule('create update', 'core', 'configmaps'), eventsRule()],
  'validatingadmissionpolicy-status-controller': [
    rule(READ, 'admissionregistration.k8s.io', 'validatingadmissionpolicies'), rule('get patch update', 'admissionregistration.k8s.io', 'validatingadmissionpolicies/status'), eventsRule(),
  ],
  'legacy-service-account-token-cleaner': [rule('get', 'core', 'configmaps', 'kube-apiserver-legacy-service-account-token-tracking'), rule('delete patch', 'core', 'secrets')],
  'selinux-warning-controller': [
    eventsRule(), rule(READ, 'core', 'persistentvolumes'), rule(READ, 'core', 'persistentvolumeclaims'), rule(READ, 'core', 'pods'), rule(READ, 'storage.k8s.io', 'csidrivers'),
  ],
})

export const controllerRoles = (): ClusterRole[] => Object.entries(table()).map(([name, rules]) => clusterRole(PREFIX + name, rules))

export const controllerRoleBindings = (): ClusterRoleBinding[] =>
  Object.keys(table()).map((name) => clusterBinding(PREFIX + name, PREFIX + name, `account:kube-system/${name}`))
