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
  /** `x-kubernetes-map-type: atomic`, for objects. */
  readonly mapType?: 'atomic'
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
  'core-v1.ResourceRequirements': { claims: { listType: 'map', listMapKeys: ['name'] } },
  'core-v1.ServiceAccount': { imagePullSecrets: atomic, secrets: mergeBy('name') },
  'core-v1.ServiceSpec': { clusterIPs: atomic, externalIPs: atomic, ipFamilies: atomic, loadBalancerSourceRanges: atomic, ports: mergeBy('port', ['port', 'protocol']), selector: atomicMap },
  'core-v1.ServiceStatus': { conditions },
  'apps-v1.DaemonSetStatus': { conditions },
  'apps-v1.DeploymentSpec': { strategy: { patchStrategy: 'retainKeys' } },
  'apps-v1.DeploymentStatus': { conditions },
  'apps-v1.ReplicaSetStatus': { conditions },
  'apps-v1.StatefulSetStatus': { conditions },
  'certificates-v1.CertificateSigningRequestStatus': { conditions: { listType: 'map', listMapKeys: ['type'] } },
  'discovery-v1.Endpoint': { addresses: set },
  'policy-v1.PodDisruptionBudgetStatus': { conditions },
}

/** Schemas whose objects are owned and replaced whole (`x-kubernetes-map-type: atomic` on the type). */
export const atomicObjects: ReadonlySet<string> = new Set([
  'meta-v1.LabelSelector', 'core-v1.ConfigMapKeySelector', 'core-v1.LocalObjectReference', 'core-v1.NodeSelector', 'core-v1.NodeSelectorTerm', 'core-v1.ObjectFieldSelector',
  'core-v1.ObjectReference', 'core-v1.ResourceFieldSelector', 'core-v1.ScopeSelector', 'core-v1.SecretKeySelector', 'core-v1.SecretReference',
  'core-v1.TopologySelectorTerm', 'core-v1.TypedLocalObjectReference', 'rbac-v1.RoleRef', 'rbac-v1.Subject',
])
