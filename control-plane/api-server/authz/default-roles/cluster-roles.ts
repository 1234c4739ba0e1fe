/** The cluster roles and bindings every cluster starts with (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`). Made when asked for: nobody holds them. Pure. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../../../../shared/api/rbac-v1.ts'
import { aggregatedRole, aggregateTo, clusterBinding, clusterRole, eventsRule, GROUP, READ, READ_WRITE, rule, urls, WRITE } from './build.ts'

const viewRules = (): PolicyRule[] => [
  rule(READ, 'core', 'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status'),
  rule(READ, 'core', 'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status'),
  rule(READ, 'core', 'namespaces'),
  rule(READ, 'discovery.k8s.io', 'endpointslices'),
  rule(READ, 'apps', 'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status'),
  rule(READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
  rule(READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
  rule(READ, 'extensions', 'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale'),
  rule(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
  rule(READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
]

const editRules = (): PolicyRule[] => [
  rule(READ, 'core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
  rule('impersonate', 'core', 'serviceaccounts'),
  rule(WRITE, 'core', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
  rule('create', 'core', 'pods/eviction'),
  rule(WRITE, 'core', 'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy'),
  rule('create', 'core', 'serviceaccounts/token'),
  rule(WRITE, 'apps', 'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale'),
  rule(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
  rule(WRITE, 'batch', 'cronjobs jobs'),
  rule(WRITE, 'extensions', 'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale'),
  rule(WRITE, 'policy', 'poddisruptionbudgets'),
  rule(WRITE, 'networking.k8s.io', 'ingresses networkpolicies'),
  rule(READ_WRITE, 'coordination.k8s.io', 'leases'),
]

const adminRules = (): PolicyRule[] => [rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews'), rule(READ_WRITE, GROUP, 'rolebindings roles')]

/** What the node authorizer grants every node where it does not look at single objects; the role itself is bound to nobody. */
export const nodeRules = (): PolicyRule[] => [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'),
  rule(READ, 'core', 'services'),
  rule(`create ${READ}`, 'core', 'nodes'),
  rule('patch update', 'core', 'nodes/status'),
  rule('patch update', 'core', 'nodes'),
  rule('create patch update', 'core', 'events'),
  rule(READ, 'core', 'pods'),
  rule('create delete', 'core', 'pods'),
  rule('patch update', 'core', 'pods/status'),
  rule('create', 'core', 'pods/eviction'),
  rule(READ, 'core', 'configmaps secrets'),
  rule('get', 'core', 'persistentvolumeclaims persistentvolumes'),
  rule('get', 'core', 'endpoints'),
  rule(`create ${READ}`, 'certificates.k8s.io', 'certificatesigningrequests'),
  rule('create delete get patch update', 'coordination.k8s.io', 'leases'),
  rule('get', 'storage.k8s.io', 'volumeattachments'),
  rule('create', 'core', 'serviceaccounts/token'),
  rule('get patch update', 'core', 'persistentvolumeclaims/status'),
  rule(READ, 'storage.k8s.io', 'csidrivers'),
  rule('create delete get patch update', 'storage.k8s.io', 'csinodes'),
  rule(READ, 'node.k8s.io', 'runtimeclasses'),
]

const kubeControllerManager = (): PolicyRule[] => [
  eventsRule(), rule('create', 'coordination.k8s.io', 'leases'), rule('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
  rule('create', 'core', 'secrets serviceaccounts'), rule('delete', 'core', 'secrets'), rule('get', 'core', 'configmaps namespaces secrets serviceaccounts'),
  rule('update', 'core', 'secrets serviceaccounts'), rule('create', 'authentication.k8s.io', 'tokenreviews'), rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
  rule('list watch', '*', '*'), rule('create', 'core', 'serviceaccounts/token'),
]

const kubeScheduler = (): PolicyRule[] => [
  eventsRule(), rule('create', 'coordination.k8s.io', 'leases'), rule('get list update watch', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
  rule(READ, 'core', 'nodes'), rule(`delete ${READ}`, 'core', 'pods'), rule('create', 'core', 'bindings pods/binding'), rule('patch update', 'core', 'pods/status'),
  rule(READ, 'core', 'replicationcontrollers services'), rule(READ, 'apps extensions', 'replicasets'), rule(READ, 'apps', 'statefulsets'),
  rule(READ, 'policy', 'poddisruptionbudgets'), rule(READ, 'core', 'persistentvolumeclaims persistentvolumes'),
  rule('create', 'authentication.k8s.io', 'tokenreviews'), rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
  rule(READ, 'storage.k8s.io', 'csinodes'), rule(READ, 'core', 'namespaces'), rule(READ, 'storage.k8s.io', 'csidrivers'), rule(READ, 'storage.k8s.io', 'csistoragecapacities'),
  rule(READ, 'storage.k8s.io', 'volumeattachments'),
]

const signers = ['kube-apiserver-client', 'kube-apiserver-client-kubelet', 'kubelet-serving', 'legacy-unknown'] as const
const csr = 'certificatesigningrequests'

export const clusterRoles = (): ClusterRole[] => [
  clusterRole('cluster-admin', [rule('*', '*', '*'), urls('*', '*')]),
  clusterRole('system:discovery', [urls('/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/')]),
  clusterRole('system:monitoring', [urls('/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*')]),
  clusterRole('system:basic-user', [rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'), rule('create', 'authentication.k8s.io', 'selfsubjectreviews')]),
  clusterRole('system:public-info-viewer', [urls('/healthz /livez /readyz /version /version/')]),
  aggregatedRole('admin'),
  aggregatedRole('edit', aggregateTo('admin')),
  aggregatedRole('view', aggregateTo('edit')),
  clusterRole('system:aggregate-to-admin', adminRules(), aggregateTo('admin')),
  clusterRole('system:aggregate-to-edit', editRules(), aggregateTo('edit')),
  clusterRole('system:aggregate-to-view', viewRules(), aggregateTo('view')),
  clusterRole('system:heapster', [rule(READ, 'core', 'events namespaces nodes pods'), rule(READ, 'extensions', 'deployments')]),
  clusterRole('system:node', nodeRules()),
  clusterRole('system:node-problem-detector', [rule('get', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), eventsRule()]),
  clusterRole('system:kubelet-api-admin', [
    rule(READ, 'core', 'nodes'), rule('proxy', 'core', 'nodes'), rule('*', 'core', 'nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats'),
  ]),
  clusterRole('system:node-bootstrapper', [rule(`create ${READ}`, 'certificates.k8s.io', csr)]),
  clusterRole('system:auth-delegator', [rule('create', 'authentication.k8s.io', 'tokenreviews'), rule('create', 'authorization.k8s.io', 'subjectaccessreviews')]),
  clusterRole('system:kube-aggregator', [rule(READ, 'core', 'endpoints services')]),
  clusterRole('system:kube-controller-manager', kubeControllerManager()),
  clusterRole('system:kube-dns', [rule('list watch', 'core', 'endpoints services'), rule('list watch', 'discovery.k8s.io', 'endpointslices')]),
  clusterRole('system:persistent-volume-provisioner', [
    rule(`create delete ${READ}`, 'core', 'persistentvolumes'), rule(`update ${READ}`, 'core', 'persistentvolumeclaims'), rule(READ, 'storage.k8s.io', 'storageclasses'),
    rule('watch', 'core', 'events'), eventsRule(),
  ]),
  clusterRole(`system:certificates.k8s.io:${csr}:nodeclient`, [rule('create', 'certificates.k8s.io', `${csr}/nodeclient`)]),
  clusterRole(`system:certificates.k8s.io:${csr}:selfnodeclient`, [rule('create', 'certificates.k8s.io', `${csr}/selfnodeclient`)]),
  clusterRole('system:volume-scheduler', [
    rule(`patch update ${READ}`, 'core', 'persistentvolumes'), rule(READ, 'storage.k8s.io', 'storageclasses'), rule(`patch update ${READ}`, 'core', 'persistentvolumeclaims'),
  ]),
  ...signers.map((signer) => clusterRole(`system:certificates.k8s.io:${signer}-approver`, [rule('approve', 'certificates.k8s.io', 'signers', `kubernetes.io/${signer}`)])),
  clusterRole('system:service-account-issuer-discovery', [urls('/.well-known/openid-configuration /openid/v1/jwks')]),
  clusterRole('system:node-proxier', [
    rule('list watch', 'core', 'endpoints services'), rule(READ, 'core', 'nodes'), eventsRule(), rule('list watch', 'discovery.k8s.io', 'endpointslices'),
    rule('list watch', 'networking.k8s.io', 'servicecidrs'),
  ]),
  clusterRole('system:kube-scheduler', kubeScheduler()),
]

export const clusterRoleBindings = (): ClusterRoleBinding[] => [
  clusterBinding('cluster-admin', 'cluster-admin', 'group:system:masters'),
  clusterBinding('system:monitoring', 'system:monitoring', 'group:system:monitoring'),
  clusterBinding('system:discovery', 'system:discovery', 'group:system:authenticated'),
  clusterBinding('system:basic-user', 'system:basic-user', 'group:system:authenticated'),
  clusterBinding('system:public-info-viewer', 'system:public-info-viewer', 'group:system:authenticated', 'group:system:unauthenticated'),
  clusterBinding('system:node-proxier', 'system:node-proxier', 'user:system:kube-proxy'),
  clusterBinding('system:kube-controller-manager', 'system:kube-controller-manager', 'user:system:kube-controller-manager'),
  clusterBinding('system:kube-dns', 'system:kube-dns', 'account:kube-system/kube-dns'),
  clusterBinding('system:kube-scheduler', 'system:kube-scheduler', 'user:system:kube-scheduler'),
  clusterBinding('system:volume-scheduler', 'system:volume-scheduler', 'user:system:kube-scheduler'),
  clusterBinding('system:node', 'system:node'),
  clusterBinding('system:service-account-issuer-discovery', 'system:service-account-issuer-discovery', 'group:system:serviceaccounts'),
  // What kubeadm adds to them for joining and renewing nodes.
  clusterBinding('system:node-bootstrapper', 'system:node-bootstrapper', 'group:system:bootstrappers'),
  clusterBinding('bramble:node-autoapprove-bootstrap', `system:certificates.k8s.io:${csr}:nodeclient`, 'group:system:bootstrappers'),
  clusterBinding('bramble:node-autoapprove-certificate-rotation', `system:certificates.k8s.io:${csr}:selfnodeclient`, 'group:system:nodes'),
]
