/** Every hook of a pod's surroundings, once, in order. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Log } from '../../../shared/base/host.ts'
import type { DnsConfig } from '../pod/etc-files.ts'
import type { Cgroups } from '../resources/cgroup-files.ts'
import { cgroupHook } from './cgroup.ts'
import type { HostPorts } from '../../host-ports.ts'
import { etcFilesHook } from './etc-files.ts'
import { hostPortsHook } from './host-ports.ts'
import type { PodHook } from './hook.ts'
import { sandboxNetworkHook, type SandboxDeps } from './sandbox-network.ts'
import { volumesHook, type VolumeDeps } from './volumes.ts'

export interface HookDeps extends SandboxDeps {
  readonly volumes: VolumeDeps
  readonly cgroups: Cgroups | undefined
  readonly dns: DnsConfig
  readonly log: Log
  /** A process of the engine's own holds the pod's namespaces. */
  readonly hasPause: (pod: Pod) => boolean
  readonly hostPorts: Pick<HostPorts, 'set' | 'remove'>
}

/** Volumes are made while the sandbox is; what shows the pod's address comes after. Tear-down goes the other way, with the containers' processes gone first. */
export const hookOrder = (deps: HookDeps): readonly (readonly PodHook[])[] => [
  [cgroupHook({ cgroups: deps.cgroups, root: deps.cgroupRoot, hasPause: deps.hasPause, log: deps.log })],
  [volumesHook(deps.volumes), sandboxNetworkHook(deps)],
  [etcFilesHook({ files: deps.volumes.files, dns: deps.dns }), hostPortsHook(deps.hostPorts)],
]
