/** Every built-in resource. Adding one is a file beside this one and a line here. Pure. */
import type { ResourceDefinition } from './definition.ts'
import { certificateSigningRequests } from './certificate-signing-requests.ts'
import { clusterRoleBindings } from './cluster-role-bindings.ts'
import { clusterRoles } from './cluster-roles.ts'
import { configMaps } from './config-maps.ts'
import { deployments } from './deployments.ts'
import { endpointSlices } from './endpoint-slices.ts'
import { endpoints } from './endpoints.ts'
import { events } from './events.ts'
import { leases } from './leases.ts'
import { namespaces } from './namespaces.ts'
import { nodes } from './nodes.ts'
import { pods } from './pods.ts'
import { replicaSets } from './replica-sets.ts'
import { replicationControllers } from './replication-controllers.ts'
import { roleBindings } from './role-bindings.ts'
import { roles } from './roles.ts'
import { secrets } from './secrets.ts'
import { serviceAccounts } from './service-accounts.ts'
import { services } from './services.ts'
import type { Registry } from './live-registry.ts'
import { LiveRegistry } from './live-registry.ts'

export type { Registry } from './live-registry.ts'

const builtIn: readonly ResourceDefinition[] = [
  namespaces, nodes, pods, configMaps, secrets, serviceAccounts, services, endpoints, events, replicationControllers,
  endpointSlices, leases, replicaSets, deployments, roles, roleBindings, clusterRoles, clusterRoleBindings, certificateSigningRequests,
]
/** What every server begins with. Custom resources come and go in its own copy. */
export const createRegistry = (): LiveRegistry => new LiveRegistry(builtIn)

/** The built-in resources alone. */
export const registry: Registry = createRegistry()
