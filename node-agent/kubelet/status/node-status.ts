/** The status of this node. Pure. Source: upstream `pkg/kubelet/nodestatus/setters.go`. */
import type { NodeCondition, NodeStatus } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'

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

const maxPods = 110
/** Kept free: upstream's default hard eviction thresholds. */
const evictMemory = 100 * 1024 * 1024
const evictDiskShare = 0.1

export const allocatableOf = (f: NodeFacts): { cpuMilli: number; memoryBytes: number } => ({ cpuMilli: f.cpus * 1000, memoryBytes: Math.max(0, f.memoryBytes - evictMemory) })

export const nodeLabels = (f: Pick<NodeFacts, 'architecture' | 'hostname'>): Record<string, string> => ({
  'kubernetes.io/arch': f.architecture, 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': f.hostname, 'beta.kubernetes.io/arch': f.architecture, 'beta.kubernetes.io/os': 'linux',
})

export function nodeStatus(f: NodeFacts, options: { now: Millis; previous: readonly NodeCondition[]; ready: { readonly ok: boolean; readonly message: string } }): NodeStatus {
  const now = `${new Date(options.now).toISOString().slice(0, 19)}Z`
  const condition = (type: string, status: boolean, reason: string, message: string): NodeCondition => {
    const before = options.previous.find((c) => c.type === type)
    const text = status ? 'True' : 'False'
    return { type, status: text, lastHeartbeatTime: now, lastTransitionTime: before?.status === text && before.lastTransitionTime ? before.lastTransitionTime : now, reason, message }
  }
  const pressure = (type: string, on: boolean, has: [string, string], hasNot: [string, string]): NodeCondition => condition(type, on, ...(on ? has : hasNot))
  const kib = (n: number): string => `${Math.floor(n / 1024)}Ki`
  const allocatable = allocatableOf(f)
  return {
    addresses: [...f.addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: f.hostname }],
    capacity: { cpu: String(f.cpus), 'ephemeral-storage': kib(f.diskBytes), memory: kib(f.memoryBytes), pods: String(maxPods) },
    allocatable: { cpu: String(f.cpus), 'ephemeral-storage': String(Math.floor(f.diskBytes * (1 - evictDiskShare))), memory: kib(allocatable.memoryBytes), pods: String(maxPods) },
    conditions: [
      pressure('MemoryPressure', f.memoryAvailable < evictMemory, ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'], ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available']),
      pressure('DiskPressure', f.diskAvailable < f.diskBytes * evictDiskShare, ['KubeletHasDiskPressure', 'kubelet has disk pressure'], ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure']),
      pressure('PIDPressure', f.pidsMax > 0 && f.pidsUsed > f.pidsMax * 0.95, ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'], ['KubeletHasSufficientPID', 'kubelet has sufficient PID available']),
      condition('Ready', options.ready.ok, options.ready.ok ? 'KubeletReady' : 'KubeletNotReady', options.ready.message),
    ],
    nodeInfo: {
      architecture: f.architecture, bootID: f.bootId, containerRuntimeVersion: f.runtimeVersion, kernelVersion: f.kernelVersion, kubeProxyVersion: '', kubeletVersion: f.agentVersion,
      machineID: f.machineId, operatingSystem: 'linux', osImage: f.osImage, systemUUID: f.machineId,
    },
  }
}
