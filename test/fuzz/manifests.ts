/** Objects in order, one of each kind worth breaking, and where they are served. */

export interface Served {
  /** The path of the group and version. */
  readonly base: string
  readonly resource: string
  readonly namespaced: boolean
  readonly subresources: readonly string[]
  readonly object: Readonly<Record<string, unknown>>
}

const pod = { containers: [{ name: 'main', image: 'registry.example.com/app:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }], resources: { limits: { cpu: '1', memory: '64Mi' } }, readinessProbe: { httpGet: { path: '/', port: 80 } }, securityContext: { capabilities: { drop: ['ALL'] } } }], volumes: [{ name: 'v', emptyDir: {} }], tolerations: [{ key: 'k', operator: 'Exists' }], affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }] } } } }
const labels = { app: 'fuzz' }
const template = { metadata: { labels }, spec: pod }
const selector = { matchLabels: labels }
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]
const schema = { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer', minimum: 1, default: 1 }, name: { type: 'string', pattern: '^[a-z]+$' } }, 'x-kubernetes-validations': [{ rule: 'self.size < 10', message: 'too big' }] } } }

const core = (resource: string, kind: string, rest: object, subresources: readonly string[] = [], namespaced = true): Served =>
  ({ base: '/api/v1', resource, namespaced, subresources, object: { apiVersion: 'v1', kind, ...rest } })
const group = (apiVersion: string, resource: string, kind: string, rest: object, subresources: readonly string[] = [], namespaced = true): Served =>
  ({ base: `/apis/${apiVersion}`, resource, namespaced, subresources, object: { apiVersion, kind, ...rest } })

export const served: readonly Served[] = [
  core('pods', 'Pod', { spec: pod }, ['status', 'binding', 'eviction', 'ephemeralcontainers', 'resize', 'log', 'exec', 'attach', 'portforward', 'proxy', 'proxy/a/b']),
  core('configmaps', 'ConfigMap', { data: { a: 'b' }, binaryData: { c: 'AAECAw==' } }),
  core('secrets', 'Secret', { type: 'Opaque', data: { a: 'AAECAw==' }, stringData: { b: 'c' } }),
  core('services', 'Service', { spec: { selector: labels, ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }], type: 'ClusterIP' } }, ['status', 'proxy', 'proxy/x']),
  core('endpoints', 'Endpoints', { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] }),
  core('replicationcontrollers', 'ReplicationController', { spec: { replicas: 0, selector: labels, template } }, ['status', 'scale']),
  core('resourcequotas', 'ResourceQuota', { spec: { hard: { 'count/widgets.example.com': '10' } } }, ['status']),
  core('limitranges', 'LimitRange', { spec: { limits: [{ type: 'Container', max: { cpu: '100' } }] } }),
  core('persistentvolumeclaims', 'PersistentVolumeClaim', { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }, ['status']),
  core('serviceaccounts', 'ServiceAccount', {}, ['token']),
  core('podtemplates', 'PodTemplate', { template }),
  core('events', 'Event', { involvedObject: { kind: 'Pod', name: 'a', namespace: 'fuzz' }, reason: 'A', message: 'b', type: 'Normal' }),
  core('nodes', 'Node', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }, ['status', 'proxy', 'proxy/stats'], false),
  core('namespaces', 'Namespace', {}, ['status', 'finalize'], false),
  core('persistentvolumes', 'PersistentVolume', { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } } }, ['status'], false),
  group('apps/v1', 'deployments', 'Deployment', { spec: { replicas: 0, selector, template, strategy: { rollingUpdate: { maxSurge: '25%' } } } }, ['status', 'scale']),
  group('apps/v1', 'statefulsets', 'StatefulSet', { spec: { replicas: 0, selector, template, serviceName: 's' } }, ['status', 'scale']),
  group('apps/v1', 'daemonsets', 'DaemonSet', { spec: { selector, template } }, ['status']),
  group('apps/v1', 'replicasets', 'ReplicaSet', { spec: { replicas: 0, selector, template } }, ['status', 'scale']),
  group('batch/v1', 'jobs', 'Job', { spec: { suspend: true, template: { spec: { ...pod, restartPolicy: 'Never' } } } }, ['status']),
  group('batch/v1', 'cronjobs', 'CronJob', { spec: { suspend: true, schedule: '*/5 * * * *', jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } } } } }, ['status']),
  group('autoscaling/v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', { spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'a', apiVersion: 'apps/v1' }, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }] } }, ['status']),
  group('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget', { spec: { minAvailable: '50%', selector } }, ['status']),
  group('networking.k8s.io/v1', 'ingresses', 'Ingress', { spec: { rules: [{ host: 'a.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }] } }] } }, ['status']),
  group('networking.k8s.io/v1', 'networkpolicies', 'NetworkPolicy', { spec: { podSelector: selector, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }] } }),
  group('rbac.authorization.k8s.io/v1', 'roles', 'Role', { rules }),
  group('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding', { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' }, subjects: [{ kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' }] }),
  group('rbac.authorization.k8s.io/v1', 'clusterroles', 'ClusterRole', { rules, aggregationRule: { clusterRoleSelectors: [selector] } }, [], false),
  group('coordination.k8s.io/v1', 'leases', 'Lease', { spec: { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' } }),
  group('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80, name: 'a' }] }),
  group('events.k8s.io/v1', 'events', 'Event', { eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'example.com/a', reportingInstance: 'a', action: 'A', reason: 'B', regarding: { kind: 'Pod', name: 'a', namespace: 'fuzz' }, type: 'Normal' }),
  group('storage.k8s.io/v1', 'storageclasses', 'StorageClass', { provisioner: 'example.com/p', parameters: { a: 'b' } }, [], false),
  group('scheduling.k8s.io/v1', 'priorityclasses', 'PriorityClass', { value: 10 }, [], false),
  group('certificates.k8s.io/v1', 'certificatesigningrequests', 'CertificateSigningRequest', { spec: { request: 'bm90IGEgcmVxdWVzdA==', signerName: 'example.com/s', usages: ['client auth'] } }, ['status', 'approval'], false),
  group('admissionregistration.k8s.io/v1', 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration', { webhooks: [{ name: 'a.example.com', sideEffects: 'None', admissionReviewVersions: ['v1'], clientConfig: { url: 'https://127.0.0.1:1/' }, rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }], matchConditions: [{ name: 'c', expression: 'object.metadata.name != "x"' }] }] }, [], false),
  group('admissionregistration.k8s.io/v1', 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy', { spec: { matchConstraints: { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] }, validations: [{ expression: 'object.spec.containers.all(c, c.image.startsWith("r"))' }] } }, ['status'], false),
  group('apiextensions.k8s.io/v1', 'customresourcedefinitions', 'CustomResourceDefinition', { metadata: { name: 'gadgets.example.com' }, spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } } }] } }, ['status'], false),
  group('apiregistration.k8s.io/v1', 'apiservices', 'APIService', { metadata: { name: 'v1.fuzz.example.com' }, spec: { group: 'fuzz.example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10, service: { name: 's', namespace: 'fuzz' } } }, ['status'], false),
  group('fuzz.example.com/v1', 'widgets', 'Widget', { spec: { size: 2, name: 'ab', parts: [{ id: 1, of: { any: ['thing'] } }] } }, ['status', 'scale']),
  group('authentication.k8s.io/v1', 'tokenreviews', 'TokenReview', { spec: { token: 'a.b.c', audiences: ['x'] } }, [], false),
  group('authentication.k8s.io/v1', 'selfsubjectreviews', 'SelfSubjectReview', {}, [], false),
  group('authorization.k8s.io/v1', 'subjectaccessreviews', 'SubjectAccessReview', { spec: { user: 'a', resourceAttributes: { verb: 'get', resource: 'pods', fieldSelector: { requirements: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] } } } }, [], false),
  group('authorization.k8s.io/v1', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', { spec: { namespace: 'fuzz' } }, [], false),
]

/** The definition behind `widgets`: every feature of a schema that a body can meet. */
export const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'widgets.fuzz.example.com' },
  spec: {
    group: 'fuzz.example.com', scope: 'Namespaced', names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: [{
      name: 'v1', served: true, storage: true, subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
      additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }, { name: 'Date', type: 'date', jsonPath: '.spec.when' }],
      schema: { openAPIV3Schema: { type: 'object', properties: {
        spec: { type: 'object', required: ['name'], 'x-kubernetes-validations': [{ rule: '!has(self.size) || self.size < 100', message: 'too big' }], properties: {
          size: { type: 'integer', minimum: 0, default: 1 }, name: { type: 'string', pattern: '^[a-z]+$', maxLength: 20 }, when: { type: 'string', format: 'date-time' }, port: { 'x-kubernetes-int-or-string': true },
          parts: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'], items: { type: 'object', required: ['id'], properties: { id: { type: 'integer' }, of: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } } },
          tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } }, any: { type: 'object', additionalProperties: { type: 'number' } },
        } },
        status: { type: 'object', properties: { size: { type: 'integer' } } },
      } } },
    }],
  },
}
