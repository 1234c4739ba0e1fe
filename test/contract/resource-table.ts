/** Every served resource: an object of it, and upstream v1.33's printer columns (its internal printers, or "Created At" where there is none). */
export interface ResourceRow {
  readonly resource: string
  readonly namespaced: boolean
  /** Upstream's columns of `kubectl get`, as printed. */
  readonly columns: string
  /** Upstream's columns of `kubectl get -o wide`, where there are more. */
  readonly wide?: string
  readonly object: { readonly apiVersion: string; readonly kind: string; readonly metadata?: { readonly name: string }; readonly [field: string]: unknown }
}

const containers = [{ name: 'c', image: 'nginx:1' }]
const template = (restartPolicy?: string): object => ({ metadata: { labels: { app: 'x' } }, spec: { containers, ...restartPolicy ? { restartPolicy } : {} } })
const selector = { matchLabels: { app: 'x' } }
const resources = { requests: { storage: '1Gi' } }
const rbac = 'rbac.authorization.k8s.io'
const admission = 'admissionregistration.k8s.io/v1'
const flow = 'flowcontrol.apiserver.k8s.io'
const webhook = {
  name: 'a.example.com', clientConfig: { url: 'https://example.com/x' }, sideEffects: 'None', admissionReviewVersions: ['v1'],
  rules: [{ operations: ['CREATE'], apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['none'], scope: '*' }],
}
const workload = 'CONTAINERS   IMAGES   SELECTOR'
const binding = { columns: 'NAME   ROLE   AGE', wide: 'NAME   ROLE   AGE   USERS   GROUPS   SERVICEACCOUNTS' }

const core: readonly ResourceRow[] = [
  { resource: 'configmaps', namespaced: true, columns: 'NAME   DATA   AGE', object: { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } } },
  { resource: 'endpoints', namespaced: true, columns: 'NAME   ENDPOINTS   AGE', object: { apiVersion: 'v1', kind: 'Endpoints', subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 80, protocol: 'TCP' }] }] } },
  { resource: 'events.v1.', namespaced: true, columns: 'LAST SEEN   TYPE   REASON   OBJECT   MESSAGE', wide: 'LAST SEEN   TYPE   REASON   OBJECT   SUBOBJECT   SOURCE   MESSAGE   FIRST SEEN   COUNT   NAME', object: { apiVersion: 'v1', kind: 'Event', involvedObject: { kind: 'Pod', name: 'p', namespace: 'table' }, type: 'Normal', reason: 'Tested', message: 'said', count: 1 } },
  { resource: 'limitranges', namespaced: true, columns: 'NAME   CREATED AT', object: { apiVersion: 'v1', kind: 'LimitRange', spec: { limits: [{ type: 'PersistentVolumeClaim', max: { storage: '9Gi' } }] } } },
  { resource: 'namespaces', namespaced: false, columns: 'NAME   STATUS   AGE', object: { apiVersion: 'v1', kind: 'Namespace' } },
  { resource: 'nodes', namespaced: false, columns: 'NAME   STATUS   ROLES   AGE   VERSION', wide: 'NAME   STATUS   ROLES   AGE   VERSION   INTERNAL-IP   EXTERNAL-IP   OS-IMAGE   KERNEL-VERSION   CONTAINER-RUNTIME', object: { apiVersion: 'v1', kind: 'Node' } },
  { resource: 'persistentvolumeclaims', namespaced: true, columns: 'NAME   STATUS   VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   VOLUMEATTRIBUTESCLASS   AGE', wide: 'NAME   STATUS   VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   VOLUMEATTRIBUTESCLASS   AGE   VOLUMEMODE', object: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources } } },
  { resource: 'persistentvolumes', namespaced: false, columns: 'NAME   CAPACITY   ACCESS MODES   RECLAIM POLICY   STATUS   CLAIM   STORAGECLASS   VOLUMEATTRIBUTESCLASS   REASON   AGE', wide: 'NAME   CAPACITY   ACCESS MODES   RECLAIM POLICY   STATUS   CLAIM   STORAGECLASS   VOLUMEATTRIBUTESCLASS   REASON   AGE   VOLUMEMODE', object: { apiVersion: 'v1', kind: 'PersistentVolume', spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } } } },
  { resource: 'pods', namespaced: true, columns: 'NAME   READY   STATUS   RESTARTS   AGE', wide: 'NAME   READY   STATUS   RESTARTS   AGE   IP   NODE   NOMINATED NODE   READINESS GATES', object: { apiVersion: 'v1', kind: 'Pod', spec: { containers } } },
  { resource: 'podtemplates', namespaced: true, columns: 'NAME   CONTAINERS   IMAGES   POD LABELS', object: { apiVersion: 'v1', kind: 'PodTemplate', template: template() } },
  { resource: 'replicationcontrollers', namespaced: true, columns: 'NAME   DESIRED   CURRENT   READY   AGE', wide: `NAME   DESIRED   CURRENT   READY   AGE   ${workload}`, object: { apiVersion: 'v1', kind: 'ReplicationController', spec: { selector: { app: 'x' }, template: template() } } },
  { resource: 'resourcequotas', namespaced: true, columns: 'NAME   REQUEST   LIMIT   AGE', object: { apiVersion: 'v1', kind: 'ResourceQuota', spec: { hard: { pods: '40' } } } },
  { resource: 'secrets', namespaced: true, columns: 'NAME   TYPE   DATA   AGE', object: { apiVersion: 'v1', kind: 'Secret', data: { a: 'Yg==' } } },
  { resource: 'serviceaccounts', namespaced: true, columns: 'NAME   SECRETS   AGE', object: { apiVersion: 'v1', kind: 'ServiceAccount' } },
  { resource: 'services', namespaced: true, columns: 'NAME   TYPE   CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE', wide: 'NAME   TYPE   CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE   SELECTOR', object: { apiVersion: 'v1', kind: 'Service', spec: { selector: { app: 'x' }, ports: [{ port: 80 }] } } },
]

const workloads: readonly ResourceRow[] = [
  { resource: 'controllerrevisions.apps', namespaced: true, columns: 'NAME   CONTROLLER   REVISION   AGE', object: { apiVersion: 'apps/v1', kind: 'ControllerRevision', revision: 3, data: { a: 1 } } },
  { resource: 'daemonsets.apps', namespaced: true, columns: 'NAME   DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR   AGE', wide: `NAME   DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR   AGE   ${workload}`, object: { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: { selector, template: template() } } },
  { resource: 'deployments.apps', namespaced: true, columns: 'NAME   READY   UP-TO-DATE   AVAILABLE   AGE', wide: `NAME   READY   UP-TO-DATE   AVAILABLE   AGE   ${workload}`, object: { apiVersion: 'apps/v1', kind: 'Deployment', spec: { selector, template: template() } } },
  { resource: 'replicasets.apps', namespaced: true, columns: 'NAME   DESIRED   CURRENT   READY   AGE', wide: `NAME   DESIRED   CURRENT   READY   AGE   ${workload}`, object: { apiVersion: 'apps/v1', kind: 'ReplicaSet', spec: { selector, template: template() } } },
  { resource: 'statefulsets.apps', namespaced: true, columns: 'NAME   READY   AGE', wide: 'NAME   READY   AGE   CONTAINERS   IMAGES', object: { apiVersion: 'apps/v1', kind: 'StatefulSet', spec: { serviceName: 's', selector, template: template() } } },
  { resource: 'horizontalpodautoscalers.autoscaling', namespaced: true, columns: 'NAME   REFERENCE   TARGETS   MINPODS   MAXPODS   REPLICAS   AGE', object: { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'none' } } } },
  { resource: 'cronjobs.batch', namespaced: true, columns: 'NAME   SCHEDULE   TIMEZONE   SUSPEND   ACTIVE   LAST SCHEDULE   AGE', wide: `NAME   SCHEDULE   TIMEZONE   SUSPEND   ACTIVE   LAST SCHEDULE   AGE   ${workload}`, object: { apiVersion: 'batch/v1', kind: 'CronJob', spec: { schedule: '@yearly', jobTemplate: { spec: { template: template('Never') } } } } },
  { resource: 'jobs.batch', namespaced: true, columns: 'NAME   STATUS   COMPLETIONS   DURATION   AGE', wide: `NAME   STATUS   COMPLETIONS   DURATION   AGE   ${workload}`, object: { apiVersion: 'batch/v1', kind: 'Job', spec: { template: template('Never') } } },
  { resource: 'poddisruptionbudgets.policy', namespaced: true, columns: 'NAME   MIN AVAILABLE   MAX UNAVAILABLE   ALLOWED DISRUPTIONS   AGE', object: { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', spec: { minAvailable: 1, selector } } },
]

const network: readonly ResourceRow[] = [
  { resource: 'endpointslices.discovery.k8s.io', namespaced: true, columns: 'NAME   ADDRESSTYPE   PORTS   ENDPOINTS   AGE', object: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', endpoints: [{ addresses: ['10.1.2.3'] }], ports: [{ name: '', port: 80, protocol: 'TCP' }] } },
  { resource: 'ingressclasses.networking.k8s.io', namespaced: false, columns: 'NAME   CONTROLLER   PARAMETERS   AGE', object: { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', spec: { controller: 'example.com/web' } } },
  { resource: 'ingresses.networking.k8s.io', namespaced: true, columns: 'NAME   CLASS   HOSTS   ADDRESS   PORTS   AGE', object: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } } } },
  { resource: 'networkpolicies.networking.k8s.io', namespaced: true, columns: 'NAME   POD-SELECTOR   AGE', object: { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: { podSelector: selector } } },
]

const rights: readonly ResourceRow[] = [
  { resource: `clusterrolebindings.${rbac}`, namespaced: false, ...binding, object: { apiVersion: `${rbac}/v1`, kind: 'ClusterRoleBinding', roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' }, subjects: [{ apiGroup: rbac, kind: 'User', name: 'u' }] } },
  { resource: `clusterroles.${rbac}`, namespaced: false, columns: 'NAME   CREATED AT', object: { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] } },
  { resource: `rolebindings.${rbac}`, namespaced: true, ...binding, object: { apiVersion: `${rbac}/v1`, kind: 'RoleBinding', roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' }, subjects: [{ apiGroup: rbac, kind: 'User', name: 'u' }] } },
  { resource: `roles.${rbac}`, namespaced: true, columns: 'NAME   CREATED AT', object: { apiVersion: `${rbac}/v1`, kind: 'Role', rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] } },
]

const cluster: readonly ResourceRow[] = [
  { resource: 'leases.coordination.k8s.io', namespaced: true, columns: 'NAME   HOLDER   AGE', object: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec: { holderIdentity: 'h' } } },
  { resource: 'mutatingwebhookconfigurations.admissionregistration.k8s.io', namespaced: false, columns: 'NAME   WEBHOOKS   AGE', object: { apiVersion: admission, kind: 'MutatingWebhookConfiguration', webhooks: [webhook] } },
  { resource: 'validatingwebhookconfigurations.admissionregistration.k8s.io', namespaced: false, columns: 'NAME   WEBHOOKS   AGE', object: { apiVersion: admission, kind: 'ValidatingWebhookConfiguration', webhooks: [webhook] } },
  { resource: 'validatingadmissionpolicies.admissionregistration.k8s.io', namespaced: false, columns: 'NAME   VALIDATIONS   PARAMKIND   AGE', object: { apiVersion: admission, kind: 'ValidatingAdmissionPolicy', spec: { matchConstraints: { resourceRules: webhook.rules, matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} }, validations: [{ expression: 'true' }] } } },
  { resource: 'validatingadmissionpolicybindings.admissionregistration.k8s.io', namespaced: false, columns: 'NAME   POLICYNAME   PARAMREF   AGE', object: { apiVersion: admission, kind: 'ValidatingAdmissionPolicyBinding', spec: { policyName: 'none', validationActions: ['Warn'] } } },
  { resource: `flowschemas.${flow}`, namespaced: false, columns: 'NAME   PRIORITYLEVEL   MATCHINGPRECEDENCE   DISTINGUISHERMETHOD   AGE   MISSINGPL', object: { apiVersion: `${flow}/v1`, kind: 'FlowSchema', spec: { priorityLevelConfiguration: { name: 'exempt' } } } },
  { resource: `prioritylevelconfigurations.${flow}`, namespaced: false, columns: 'NAME   TYPE   NOMINALCONCURRENCYSHARES   QUEUES   HANDSIZE   QUEUELENGTHLIMIT   AGE', object: { apiVersion: `${flow}/v1`, kind: 'PriorityLevelConfiguration', spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } } } },
  { resource: 'runtimeclasses.node.k8s.io', namespaced: false, columns: 'NAME   HANDLER   AGE', object: { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', handler: 'runc' } },
  { resource: 'priorityclasses.scheduling.k8s.io', namespaced: false, columns: 'NAME   VALUE   GLOBAL-DEFAULT   AGE   PREEMPTIONPOLICY', object: { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', value: 7 } },
  { resource: 'csidrivers.storage.k8s.io', namespaced: false, columns: 'NAME   ATTACHREQUIRED   PODINFOONMOUNT   STORAGECAPACITY   TOKENREQUESTS   REQUIRESREPUBLISH   MODES   AGE', object: { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', spec: { attachRequired: false } } },
  { resource: 'csinodes.storage.k8s.io', namespaced: false, columns: 'NAME   DRIVERS   AGE', object: { apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', spec: { drivers: [{ name: 'example.com', nodeID: 'n' }] } } },
  { resource: 'storageclasses.storage.k8s.io', namespaced: false, columns: 'NAME   PROVISIONER   RECLAIMPOLICY   VOLUMEBINDINGMODE   ALLOWVOLUMEEXPANSION   AGE', object: { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', provisioner: 'example.com/disk' } },
  { resource: 'volumeattachments.storage.k8s.io', namespaced: false, columns: 'NAME   ATTACHER   PV   NODE   ATTACHED   AGE', object: { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', spec: { attacher: 'example.com', nodeName: 'n', source: { persistentVolumeName: 'pv' } } } },
]

export const resourceTable: readonly ResourceRow[] = [...core, ...workloads, ...network, ...rights, ...cluster]
