/** The kind the operator brings: `Backup`, v1alpha1 with one `schedule` text, v1 (stored) with `minute` and `hour`. */

export const group = 'operators.example.com'
export const plural = 'backups'

export interface Meta { name: string; namespace: string; uid: string; resourceVersion: string; generation: number; deletionTimestamp?: string; finalizers?: string[] }
export interface Backup { apiVersion: string; kind: 'Backup'; metadata: Meta; spec: { volume: string; hour: number; minute: number; keep: number }; status?: { phase?: string; observedGeneration?: number } }

const version = (name: string, storage: boolean, when: object, columns: object[]): object => ({
  name, served: true, storage, subresources: { status: {} },
  additionalPrinterColumns: [...columns, { name: 'Phase', type: 'string', jsonPath: '.status.phase' }],
  schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties: {
    spec: { type: 'object', required: ['volume'], properties: { volume: { type: 'string', minLength: 1 }, keep: { type: 'integer', minimum: 1, default: 7 }, ...when } },
    status: { type: 'object', properties: { phase: { type: 'string' }, observedGeneration: { type: 'integer' } } },
  } } },
})

/** `url` of the webhooks, `caBundle` in base64. */
export const definition = (url: string, caBundle: string): object => ({
  apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `${plural}.${group}` },
  spec: {
    group, scope: 'Namespaced', names: { plural, singular: 'backup', kind: 'Backup', shortNames: ['bk'], categories: ['all'] },
    versions: [
      version('v1alpha1', false, { schedule: { type: 'string', pattern: '^[0-9]{2}:[0-9]{2}$' } }, [{ name: 'Schedule', type: 'string', jsonPath: '.spec.schedule' }]),
      version('v1', true, { hour: { type: 'integer', minimum: 0, maximum: 23 }, minute: { type: 'integer', minimum: 0, maximum: 59 } }, [{ name: 'Hour', type: 'integer', jsonPath: '.spec.hour' }, { name: 'Keep', type: 'integer', jsonPath: '.spec.keep' }]),
    ],
    conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: `${url}/convert`, caBundle } } },
  },
})

export const validation = (url: string, caBundle: string): object => ({
  apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: `${plural}.${group}` },
  webhooks: [{
    name: `validate.${group}`, sideEffects: 'None', admissionReviewVersions: ['v1'], failurePolicy: 'Fail', timeoutSeconds: 5, clientConfig: { url: `${url}/validate`, caBundle },
    rules: [{ apiGroups: [group], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: [plural] }],
  }],
})

/** What the operator may do, for its account `backup-operator` in `operators`. */
export const rights: readonly object[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'operators' } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'backup-operator', namespace: 'operators' } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'backup-operator' }, rules: [
    { apiGroups: [group], resources: [plural, `${plural}/status`, `${plural}/finalizers`], verbs: ['get', 'list', 'watch', 'update', 'patch'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
  ] },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'backup-operator' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'backup-operator' }, subjects: [{ kind: 'ServiceAccount', name: 'backup-operator', namespace: 'operators' }] },
]
