/** Every built-in resource. Adding one is a file beside this one and a line here. Pure. */
import type { ResourceDefinition } from './definition.ts'
import { apiServices } from './api-services.ts'
import { certificateSigningRequests } from './certificate-signing-requests.ts'
import { clusterRoleBindings } from './cluster-role-bindings.ts'
import { clusterRoles } from './cluster-roles.ts'
import { componentStatuses } from './component-statuses.ts'
import { configMaps } from './config-maps.ts'
import { controllerRevisions } from './controller-revisions.ts'
import { cronJobs } from './cron-jobs.ts'
import { csiDrivers } from './csi-drivers.ts'
import { csiNodes } from './csi-nodes.ts'
import { csiStorageCapacities } from './csi-storage-capacities.ts'
import { customResourceDefinitions } from './custom-resource-definitions.ts'
import { daemonSets } from './daemon-sets.ts'
import { deployments } from './deployments.ts'
import { endpointSlices } from './endpoint-slices.ts'
import { endpoints } from './endpoints.ts'
import { eventsV1 } from './events-v1.ts'
import { events } from './events.ts'
import { flowSchemas } from './flow-schemas.ts'
import { horizontalPodAutoscalers } from './horizontal-pod-autoscalers.ts'
import { horizontalPodAutoscalersV1 } from './hpa-v1.ts'
import { ingressClasses } from './ingress-classes.ts'
import { ingresses } from './ingresses.ts'
import { ipAddresses } from './ip-addresses.ts'
import { jobs } from './jobs.ts'
import { leases } from './leases.ts'
import { limitRanges } from './limit-ranges.ts'
import { namespaces } from './namespaces.ts'
import { networkPolicies } from './network-policies.ts'
import { nodes } from './nodes.ts'
import { persistentVolumeClaims } from './persistent-volume-claims.ts'
import { persistentVolumes } from './persistent-volumes.ts'
import { podDisruptionBudgets } from './pod-disruption-budgets.ts'
import { podTemplates } from './pod-templates.ts'
import { pods } from './pods.ts'
import { priorityClasses } from './priority-classes.ts'
import { priorityLevelConfigurations } from './priority-level-configurations.ts'
import { replicaSets } from './replica-sets.ts'
import { replicationControllers } from './replication-controllers.ts'
import { resourceQuotas } from './resource-quotas.ts'
import { roleBindings } from './role-bindings.ts'
import { roles } from './roles.ts'
import { runtimeClasses } from './runtime-classes.ts'
import { secrets } from './secrets.ts'
import { serviceAccounts } from './service-accounts.ts'
import { serviceCidrs } from './service-cidrs.ts'
import { services } from './services.ts'
import { statefulSets } from './stateful-sets.ts'
import { storageClasses } from './storage-classes.ts'
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from './validating-admission-policies.ts'
import { volumeAttachments } from './volume-attachments.ts'
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from './webhook-configurations.ts'
import type { Registry } from './live-registry.ts'
import { LiveRegistry } from './live-registry.ts'

export type { Registry } from './live-registry.ts'

/** Core first, then the groups in upstream's order: clients resolve a short name to the first that has it. */
const builtIn: readonly ResourceDefinition[] = [
  namespaces, nodes, pods, configMaps, secrets, serviceAccounts, services, endpoints, events, replicationControllers, persistentVolumes, persistentVolumeClaims, podTemplates, limitRanges, resourceQuotas, componentStatuses,
  deployments, daemonSets, statefulSets, replicaSets, controllerRevisions, eventsV1, horizontalPodAutoscalers, horizontalPodAutoscalersV1, jobs, cronJobs, certificateSigningRequests,
  ingresses, ingressClasses, networkPolicies, ipAddresses, serviceCidrs, podDisruptionBudgets, roles, roleBindings, clusterRoles, clusterRoleBindings,
  storageClasses, volumeAttachments, csiDrivers, csiNodes, csiStorageCapacities,
  mutatingWebhookConfigurations, validatingWebhookConfigurations, validatingAdmissionPolicies, validatingAdmissionPolicyBindings,
  customResourceDefinitions, apiServices, priorityClasses, leases, runtimeClasses, endpointSlices, flowSchemas, priorityLevelConfigurations,
]
/** What every server begins with. Custom resources come and go in its own copy. */
export const createRegistry = (): LiveRegistry => new LiveRegistry(builtIn)

/** The built-in resources alone. */
export const registry: Registry = createRegistry()
