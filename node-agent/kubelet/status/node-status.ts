/** The status of this node. Pure. Source: upstream `pkg/kubelet/nodestatus/setters.go`. */
import type { NodeCondition, NodeStatus } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { Amounts } from '../devices/allocation/plan.ts'
import type { Pressure } from '../eviction/signals.ts'

export interface NodeFacts {
  readonly hostname: string
  readonly addresses: readonly string[]
  readonly cpus: number
  readonly memoryBytes: number
  readonly memoryAvailable: number
  readonly diskBytes: number
  readonly diskAvailable: number
  readonly pidsMax: number
  readonly pidsUsed: number
  /** `amd64`, `arm64`. */
  readonly architecture: string
  readonly kernelVersion: string
  readonly osImage: string
  readonly machineId: string
  readonly bootId: string
  readonly runtimeVersion: string
  readonly agentVersion: string
}

/** What pods may not have of the node. */
export interface Reserve {
  readonly maxPods: number
  /** For the system and for ourselves. */
  readonly cpuMilli: number
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly pids: number
  /** Kept free: the hard eviction thresholds. */
  readonly evictionMemoryBytes: number
  readonly evictionDiskBytes: number
}

/** Upstream's defaults: nothing reserved, its hard eviction thresholds kept free. */
export const defaultReserve = (f: Pick<NodeFacts, 'diskBytes'>): Reserve => ({ maxPods: 110, cpuMilli: 0, memoryBytes: 0, diskBytes: 0, pids: 0, evictionMemoryBytes: 100 << 20, evictionDiskBytes: f.diskBytes * 0.1 })

export const allocatableOf = (f: NodeFacts, reserve: Reserve = defaultReserve(f)): { cpuMilli: number; memoryBytes: number } =>
  ({ cpuMilli: Math.max(0, f.cpus * 1000 - reserve.cpuMilli), memoryBytes: Math.max(0, f.memoryBytes - reserve.memoryBytes - reserve.evictionMemoryBytes) })

export const nodeLabels = (f: Pick<NodeFacts, 'architecture' | 'hostname'>): Record<string, string> => ({
  'kubernetes.io/arch': f.architecture, 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': f.hostname, 'beta.kubernetes.io/arch': f.architecture, 'beta.kubernetes.io/os': 'linux',
})

export interface NodeImage { readonly tags: readonly string[]; readonly digests: readonly string[]; readonly sizeBytes: number }

export function nodeStatus(f: NodeFacts, options: { now: Millis; devices?: Amounts; previous: readonly NodeCondition[]; ready: { readonly ok: boolean; readonly message: string }; pressures?: readonly Pressure[]; reserve?: Reserve; images?: readonly NodeImage[]; strictGroups?: boolean }): NodeStatus {
  const now = `${new Date(options.now).toISOString().slice(0, 19)}Z`
  const condition = (type: string, status: boolean, reason: string, message: string): NodeCondition => {
    const before = options.previous.find((c) => c.type === type)
    const text = status ? 'True' : 'False'
    return { type, status: text, lastHeartbeatTime: now, lastTransitionTime: before?.status === text && before.lastTransitionTime ? before.lastTransitionTime : now, reason, message }
  }
  const pressure = (type: Pressure, has: [string, string], hasNot: [string, string]): NodeCondition => { const on = options.pressures?.includes(type) ?? false; return condition(type, on, ...(on ? has : hasNot)) }
  const kib = (n: number): string => `${Math.floor(n / 1024)}Ki`
  const reserve = options.reserve ?? defaultReserve(f)
  const allocatable = allocatableOf(f, reserve)
  const cpu = allocatable.cpuMilli % 1000 === 0 ? String(allocatable.cpuMilli / 1000) : `${allocatable.cpuMilli}m`
  return {
    addresses: [...f.addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: f.hostname }],
    capacity: { cpu: String(f.cpus), 'ephemeral-storage': kib(f.diskBytes), memory: kib(f.memoryBytes), pods: String(reserve.maxPods), ...options.devices?.capacity },
    allocatable: { cpu, 'ephemeral-storage': String(Math.max(0, Math.floor(f.diskBytes - reserve.diskBytes - reserve.evictionDiskBytes))), memory: kib(allocatable.memoryBytes), pods: String(reserve.maxPods), ...options.devices?.allocatable },
    conditions: [
      pressure('MemoryPressure', ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'], ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available']),
      pressure('DiskPressure', ['KubeletHasDiskPressure', 'kubelet has disk pressure'], ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure']),
      pressure('PIDPressure', ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'], ['KubeletHasSufficientPID', 'kubelet has sufficient PID available']),
      condition('Ready', options.ready.ok, options.ready.ok ? 'KubeletReady' : 'KubeletNotReady', options.ready.message),
    ],
    ...(options.images?.length ? { images: options.images.map((i) => ({ names: [...i.digests, ...i.tags].slice(0, 5), sizeBytes: i.sizeBytes })) } : {}),
    features: { supplementalGroupsPolicy: options.strictGroups ?? false },
    nodeInfo: {
      architecture: f.architecture, bootID: f.bootId, containerRuntimeVersion: f.runtimeVersion, kernelVersion: f.kernelVersion, kubeProxyVersion: '', kubeletVersion: f.agentVersion,
      machineID: f.machineId, operatingSystem: 'linux', osImage: f.osImage, systemUUID: f.machineId,
    },
  }
}
