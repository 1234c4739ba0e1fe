/** Every hook of a pod's surroundings, once, in order. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Log } from '../../../shared/base/host.ts'
import type { DnsConfig } from '../pod/etc-files.ts'
import type { PodRecord } from '../pod/record.ts'
import type { Cgroups } from '../resources/cgroup-files.ts'
import type { ClassCgroups } from '../resources/class-cgroups.ts'
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
  readonly classes?: Pick<ClassCgroups, 'weigh'> | undefined
  readonly podPids?: number | undefined
  readonly dns: DnsConfig
  readonly log: Log
  /** An Event of the pod. */
  readonly warn: (record: PodRecord, reason: string, message: string) => void
  /** A process of the engine's own holds the pod's namespaces. */
  readonly hasPause: (pod: Pod) => boolean
  readonly hostPorts: Pick<HostPorts, 'set' | 'remove'>
}

/** Volumes are made while the sandbox is; what shows the pod's address comes after. Tear-down goes the other way, with the containers' processes gone first. */
export const hookOrder = (deps: HookDeps): readonly (readonly PodHook[])[] => [
  [cgroupHook({ cgroups: deps.cgroups, root: deps.cgroupRoot, hasPause: deps.hasPause, log: deps.log, classes: deps.classes, podPids: deps.podPids })],
  [volumesHook(deps.volumes), sandboxNetworkHook(deps)],
  [etcFilesHook({ files: deps.volumes.files, dns: deps.dns, warn: deps.warn }), hostPortsHook(deps.hostPorts)],
]
