/** The resources our own code works with, by kind. */
import type * as apps from './apps-v1.ts'
import type * as autoscaling from './autoscaling-v2.ts'
import type * as batch from './batch-v1.ts'
import type * as certificates from './certificates-v1.ts'
import type * as coordination from './coordination-v1.ts'
import type * as core from './core-v1.ts'
import type * as discovery from './discovery-v1.ts'
import type * as flowcontrol from './flowcontrol-v1.ts'
import type * as node from './node-v1.ts'
import type * as networking from './networking-v1.ts'
import type * as policy from './policy-v1.ts'
import type * as rbac from './rbac-v1.ts'
import type * as scheduling from './scheduling-v1.ts'
import type * as storage from './storage-v1.ts'
import type { KubeObject, ResourceRef } from './object.ts'

const ref = <T extends KubeObject>(gv: string, kind: string, resource: string, namespaced = true): ResourceRef<T> => {
  const slash = gv.indexOf('/')
  return { group: slash < 0 ? '' : gv.slice(0, slash), version: gv.slice(slash + 1), kind, resource, namespaced }
}

export const refs = {
  Namespace: ref<core.Namespace>('v1', 'Namespace', 'namespaces', false),
  Node: ref<core.Node>('v1', 'Node', 'nodes', false),
  Pod: ref<core.Pod>('v1', 'Pod', 'pods'),
  ConfigMap: ref<core.ConfigMap>('v1', 'ConfigMap', 'configmaps'),
  Secret: ref<core.Secret>('v1', 'Secret', 'secrets'),
  ServiceAccount: ref<core.ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts'),
  Service: ref<core.Service>('v1', 'Service', 'services'),
  Endpoints: ref<core.Endpoints>('v1', 'Endpoints', 'endpoints'),
  Event: ref<core.Event>('v1', 'Event', 'events'),
  ReplicationController: ref<core.ReplicationController>('v1', 'ReplicationController', 'replicationcontrollers'),
  EndpointSlice: ref<discovery.EndpointSlice>('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'),
  Lease: ref<coordination.Lease>('coordination.k8s.io/v1', 'Lease', 'leases'),
  ReplicaSet: ref<apps.ReplicaSet>('apps/v1', 'ReplicaSet', 'replicasets'),
  Deployment: ref<apps.Deployment>('apps/v1', 'Deployment', 'deployments'),
  RuntimeClass: ref<node.RuntimeClass>('node.k8s.io/v1', 'RuntimeClass', 'runtimeclasses', false),
  PersistentVolume: ref<core.PersistentVolume>('v1', 'PersistentVolume', 'persistentvolumes', false),
  PersistentVolumeClaim: ref<core.PersistentVolumeClaim>('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  DaemonSet: ref<apps.DaemonSet>('apps/v1', 'DaemonSet', 'daemonsets'),
  StatefulSet: ref<apps.StatefulSet>('apps/v1', 'StatefulSet', 'statefulsets'),
  ControllerRevision: ref<apps.ControllerRevision>('apps/v1', 'ControllerRevision', 'controllerrevisions'),
  Job: ref<batch.Job>('batch/v1', 'Job', 'jobs'),
  CronJob: ref<batch.CronJob>('batch/v1', 'CronJob', 'cronjobs'),
  PodDisruptionBudget: ref<policy.PodDisruptionBudget>('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  LimitRange: ref<core.LimitRange>('v1', 'LimitRange', 'limitranges'),
  ResourceQuota: ref<core.ResourceQuota>('v1', 'ResourceQuota', 'resourcequotas'),
  HorizontalPodAutoscaler: ref<autoscaling.HorizontalPodAutoscaler>('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  NetworkPolicy: ref<networking.NetworkPolicy>('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  Ingress: ref<networking.Ingress>('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  ServiceCIDR: ref<networking.ServiceCIDR>('networking.k8s.io/v1', 'ServiceCIDR', 'servicecidrs', false),
  StorageClass: ref<storage.StorageClass>('storage.k8s.io/v1', 'StorageClass', 'storageclasses', false),
  PriorityClass: ref<scheduling.PriorityClass>('scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses', false),
  FlowSchema: ref<flowcontrol.FlowSchema>('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', 'flowschemas', false),
  PriorityLevelConfiguration: ref<flowcontrol.PriorityLevelConfiguration>('flowcontrol.apiserver.k8s.io/v1', 'PriorityLevelConfiguration', 'prioritylevelconfigurations', false),
  CertificateSigningRequest: ref<certificates.CertificateSigningRequest>('certificates.k8s.io/v1', 'CertificateSigningRequest', 'certificatesigningrequests', false),
  Role: ref<rbac.Role>('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  RoleBinding: ref<rbac.RoleBinding>('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
  ClusterRole: ref<rbac.ClusterRole>('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', false),
  ClusterRoleBinding: ref<rbac.ClusterRoleBinding>('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings', false),
} as const
