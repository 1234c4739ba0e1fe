/** Every served resource. Adding one is a file beside this one and a line here. Pure. */
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

export interface Registry {
  /** In the order discovery lists them. */
  readonly all: readonly ResourceDefinition[]
  /** `group` is `''` for the core group; `resource` the plural, as in the path. */
  find(group: string, version: string, resource: string): ResourceDefinition | undefined
  byKind(group: string, version: string, kind: string): ResourceDefinition | undefined
}

const all: readonly ResourceDefinition[] = [
  namespaces, nodes, pods, configMaps, secrets, serviceAccounts, services, endpoints, events, replicationControllers,
  endpointSlices, leases, replicaSets, deployments, roles, roleBindings, clusterRoles, clusterRoleBindings, certificateSigningRequests,
]
const byResource = new Map(all.map((d) => [`${d.group}/${d.version}/${d.resource}`, d]))
const byKindName = new Map(all.map((d) => [`${d.group}/${d.version}/${d.kind}`, d]))

export const registry: Registry = {
  all,
  find: (group, version, resource) => byResource.get(`${group}/${version}/${resource}`),
  byKind: (group, version, kind) => byKindName.get(`${group}/${version}/${kind}`),
}
