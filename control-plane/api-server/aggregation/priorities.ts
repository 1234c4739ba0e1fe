/** Where groups and versions stand in discovery: upstream's tables (`pkg/controlplane/apiserver/aggregator.go`, `pkg/controlplane/instance.go`). Pure. */
import { comparePriority } from '../custom-resources/version-priority.ts'

/** Higher comes first. */
export interface Priority { readonly group: number; readonly version: number }

const builtIn: Readonly<Record<string, Priority>> = {
  '/v1': { group: 18_000, version: 1 }, 'apps/v1': { group: 17_800, version: 15 }, 'events.k8s.io/v1': { group: 17_750, version: 15 },
  'authentication.k8s.io/v1': { group: 17_700, version: 15 }, 'authorization.k8s.io/v1': { group: 17_600, version: 15 },
  'autoscaling/v1': { group: 17_500, version: 15 }, 'autoscaling/v2': { group: 17_500, version: 30 }, 'batch/v1': { group: 17_400, version: 15 },
  'certificates.k8s.io/v1': { group: 17_300, version: 15 }, 'networking.k8s.io/v1': { group: 17_200, version: 15 }, 'policy/v1': { group: 17_100, version: 15 },
  'rbac.authorization.k8s.io/v1': { group: 17_000, version: 15 }, 'storage.k8s.io/v1': { group: 16_800, version: 15 },
  'apiextensions.k8s.io/v1': { group: 16_700, version: 15 }, 'admissionregistration.k8s.io/v1': { group: 16_700, version: 15 }, 'scheduling.k8s.io/v1': { group: 16_600, version: 15 },
  'coordination.k8s.io/v1': { group: 16_500, version: 15 }, 'node.k8s.io/v1': { group: 16_300, version: 15 }, 'discovery.k8s.io/v1': { group: 16_200, version: 15 },
  'flowcontrol.apiserver.k8s.io/v1': { group: 16_100, version: 21 },
}

/** The aggregator's own group, which it lists before all others and registers nowhere. */
const OWN: Priority = { group: 20_000, version: 1 }
/** `pkg/controlplane/controller/crdregistration`; also of what is no table's. */
export const customPriority: Priority = { group: 1000, version: 100 }

/** What we register a group-version of ours with; undefined for the aggregator's own, and for what upstream has no place for. */
export const builtInPriority = (gv: { readonly group: string; readonly version: string }): Priority | undefined => builtIn[`${gv.group}/${gv.version}`]

export interface Placed { readonly group: string; readonly version: string; readonly priority: Priority }

/** The priority of what is not registered. */
export const priorityOf = (gv: { readonly group: string; readonly version: string }): Priority => builtInPriority(gv) ?? (gv.group === 'apiregistration.k8s.io' ? OWN : customPriority)

/** The order of discovery: groups by the highest of their versions and then by name, versions by priority and then as Kubernetes orders them. Core first. */
export function inDiscoveryOrder<T extends Placed>(all: readonly T[]): T[] {
  const groups = new Map<string, number>()
  for (const { group, priority } of all) groups.set(group, Math.max(groups.get(group) ?? 0, group === '' ? Infinity : priority.group))
  return all.toSorted((a, b) => (groups.get(b.group) ?? 0) - (groups.get(a.group) ?? 0) || (a.group < b.group ? -1 : a.group > b.group ? 1 : 0) || b.priority.version - a.priority.version || comparePriority(a.version, b.version))
}
