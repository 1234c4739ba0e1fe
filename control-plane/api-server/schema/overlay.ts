/**
 * What the generated tables cannot know: the official client's models drop patch strategies, list types and the difference
 * between a string and a quantity. Source: the struct tags of `k8s.io/api` v0.33, as its OpenAPI document shows them. Pure.
 */

/** How a list field is patched and owned. */
export interface ListRule {
  /** Strategic merge: lists are merged, by this key or as a set of scalars; otherwise replaced. */
  readonly patchMergeKey?: string
  /** Values of `x-kubernetes-patch-strategy`. */
  readonly patchStrategy?: 'merge' | 'retainKeys' | 'merge,retainKeys'
  /** `x-kubernetes-list-type`, for lists. */
  readonly listType?: 'atomic' | 'set' | 'map'
  readonly listMapKeys?: readonly string[]
  /** `x-kubernetes-map-type`, for objects; `granular` where the object's own type is atomic. */
  readonly mapType?: 'atomic' | 'granular'
}

/** Types that differ from the generated ones, by schema and field. */
export const fieldTypes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'core-v1.ConfigMap': { binaryData: '{}byte' },
  'core-v1.ContainerStatus': { allocatedResources: '{}quantity' },
  'core-v1.EmptyDirVolumeSource': { sizeLimit: 'quantity' },
  'core-v1.LimitRangeItem': { default: '{}quantity', defaultRequest: '{}quantity', max: '{}quantity', maxLimitRequestRatio: '{}quantity', min: '{}quantity' },
  'core-v1.LinuxContainerUser': { supplementalGroups: '[]int64' },
  'core-v1.NodeStatus': { allocatable: '{}quantity', capacity: '{}quantity' },
  'core-v1.PersistentVolumeClaimStatus': { allocatedResources: '{}quantity', capacity: '{}quantity' },
  'core-v1.PersistentVolumeSpec': { capacity: '{}quantity' },
  'core-v1.PodSecurityContext': { supplementalGroups: '[]int64' },
  'core-v1.PodSpec': { overhead: '{}quantity' },
  'core-v1.ResourceFieldSelector': { divisor: 'quantity' },
  'core-v1.ResourceQuotaSpec': { hard: '{}quantity' },
  'core-v1.ResourceQuotaStatus': { hard: '{}quantity', used: '{}quantity' },
  'core-v1.ResourceRequirements': { limits: '{}quantity', requests: '{}quantity' },
  'core-v1.Secret': { data: '{}byte' },
  'core-v1.VolumeResourceRequirements': { limits: '{}quantity', requests: '{}quantity' },
  'apiextensions-v1.JSONSchemaProps': {
    default: 'json', example: 'json', enum: '[]json', items: 'json-or-list', additionalItems: 'json-or-boolean', additionalProperties: 'json-or-boolean', dependencies: '{}json-or-strings',
  },
  'apps-v1.ControllerRevision': { data: 'raw' },
  'autoscaling-v2.HPAScalingRules': { tolerance: 'quantity' },
  'autoscaling-v2.MetricTarget': { averageValue: 'quantity', value: 'quantity' },
  'autoscaling-v2.MetricValueStatus': { averageValue: 'quantity', value: 'quantity' },
  'node-v1.Overhead': { podFixed: '{}quantity' },
  'storage-v1.CSIStorageCapacity': { capacity: 'quantity', maximumVolumeSize: 'quantity' },
}

const atomic: ListRule = { listType: 'atomic' }
const set: ListRule = { listType: 'set' }
const mergeBy = (key: string, keys: readonly string[] | 'atomic' = [key]): ListRule =>
  keys === 'atomic' ? { patchMergeKey: key, patchStrategy: 'merge', listType: 'atomic' } : { patchMergeKey: key, patchStrategy: 'merge', listType: 'map', listMapKeys: keys }
const conditions = mergeBy('type')
const atomicMap: ListRule = { mapType: 'atomic' }
/** Owned by keys, but replaced whole by a strategic merge. */
const listMap = (...keys: string[]): ListRule => ({ listType: 'map', listMapKeys: keys })
const containerFields: Readonly<Record<string, ListRule>> = {
  args: atomic, command: atomic, env: mergeBy('name'), envFrom: atomic, ports: mergeBy('containerPort', ['containerPort', 'protocol']), resizePolicy: atomic,
  volumeDevices: mergeBy('devicePath'), volumeMounts: mergeBy('mountPath'),
}

/** Rules by schema and field. A list that is not named here is atomic. */
export const listRules: Readonly<Record<string, Readonly<Record<string, ListRule>>>> = {
  'meta-v1.ObjectMeta': { finalizers: { patchStrategy: 'merge', listType: 'set' }, managedFields: atomic, ownerReferences: mergeBy('uid') },
  'meta-v1.LabelSelector': { matchExpressions: atomic },
  'meta-v1.StatusDetails': { causes: atomic },
  'core-v1.Container': containerFields,
  'core-v1.EphemeralContainer': containerFields,
  'core-v1.ContainerStatus': { allocatedResourcesStatus: mergeBy('name'), volumeMounts: mergeBy('mountPath') },
  'core-v1.NamespaceStatus': { conditions },
  'core-v1.NodeSpec': { podCIDRs: { patchStrategy: 'merge', listType: 'set' }, taints: atomic },
  'core-v1.NodeStatus': { addresses: mergeBy('type'), conditions, images: atomic, runtimeHandlers: atomic, volumesAttached: atomic, volumesInUse: atomic },
  'core-v1.PersistentVolumeClaimStatus': { conditions },
  'core-v1.PersistentVolumeSpec': { claimRef: { mapType: 'granular' } },
  'core-v1.PodSpec': {
    containers: mergeBy('name'), ephemeralContainers: mergeBy('name'), hostAliases: mergeBy('ip'), imagePullSecrets: mergeBy('name'),
    initContainers: mergeBy('name'), nodeSelector: atomicMap, readinessGates: atomic,
    resourceClaims: { patchMergeKey: 'name', patchStrategy: 'merge,retainKeys', listType: 'map', listMapKeys: ['name'] },
    schedulingGates: mergeBy('name'), tolerations: atomic, topologySpreadConstraints: mergeBy('topologyKey', ['topologyKey', 'whenUnsatisfiable']),
    volumes: { patchMergeKey: 'name', patchStrategy: 'merge,retainKeys', listType: 'map', listMapKeys: ['name'] },
  },
  'core-v1.PodStatus': {
    conditions, containerStatuses: atomic, ephemeralContainerStatuses: atomic, hostIPs: mergeBy('ip', 'atomic'), initContainerStatuses: atomic, podIPs: mergeBy('ip'),
    resourceClaimStatuses: { patchMergeKey: 'name', patchStrategy: 'merge,retainKeys', listType: 'map', listMapKeys: ['name'] },
  },
  'core-v1.ReplicationControllerSpec': { selector: atomicMap },
  'core-v1.ReplicationControllerStatus': { conditions },
  'core-v1.ResourceRequirements': { claims: listMap('name') },
  'core-v1.ResourceStatus': { resources: listMap('resourceID') },
  'core-v1.ServiceAccount': { imagePullSecrets: atomic, secrets: mergeBy('name') },
  'core-v1.ServiceSpec': { clusterIPs: atomic, externalIPs: atomic, ipFamilies: atomic, loadBalancerSourceRanges: atomic, ports: mergeBy('port', ['port', 'protocol']), selector: atomicMap },
  'core-v1.ServiceStatus': { conditions },
  'apps-v1.DaemonSetStatus': { conditions },
  'apps-v1.DeploymentSpec': { strategy: { patchStrategy: 'retainKeys' } },
  'apps-v1.DeploymentStatus': { conditions },
  'apps-v1.ReplicaSetStatus': { conditions },
  'apps-v1.StatefulSetStatus': { conditions },
  'admissionregistration-v1.MutatingWebhook': { matchConditions: mergeBy('name') },
  'admissionregistration-v1.MutatingWebhookConfiguration': { webhooks: mergeBy('name') },
  'admissionregistration-v1.ValidatingAdmissionPolicyBindingSpec': { validationActions: set },
  'admissionregistration-v1.ValidatingAdmissionPolicySpec': { matchConditions: mergeBy('name'), variables: mergeBy('name') },
  'admissionregistration-v1.ValidatingAdmissionPolicyStatus': { conditions: listMap('type') },
  'admissionregistration-v1.ValidatingWebhook': { matchConditions: mergeBy('name') },
  'admissionregistration-v1.ValidatingWebhookConfiguration': { webhooks: mergeBy('name') },
  'apiextensions-v1.CustomResourceDefinitionStatus': { conditions: listMap('type') },
  'apiextensions-v1.JSONSchemaProps': { 'x-kubernetes-validations': mergeBy('rule') },
  'apiregistration-v1.APIServiceStatus': { conditions },
  'autoscaling-v2.HorizontalPodAutoscalerStatus': { conditions },
  'batch-v1.JobStatus': { conditions: mergeBy('type', 'atomic') },
  'batch-v1.PodFailurePolicyOnExitCodesRequirement': { values: set },
  'batch-v1.UncountedTerminatedPods': { failed: set, succeeded: set },
  'certificates-v1.CertificateSigningRequestStatus': { conditions: listMap('type') },
  'discovery-v1.Endpoint': { addresses: set },
  'flowcontrol-v1.FlowSchemaStatus': { conditions },
  'flowcontrol-v1.NonResourcePolicyRule': { nonResourceURLs: set, verbs: set },
  'flowcontrol-v1.PriorityLevelConfigurationStatus': { conditions },
  'flowcontrol-v1.ResourcePolicyRule': { apiGroups: set, namespaces: set, resources: set, verbs: set },
  'networking-v1.ServiceCIDRStatus': { conditions },
  'policy-v1.PodDisruptionBudgetStatus': { conditions },
  'storage-v1.CSIDriverSpec': { volumeLifecycleModes: set },
  'storage-v1.CSINodeSpec': { drivers: mergeBy('name') },
}

/** Schemas whose objects are owned and replaced whole (`x-kubernetes-map-type: atomic` on the type). */
export const atomicObjects: ReadonlySet<string> = new Set([
  'meta-v1.LabelSelector', 'meta-v1.OwnerReference', 'core-v1.ConfigMapKeySelector', 'core-v1.EndpointAddress', 'core-v1.EndpointPort', 'core-v1.LocalObjectReference',
  'core-v1.NodeSelector', 'core-v1.NodeSelectorTerm', 'core-v1.ObjectFieldSelector', 'core-v1.ObjectReference', 'core-v1.ResourceFieldSelector', 'core-v1.ScopeSelector',
  'core-v1.SecretKeySelector', 'core-v1.SecretReference', 'core-v1.TypedLocalObjectReference',
  'admissionregistration-v1.MatchResources', 'admissionregistration-v1.NamedRuleWithOperations', 'admissionregistration-v1.ParamKind',
  'admissionregistration-v1.ParamRef', 'admissionregistration-v1.Variable', 'autoscaling-v1.CrossVersionObjectReference', 'discovery-v1.EndpointPort',
  'networking-v1.ServiceBackendPort', 'rbac-v1.RoleRef', 'rbac-v1.Subject',
])

/**
 * Optional objects that Go holds by value: they are there, empty, in every object of the schema. `metadata`, `spec` and `status` are so
 * everywhere and not named here; only what a new object reaches without a list or a pointer on the way matters.
 */
export const embeddedObjects: Readonly<Record<string, readonly string[]>> = {
  'core-v1.Event': ['source'],
  'core-v1.NodeDaemonEndpoints': ['kubeletEndpoint'],
  'core-v1.NodeStatus': ['daemonEndpoints', 'nodeInfo'],
  'core-v1.PersistentVolumeClaimSpec': ['resources'],
  'core-v1.PodTemplate': ['template'],
  'core-v1.ServiceStatus': ['loadBalancer'],
  'apps-v1.DaemonSetSpec': ['updateStrategy'],
  'apps-v1.DeploymentSpec': ['strategy'],
  'apps-v1.ReplicaSetSpec': ['template'],
  'apps-v1.StatefulSetSpec': ['updateStrategy'],
  'events-v1.Event': ['deprecatedSource', 'regarding'],
  'networking-v1.IngressStatus': ['loadBalancer'],
  'networking-v1.NetworkPolicySpec': ['podSelector'],
}

/** What Go takes an optional key of a list's elements for where it is left out. */
export const fieldDefaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'core-v1.ContainerPort': { protocol: 'TCP' },
  'core-v1.LocalObjectReference': { name: '' },
  'core-v1.ServicePort': { protocol: 'TCP' },
}
