// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { Condition, LabelSelector, ListMeta, ObjectMeta } from './meta-v1.ts'

export interface Affinity {
  nodeAffinity?: NodeAffinity
  podAffinity?: PodAffinity
  podAntiAffinity?: PodAntiAffinity
}

export interface AppArmorProfile {
  localhostProfile?: string
  type: string
}

export interface AttachedVolume {
  devicePath: string
  name: string
}

export interface AWSElasticBlockStoreVolumeSource {
  fsType?: string
  partition?: number
  readOnly?: boolean
  volumeID: string
}

export interface AzureDiskVolumeSource {
  cachingMode?: string
  diskName: string
  diskURI: string
  fsType?: string
  kind?: string
  readOnly?: boolean
}

export interface AzureFilePersistentVolumeSource {
  readOnly?: boolean
  secretName: string
  secretNamespace?: string
  shareName: string
}

export interface AzureFileVolumeSource {
  readOnly?: boolean
  secretName: string
  shareName: string
}

export interface Binding {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  target: ObjectReference
}

export interface Capabilities {
  add?: Array<string>
  drop?: Array<string>
}

export interface CephFSPersistentVolumeSource {
  monitors: Array<string>
  path?: string
  readOnly?: boolean
  secretFile?: string
  secretRef?: SecretReference
  user?: string
}

export interface CephFSVolumeSource {
  monitors: Array<string>
  path?: string
  readOnly?: boolean
  secretFile?: string
  secretRef?: LocalObjectReference
  user?: string
}

export interface CinderPersistentVolumeSource {
  fsType?: string
  readOnly?: boolean
  secretRef?: SecretReference
  volumeID: string
}

export interface CinderVolumeSource {
  fsType?: string
  readOnly?: boolean
  secretRef?: LocalObjectReference
  volumeID: string
}

export interface ClientIPConfig {
  timeoutSeconds?: number
}

export interface ClusterTrustBundleProjection {
  labelSelector?: LabelSelector
  name?: string
  optional?: boolean
  path: string
  signerName?: string
}

export interface ComponentCondition {
  error?: string
  message?: string
  status: string
  type: string
}

export interface ComponentStatus {
  apiVersion?: string
  conditions?: Array<ComponentCondition>
  kind?: string
  metadata?: ObjectMeta
}

export interface ComponentStatusList {
  apiVersion?: string
  items: Array<ComponentStatus>
  kind?: string
  metadata?: ListMeta
}

export interface ConfigMap {
  apiVersion?: string
  binaryData?: Record<string, string>
  data?: Record<string, string>
  immutable?: boolean
  kind?: string
  metadata?: ObjectMeta
}

export interface ConfigMapEnvSource {
  name?: string
  optional?: boolean
}

export interface ConfigMapKeySelector {
  key: string
  name?: string
  optional?: boolean
}

export interface ConfigMapList {
  apiVersion?: string
  items: Array<ConfigMap>
  kind?: string
  metadata?: ListMeta
}

export interface ConfigMapNodeConfigSource {
  kubeletConfigKey: string
  name: string
  namespace: string
  resourceVersion?: string
  uid?: string
}

export interface ConfigMapProjection {
  items?: Array<KeyToPath>
  name?: string
  optional?: boolean
}

export interface ConfigMapVolumeSource {
  defaultMode?: number
  items?: Array<KeyToPath>
  name?: string
  optional?: boolean
}

export interface Container {
  args?: Array<string>
  command?: Array<string>
  env?: Array<EnvVar>
  envFrom?: Array<EnvFromSource>
  image?: string
  imagePullPolicy?: string
  lifecycle?: Lifecycle
  livenessProbe?: Probe
  name: string
  ports?: Array<ContainerPort>
  readinessProbe?: Probe
  resizePolicy?: Array<ContainerResizePolicy>
  resources?: ResourceRequirements
  restartPolicy?: string
  securityContext?: SecurityContext
  startupProbe?: Probe
  stdin?: boolean
  stdinOnce?: boolean
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  tty?: boolean
  volumeDevices?: Array<VolumeDevice>
  volumeMounts?: Array<VolumeMount>
  workingDir?: string
}

export interface ContainerImage {
  names?: Array<string>
  sizeBytes?: number
}

export interface ContainerPort {
  containerPort: number
  hostIP?: string
  hostPort?: number
  name?: string
  protocol?: string
}

export interface ContainerResizePolicy {
  resourceName: string
  restartPolicy: string
}

export interface ContainerState {
  running?: ContainerStateRunning
  terminated?: ContainerStateTerminated
  waiting?: ContainerStateWaiting
}

export interface ContainerStateRunning {
  startedAt?: string
}

export interface ContainerStateTerminated {
  containerID?: string
  exitCode: number
  finishedAt?: string
  message?: string
  reason?: string
  signal?: number
  startedAt?: string
}

export interface ContainerStateWaiting {
  message?: string
  reason?: string
}

export interface ContainerStatus {
  allocatedResources?: Record<string, string>
  allocatedResourcesStatus?: Array<ResourceStatus>
  containerID?: string
  image: string
  imageID: string
  lastState?: ContainerState
  name: string
  ready: boolean
  resources?: ResourceRequirements
  restartCount: number
  started?: boolean
  state?: ContainerState
  stopSignal?: string
  user?: ContainerUser
  volumeMounts?: Array<VolumeMountStatus>
}

export interface ContainerUser {
  linux?: LinuxContainerUser
}

export interface CSIPersistentVolumeSource {
  controllerExpandSecretRef?: SecretReference
  controllerPublishSecretRef?: SecretReference
  driver: string
  fsType?: string
  nodeExpandSecretRef?: SecretReference
  nodePublishSecretRef?: SecretReference
  nodeStageSecretRef?: SecretReference
  readOnly?: boolean
  volumeAttributes?: Record<string, string>
  volumeHandle: string
}

export interface CSIVolumeSource {
  driver: string
  fsType?: string
  nodePublishSecretRef?: LocalObjectReference
  readOnly?: boolean
  volumeAttributes?: Record<string, string>
}

export interface DaemonEndpoint {
  Port: number
}

export interface DownwardAPIProjection {
  items?: Array<DownwardAPIVolumeFile>
}

export interface DownwardAPIVolumeFile {
  fieldRef?: ObjectFieldSelector
  mode?: number
  path: string
  resourceFieldRef?: ResourceFieldSelector
}

export interface DownwardAPIVolumeSource {
  defaultMode?: number
  items?: Array<DownwardAPIVolumeFile>
}

export interface EmptyDirVolumeSource {
  medium?: string
  sizeLimit?: string
}

export interface EndpointAddress {
  hostname?: string
  ip: string
  nodeName?: string
  targetRef?: ObjectReference
}

export interface EndpointPort {
  appProtocol?: string
  name?: string
  port: number
  protocol?: string
}

export interface Endpoints {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  subsets?: Array<EndpointSubset>
}

export interface EndpointsList {
  apiVersion?: string
  items: Array<Endpoints>
  kind?: string
  metadata?: ListMeta
}

export interface EndpointSubset {
  addresses?: Array<EndpointAddress>
  notReadyAddresses?: Array<EndpointAddress>
  ports?: Array<EndpointPort>
}

export interface EnvFromSource {
  configMapRef?: ConfigMapEnvSource
  prefix?: string
  secretRef?: SecretEnvSource
}

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: EnvVarSource
}

export interface EnvVarSource {
  configMapKeyRef?: ConfigMapKeySelector
  fieldRef?: ObjectFieldSelector
  resourceFieldRef?: ResourceFieldSelector
  secretKeyRef?: SecretKeySelector
}

export interface EphemeralContainer {
  args?: Array<string>
  command?: Array<string>
  env?: Array<EnvVar>
  envFrom?: Array<EnvFromSource>
  image?: string
  imagePullPolicy?: string
  lifecycle?: Lifecycle
  livenessProbe?: Probe
  name: string
  ports?: Array<ContainerPort>
  readinessProbe?: Probe
  resizePolicy?: Array<ContainerResizePolicy>
  resources?: ResourceRequirements
  restartPolicy?: string
  securityContext?: SecurityContext
  startupProbe?: Probe
  stdin?: boolean
  stdinOnce?: boolean
  targetContainerName?: string
  terminationMessagePath?: string
  terminationMessagePolicy?: string
  tty?: boolean
  volumeDevices?: Array<VolumeDevice>
  volumeMounts?: Array<VolumeMount>
  workingDir?: string
}

export interface EphemeralVolumeSource {
  volumeClaimTemplate?: PersistentVolumeClaimTemplate
}

export interface Event {
  action?: string
  apiVersion?: string
  count?: number
  eventTime?: string
  firstTimestamp?: string
  involvedObject: ObjectReference
  kind?: string
  lastTimestamp?: string
  message?: string
  metadata: ObjectMeta
  reason?: string
  related?: ObjectReference
  reportingComponent?: string
  reportingInstance?: string
  series?: EventSeries
  source?: EventSource
  type?: string
}

export interface EventList {
  apiVersion?: string
  items: Array<Event>
  kind?: string
  metadata?: ListMeta
}

export interface EventSeries {
  count?: number
  lastObservedTime?: string
}

export interface EventSource {
  component?: string
  host?: string
}

export interface ExecAction {
  command?: Array<string>
}

export interface FCVolumeSource {
  fsType?: string
  lun?: number
  readOnly?: boolean
  targetWWNs?: Array<string>
  wwids?: Array<string>
}

export interface FlexPersistentVolumeSource {
  driver: string
  fsType?: string
  options?: Record<string, string>
  readOnly?: boolean
  secretRef?: SecretReference
}

export interface FlexVolumeSource {
  driver: string
  fsType?: string
  options?: Record<string, string>
  readOnly?: boolean
  secretRef?: LocalObjectReference
}

export interface FlockerVolumeSource {
  datasetName?: string
  datasetUUID?: string
}

export interface GCEPersistentDiskVolumeSource {
  fsType?: string
  partition?: number
  pdName: string
  readOnly?: boolean
}

export interface GitRepoVolumeSource {
  directory?: string
  repository: string
  revision?: string
}

export interface GlusterfsPersistentVolumeSource {
  endpoints: string
  endpointsNamespace?: string
  path: string
  readOnly?: boolean
}

export interface GlusterfsVolumeSource {
  endpoints: string
  path: string
  readOnly?: boolean
}

export interface GRPCAction {
  port: number
  service?: string
}

export interface HostAlias {
  hostnames?: Array<string>
  ip: string
}

export interface HostIP {
  ip: string
}

export interface HostPathVolumeSource {
  path: string
  type?: string
}

export interface HTTPGetAction {
  host?: string
  httpHeaders?: Array<HTTPHeader>
  path?: string
  port: (number | string)
  scheme?: string
}

export interface HTTPHeader {
  name: string
  value: string
}

export interface ImageVolumeSource {
  pullPolicy?: string
  reference?: string
}

export interface ISCSIPersistentVolumeSource {
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  fsType?: string
  initiatorName?: string
  iqn: string
  iscsiInterface?: string
  lun: number
  portals?: Array<string>
  readOnly?: boolean
  secretRef?: SecretReference
  targetPortal: string
}

export interface ISCSIVolumeSource {
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  fsType?: string
  initiatorName?: string
  iqn: string
  iscsiInterface?: string
  lun: number
  portals?: Array<string>
  readOnly?: boolean
  secretRef?: LocalObjectReference
  targetPortal: string
}

export interface KeyToPath {
  key: string
  mode?: number
  path: string
}

export interface Lifecycle {
  postStart?: LifecycleHandler
  preStop?: LifecycleHandler
  stopSignal?: string
}

export interface LifecycleHandler {
  exec?: ExecAction
  httpGet?: HTTPGetAction
  sleep?: SleepAction
  tcpSocket?: TCPSocketAction
}

export interface LimitRange {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: LimitRangeSpec
}

export interface LimitRangeItem {
  default?: Record<string, string>
  defaultRequest?: Record<string, string>
  max?: Record<string, string>
  maxLimitRequestRatio?: Record<string, string>
  min?: Record<string, string>
  type: string
}

export interface LimitRangeList {
  apiVersion?: string
  items: Array<LimitRange>
  kind?: string
  metadata?: ListMeta
}

export interface LimitRangeSpec {
  limits: Array<LimitRangeItem>
}

export interface LinuxContainerUser {
  gid: number
  supplementalGroups?: Array<number>
  uid: number
}

export interface LoadBalancerIngress {
  hostname?: string
  ip?: string
  ipMode?: string
  ports?: Array<PortStatus>
}

export interface LoadBalancerStatus {
  ingress?: Array<LoadBalancerIngress>
}

export interface LocalObjectReference {
  name?: string
}

export interface LocalVolumeSource {
  fsType?: string
  path: string
}

export interface ModifyVolumeStatus {
  status: string
  targetVolumeAttributesClassName?: string
}

export interface Namespace {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: NamespaceSpec
  status?: NamespaceStatus
}

export interface NamespaceCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface NamespaceList {
  apiVersion?: string
  items: Array<Namespace>
  kind?: string
  metadata?: ListMeta
}

export interface NamespaceSpec {
  finalizers?: Array<string>
}

export interface NamespaceStatus {
  conditions?: Array<NamespaceCondition>
  phase?: string
}

export interface NFSVolumeSource {
  path: string
  readOnly?: boolean
  server: string
}

export interface Node {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: NodeSpec
  status?: NodeStatus
}

export interface NodeAddress {
  address: string
  type: string
}

export interface NodeAffinity {
  preferredDuringSchedulingIgnoredDuringExecution?: Array<PreferredSchedulingTerm>
  requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector
}

export interface NodeCondition {
  lastHeartbeatTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface NodeConfigSource {
  configMap?: ConfigMapNodeConfigSource
}

export interface NodeConfigStatus {
  active?: NodeConfigSource
  assigned?: NodeConfigSource
  error?: string
  lastKnownGood?: NodeConfigSource
}

export interface NodeDaemonEndpoints {
  kubeletEndpoint?: DaemonEndpoint
}

export interface NodeFeatures {
  supplementalGroupsPolicy?: boolean
}

export interface NodeList {
  apiVersion?: string
  items: Array<Node>
  kind?: string
  metadata?: ListMeta
}

export interface NodeRuntimeHandler {
  features?: NodeRuntimeHandlerFeatures
  name?: string
}

export interface NodeRuntimeHandlerFeatures {
  recursiveReadOnlyMounts?: boolean
  userNamespaces?: boolean
}

export interface NodeSelector {
  nodeSelectorTerms: Array<NodeSelectorTerm>
}

export interface NodeSelectorRequirement {
  key: string
  operator: string
  values?: Array<string>
}

export interface NodeSelectorTerm {
  matchExpressions?: Array<NodeSelectorRequirement>
  matchFields?: Array<NodeSelectorRequirement>
}

export interface NodeSpec {
  configSource?: NodeConfigSource
  externalID?: string
  podCIDR?: string
  podCIDRs?: Array<string>
  providerID?: string
  taints?: Array<Taint>
  unschedulable?: boolean
}

export interface NodeStatus {
  addresses?: Array<NodeAddress>
  allocatable?: Record<string, string>
  capacity?: Record<string, string>
  conditions?: Array<NodeCondition>
  config?: NodeConfigStatus
  daemonEndpoints?: NodeDaemonEndpoints
  features?: NodeFeatures
  images?: Array<ContainerImage>
  nodeInfo?: NodeSystemInfo
  phase?: string
  runtimeHandlers?: Array<NodeRuntimeHandler>
  volumesAttached?: Array<AttachedVolume>
  volumesInUse?: Array<string>
}

export interface NodeSwapStatus {
  capacity?: number
}

export interface NodeSystemInfo {
  architecture: string
  bootID: string
  containerRuntimeVersion: string
  kernelVersion: string
  kubeProxyVersion: string
  kubeletVersion: string
  machineID: string
  operatingSystem: string
  osImage: string
  swap?: NodeSwapStatus
  systemUUID: string
}

export interface ObjectFieldSelector {
  apiVersion?: string
  fieldPath: string
}

export interface ObjectReference {
  apiVersion?: string
  fieldPath?: string
  kind?: string
  name?: string
  namespace?: string
  resourceVersion?: string
  uid?: string
}

export interface PersistentVolume {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: PersistentVolumeSpec
  status?: PersistentVolumeStatus
}

export interface PersistentVolumeClaim {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: PersistentVolumeClaimSpec
  status?: PersistentVolumeClaimStatus
}

export interface PersistentVolumeClaimCondition {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface PersistentVolumeClaimList {
  apiVersion?: string
  items: Array<PersistentVolumeClaim>
  kind?: string
  metadata?: ListMeta
}

export interface PersistentVolumeClaimSpec {
  accessModes?: Array<string>
  dataSource?: TypedLocalObjectReference
  dataSourceRef?: TypedObjectReference
  resources?: VolumeResourceRequirements
  selector?: LabelSelector
  storageClassName?: string
  volumeAttributesClassName?: string
  volumeMode?: string
  volumeName?: string
}

export interface PersistentVolumeClaimStatus {
  accessModes?: Array<string>
  allocatedResourceStatuses?: Record<string, string>
  allocatedResources?: Record<string, string>
  capacity?: Record<string, string>
  conditions?: Array<PersistentVolumeClaimCondition>
  currentVolumeAttributesClassName?: string
  modifyVolumeStatus?: ModifyVolumeStatus
  phase?: string
}

export interface PersistentVolumeClaimTemplate {
  metadata?: ObjectMeta
  spec: PersistentVolumeClaimSpec
}

export interface PersistentVolumeClaimVolumeSource {
  claimName: string
  readOnly?: boolean
}

export interface PersistentVolumeList {
  apiVersion?: string
  items: Array<PersistentVolume>
  kind?: string
  metadata?: ListMeta
}

export interface PersistentVolumeSpec {
  accessModes?: Array<string>
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  azureDisk?: AzureDiskVolumeSource
  azureFile?: AzureFilePersistentVolumeSource
  capacity?: Record<string, string>
  cephfs?: CephFSPersistentVolumeSource
  cinder?: CinderPersistentVolumeSource
  claimRef?: ObjectReference
  csi?: CSIPersistentVolumeSource
  fc?: FCVolumeSource
  flexVolume?: FlexPersistentVolumeSource
  flocker?: FlockerVolumeSource
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  glusterfs?: GlusterfsPersistentVolumeSource
  hostPath?: HostPathVolumeSource
  iscsi?: ISCSIPersistentVolumeSource
  local?: LocalVolumeSource
  mountOptions?: Array<string>
  nfs?: NFSVolumeSource
  nodeAffinity?: VolumeNodeAffinity
  persistentVolumeReclaimPolicy?: string
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  portworxVolume?: PortworxVolumeSource
  quobyte?: QuobyteVolumeSource
  rbd?: RBDPersistentVolumeSource
  scaleIO?: ScaleIOPersistentVolumeSource
  storageClassName?: string
  storageos?: StorageOSPersistentVolumeSource
  volumeAttributesClassName?: string
  volumeMode?: string
  vsphereVolume?: VsphereVirtualDiskVolumeSource
}

export interface PersistentVolumeStatus {
  lastPhaseTransitionTime?: string
  message?: string
  phase?: string
  reason?: string
}

export interface PhotonPersistentDiskVolumeSource {
  fsType?: string
  pdID: string
}

export interface Pod {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: PodSpec
  status?: PodStatus
}

export interface PodAffinity {
  preferredDuringSchedulingIgnoredDuringExecution?: Array<WeightedPodAffinityTerm>
  requiredDuringSchedulingIgnoredDuringExecution?: Array<PodAffinityTerm>
}

export interface PodAffinityTerm {
  labelSelector?: LabelSelector
  matchLabelKeys?: Array<string>
  mismatchLabelKeys?: Array<string>
  namespaceSelector?: LabelSelector
  namespaces?: Array<string>
  topologyKey: string
}

export interface PodAntiAffinity {
  preferredDuringSchedulingIgnoredDuringExecution?: Array<WeightedPodAffinityTerm>
  requiredDuringSchedulingIgnoredDuringExecution?: Array<PodAffinityTerm>
}

export interface PodCondition {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  observedGeneration?: number
  reason?: string
  status: string
  type: string
}

export interface PodDNSConfig {
  nameservers?: Array<string>
  options?: Array<PodDNSConfigOption>
  searches?: Array<string>
}

export interface PodDNSConfigOption {
  name?: string
  value?: string
}

export interface PodIP {
  ip: string
}

export interface PodList {
  apiVersion?: string
  items: Array<Pod>
  kind?: string
  metadata?: ListMeta
}

export interface PodOS {
  name: string
}

export interface PodReadinessGate {
  conditionType: string
}

export interface PodResourceClaim {
  name: string
  resourceClaimName?: string
  resourceClaimTemplateName?: string
}

export interface PodResourceClaimStatus {
  name: string
  resourceClaimName?: string
}

export interface PodSchedulingGate {
  name: string
}

export interface PodSecurityContext {
  appArmorProfile?: AppArmorProfile
  fsGroup?: number
  fsGroupChangePolicy?: string
  runAsGroup?: number
  runAsNonRoot?: boolean
  runAsUser?: number
  seLinuxChangePolicy?: string
  seLinuxOptions?: SELinuxOptions
  seccompProfile?: SeccompProfile
  supplementalGroups?: Array<number>
  supplementalGroupsPolicy?: string
  sysctls?: Array<Sysctl>
  windowsOptions?: WindowsSecurityContextOptions
}

export interface PodSpec {
  activeDeadlineSeconds?: number
  affinity?: Affinity
  automountServiceAccountToken?: boolean
  containers: Array<Container>
  dnsConfig?: PodDNSConfig
  dnsPolicy?: string
  enableServiceLinks?: boolean
  ephemeralContainers?: Array<EphemeralContainer>
  hostAliases?: Array<HostAlias>
  hostIPC?: boolean
  hostNetwork?: boolean
  hostPID?: boolean
  hostUsers?: boolean
  hostname?: string
  imagePullSecrets?: Array<LocalObjectReference>
  initContainers?: Array<Container>
  nodeName?: string
  nodeSelector?: Record<string, string>
  os?: PodOS
  overhead?: Record<string, string>
  preemptionPolicy?: string
  priority?: number
  priorityClassName?: string
  readinessGates?: Array<PodReadinessGate>
  resourceClaims?: Array<PodResourceClaim>
  resources?: ResourceRequirements
  restartPolicy?: string
  runtimeClassName?: string
  schedulerName?: string
  schedulingGates?: Array<PodSchedulingGate>
  securityContext?: PodSecurityContext
  serviceAccount?: string
  serviceAccountName?: string
  setHostnameAsFQDN?: boolean
  shareProcessNamespace?: boolean
  subdomain?: string
  terminationGracePeriodSeconds?: number
  tolerations?: Array<Toleration>
  topologySpreadConstraints?: Array<TopologySpreadConstraint>
  volumes?: Array<Volume>
}

export interface PodStatus {
  conditions?: Array<PodCondition>
  containerStatuses?: Array<ContainerStatus>
  ephemeralContainerStatuses?: Array<ContainerStatus>
  hostIP?: string
  hostIPs?: Array<HostIP>
  initContainerStatuses?: Array<ContainerStatus>
  message?: string
  nominatedNodeName?: string
  observedGeneration?: number
  phase?: string
  podIP?: string
  podIPs?: Array<PodIP>
  qosClass?: string
  reason?: string
  resize?: string
  resourceClaimStatuses?: Array<PodResourceClaimStatus>
  startTime?: string
}

export interface PodTemplate {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  template?: PodTemplateSpec
}

export interface PodTemplateList {
  apiVersion?: string
  items: Array<PodTemplate>
  kind?: string
  metadata?: ListMeta
}

export interface PodTemplateSpec {
  metadata?: ObjectMeta
  spec?: PodSpec
}

export interface PortStatus {
  error?: string
  port: number
  protocol: string
}

export interface PortworxVolumeSource {
  fsType?: string
  readOnly?: boolean
  volumeID: string
}

export interface PreferredSchedulingTerm {
  preference: NodeSelectorTerm
  weight: number
}

export interface Probe {
  exec?: ExecAction
  failureThreshold?: number
  grpc?: GRPCAction
  httpGet?: HTTPGetAction
  initialDelaySeconds?: number
  periodSeconds?: number
  successThreshold?: number
  tcpSocket?: TCPSocketAction
  terminationGracePeriodSeconds?: number
  timeoutSeconds?: number
}

export interface ProjectedVolumeSource {
  defaultMode?: number
  sources?: Array<VolumeProjection>
}

export interface QuobyteVolumeSource {
  group?: string
  readOnly?: boolean
  registry: string
  tenant?: string
  user?: string
  volume: string
}

export interface RBDPersistentVolumeSource {
  fsType?: string
  image: string
  keyring?: string
  monitors: Array<string>
  pool?: string
  readOnly?: boolean
  secretRef?: SecretReference
  user?: string
}

export interface RBDVolumeSource {
  fsType?: string
  image: string
  keyring?: string
  monitors: Array<string>
  pool?: string
  readOnly?: boolean
  secretRef?: LocalObjectReference
  user?: string
}

export interface ReplicationController {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: ReplicationControllerSpec
  status?: ReplicationControllerStatus
}

export interface ReplicationControllerCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface ReplicationControllerList {
  apiVersion?: string
  items: Array<ReplicationController>
  kind?: string
  metadata?: ListMeta
}

export interface ReplicationControllerSpec {
  minReadySeconds?: number
  replicas?: number
  selector?: Record<string, string>
  template?: PodTemplateSpec
}

export interface ReplicationControllerStatus {
  availableReplicas?: number
  conditions?: Array<ReplicationControllerCondition>
  fullyLabeledReplicas?: number
  observedGeneration?: number
  readyReplicas?: number
  replicas: number
}

export interface ResourceClaim {
  name: string
  request?: string
}

export interface ResourceFieldSelector {
  containerName?: string
  divisor?: string
  resource: string
}

export interface ResourceHealth {
  health?: string
  resourceID: string
}

export interface ResourceQuota {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: ResourceQuotaSpec
  status?: ResourceQuotaStatus
}

export interface ResourceQuotaList {
  apiVersion?: string
  items: Array<ResourceQuota>
  kind?: string
  metadata?: ListMeta
}

export interface ResourceQuotaSpec {
  hard?: Record<string, string>
  scopeSelector?: ScopeSelector
  scopes?: Array<string>
}

export interface ResourceQuotaStatus {
  hard?: Record<string, string>
  used?: Record<string, string>
}

export interface ResourceRequirements {
  claims?: Array<ResourceClaim>
  limits?: Record<string, string>
  requests?: Record<string, string>
}

export interface ResourceStatus {
  name: string
  resources?: Array<ResourceHealth>
}

export interface ScaleIOPersistentVolumeSource {
  fsType?: string
  gateway: string
  protectionDomain?: string
  readOnly?: boolean
  secretRef: SecretReference
  sslEnabled?: boolean
  storageMode?: string
  storagePool?: string
  system: string
  volumeName?: string
}

export interface ScaleIOVolumeSource {
  fsType?: string
  gateway: string
  protectionDomain?: string
  readOnly?: boolean
  secretRef: LocalObjectReference
  sslEnabled?: boolean
  storageMode?: string
  storagePool?: string
  system: string
  volumeName?: string
}

export interface ScopedResourceSelectorRequirement {
  operator: string
  scopeName: string
  values?: Array<string>
}

export interface ScopeSelector {
  matchExpressions?: Array<ScopedResourceSelectorRequirement>
}

export interface SeccompProfile {
  localhostProfile?: string
  type: string
}

export interface Secret {
  apiVersion?: string
  data?: Record<string, string>
  immutable?: boolean
  kind?: string
  metadata?: ObjectMeta
  stringData?: Record<string, string>
  type?: string
}

export interface SecretEnvSource {
  name?: string
  optional?: boolean
}

export interface SecretKeySelector {
  key: string
  name?: string
  optional?: boolean
}

export interface SecretList {
  apiVersion?: string
  items: Array<Secret>
  kind?: string
  metadata?: ListMeta
}

export interface SecretProjection {
  items?: Array<KeyToPath>
  name?: string
  optional?: boolean
}

export interface SecretReference {
  name?: string
  namespace?: string
}

export interface SecretVolumeSource {
  defaultMode?: number
  items?: Array<KeyToPath>
  optional?: boolean
  secretName?: string
}

export interface SecurityContext {
  allowPrivilegeEscalation?: boolean
  appArmorProfile?: AppArmorProfile
  capabilities?: Capabilities
  privileged?: boolean
  procMount?: string
  readOnlyRootFilesystem?: boolean
  runAsGroup?: number
  runAsNonRoot?: boolean
  runAsUser?: number
  seLinuxOptions?: SELinuxOptions
  seccompProfile?: SeccompProfile
  windowsOptions?: WindowsSecurityContextOptions
}

export interface SELinuxOptions {
  level?: string
  role?: string
  type?: string
  user?: string
}

export interface Service {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: ServiceSpec
  status?: ServiceStatus
}

export interface ServiceAccount {
  apiVersion?: string
  automountServiceAccountToken?: boolean
  imagePullSecrets?: Array<LocalObjectReference>
  kind?: string
  metadata?: ObjectMeta
  secrets?: Array<ObjectReference>
}

export interface ServiceAccountList {
  apiVersion?: string
  items: Array<ServiceAccount>
  kind?: string
  metadata?: ListMeta
}

export interface ServiceAccountTokenProjection {
  audience?: string
  expirationSeconds?: number
  path: string
}

export interface ServiceList {
  apiVersion?: string
  items: Array<Service>
  kind?: string
  metadata?: ListMeta
}

export interface ServicePort {
  appProtocol?: string
  name?: string
  nodePort?: number
  port: number
  protocol?: string
  targetPort?: (number | string)
}

export interface ServiceSpec {
  allocateLoadBalancerNodePorts?: boolean
  clusterIP?: string
  clusterIPs?: Array<string>
  externalIPs?: Array<string>
  externalName?: string
  externalTrafficPolicy?: string
  healthCheckNodePort?: number
  internalTrafficPolicy?: string
  ipFamilies?: Array<string>
  ipFamilyPolicy?: string
  loadBalancerClass?: string
  loadBalancerIP?: string
  loadBalancerSourceRanges?: Array<string>
  ports?: Array<ServicePort>
  publishNotReadyAddresses?: boolean
  selector?: Record<string, string>
  sessionAffinity?: string
  sessionAffinityConfig?: SessionAffinityConfig
  trafficDistribution?: string
  type?: string
}

export interface ServiceStatus {
  conditions?: Array<Condition>
  loadBalancer?: LoadBalancerStatus
}

export interface SessionAffinityConfig {
  clientIP?: ClientIPConfig
}

export interface SleepAction {
  seconds: number
}

export interface StorageOSPersistentVolumeSource {
  fsType?: string
  readOnly?: boolean
  secretRef?: ObjectReference
  volumeName?: string
  volumeNamespace?: string
}

export interface StorageOSVolumeSource {
  fsType?: string
  readOnly?: boolean
  secretRef?: LocalObjectReference
  volumeName?: string
  volumeNamespace?: string
}

export interface Sysctl {
  name: string
  value: string
}

export interface Taint {
  effect: string
  key: string
  timeAdded?: string
  value?: string
}

export interface TCPSocketAction {
  host?: string
  port: (number | string)
}

export interface Toleration {
  effect?: string
  key?: string
  operator?: string
  tolerationSeconds?: number
  value?: string
}

export interface TopologySpreadConstraint {
  labelSelector?: LabelSelector
  matchLabelKeys?: Array<string>
  maxSkew: number
  minDomains?: number
  nodeAffinityPolicy?: string
  nodeTaintsPolicy?: string
  topologyKey: string
  whenUnsatisfiable: string
}

export interface TypedLocalObjectReference {
  apiGroup?: string
  kind: string
  name: string
}

export interface TypedObjectReference {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
}

export interface Volume {
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  azureDisk?: AzureDiskVolumeSource
  azureFile?: AzureFileVolumeSource
  cephfs?: CephFSVolumeSource
  cinder?: CinderVolumeSource
  configMap?: ConfigMapVolumeSource
  csi?: CSIVolumeSource
  downwardAPI?: DownwardAPIVolumeSource
  emptyDir?: EmptyDirVolumeSource
  ephemeral?: EphemeralVolumeSource
  fc?: FCVolumeSource
  flexVolume?: FlexVolumeSource
  flocker?: FlockerVolumeSource
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  gitRepo?: GitRepoVolumeSource
  glusterfs?: GlusterfsVolumeSource
  hostPath?: HostPathVolumeSource
  image?: ImageVolumeSource
  iscsi?: ISCSIVolumeSource
  name: string
  nfs?: NFSVolumeSource
  persistentVolumeClaim?: PersistentVolumeClaimVolumeSource
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  portworxVolume?: PortworxVolumeSource
  projected?: ProjectedVolumeSource
  quobyte?: QuobyteVolumeSource
  rbd?: RBDVolumeSource
  scaleIO?: ScaleIOVolumeSource
  secret?: SecretVolumeSource
  storageos?: StorageOSVolumeSource
  vsphereVolume?: VsphereVirtualDiskVolumeSource
}

export interface VolumeDevice {
  devicePath: string
  name: string
}

export interface VolumeMount {
  mountPath: string
  mountPropagation?: string
  name: string
  readOnly?: boolean
  recursiveReadOnly?: string
  subPath?: string
  subPathExpr?: string
}

export interface VolumeMountStatus {
  mountPath: string
  name: string
  readOnly?: boolean
  recursiveReadOnly?: string
}

export interface VolumeNodeAffinity {
  required?: NodeSelector
}

export interface VolumeProjection {
  clusterTrustBundle?: ClusterTrustBundleProjection
  configMap?: ConfigMapProjection
  downwardAPI?: DownwardAPIProjection
  secret?: SecretProjection
  serviceAccountToken?: ServiceAccountTokenProjection
}

export interface VolumeResourceRequirements {
  limits?: Record<string, string>
  requests?: Record<string, string>
}

export interface VsphereVirtualDiskVolumeSource {
  fsType?: string
  storagePolicyID?: string
  storagePolicyName?: string
  volumePath: string
}

export interface WeightedPodAffinityTerm {
  podAffinityTerm: PodAffinityTerm
  weight: number
}

export interface WindowsSecurityContextOptions {
  gmsaCredentialSpec?: string
  gmsaCredentialSpecName?: string
  hostProcess?: boolean
  runAsUserName?: string
}
