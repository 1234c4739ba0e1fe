/** Whom a node in need asks to leave. Pure. Source: upstream `pkg/kubelet/eviction/{eviction_manager,helpers}.go`. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { canonicalQuantity } from '../../../shared/values/quantity.ts'
import { isStatic, systemCriticalPriority } from '../pod/pod-facts.ts'
import { amountOf, isMemory, keyOf, metBy, pressureOf, type Pressure, type Readings, type Signal, type Threshold } from './signals.ts'

export interface PodUsage {
  readonly pod: Pod
  readonly memoryBytes: number
  readonly memoryRequest: number
  readonly diskBytes: number
  readonly diskRequest: number
  readonly pids: number
  /** Containers by what of memory they use and asked for. */
  readonly containers: readonly { readonly name: string; readonly memoryBytes: number; readonly memoryRequest: number }[]
}

/** Kept between looks. Monotonic times. */
export interface EvictionState {
  /** Since when each threshold is met. */
  readonly since: Readonly<Record<string, Millis>>
  /** When each pressure was last seen. */
  readonly seen: Readonly<Partial<Record<Pressure, Millis>>>
}

export interface Look {
  readonly state: EvictionState
  readonly pressures: readonly Pressure[]
  /** Met for as long as it has to be: something must be done about the first. */
  readonly due: Threshold | undefined
}

/** A pressure that has gone is told for this much longer, so that the scheduler does not send back what was just sent away. */
export const defaultTransition: Millis = 300_000

export const noPressure: EvictionState = { since: {}, seen: {} }

/** Memory before disk before process ids, upstream's `ThresholdsByEvictionPriority`. */
const order: readonly Signal[] = ['memory.available', 'allocatableMemory.available', 'nodefs.available', 'nodefs.inodesFree', 'pid.available']

export function look(before: EvictionState, input: { thresholds: readonly Threshold[]; readings: Readings; now: Millis; transition: Millis }): Look {
  const { now } = input
  const met = metBy(input.thresholds, input.readings, before.since)
  const since = Object.fromEntries(met.map((t) => [keyOf(t), before.since[keyOf(t)] ?? now]))
  const seen = { ...before.seen }
  for (const t of met) seen[pressureOf(t.signal)] = now
  const pressures = (['MemoryPressure', 'DiskPressure', 'PIDPressure'] as const).filter((p) => { const at = seen[p]; return at !== undefined && (met.some((t) => pressureOf(t.signal) === p) || now - at < input.transition) })
  const due = met.filter((t) => now - since[keyOf(t)]! >= t.grace).sort((a, b) => order.indexOf(a.signal) - order.indexOf(b.signal) || a.grace - b.grace)
  return { state: { since, seen }, pressures, due: due[0] }
}

/** What the node cannot do without (upstream `kubetypes.IsCriticalPod`): not evicted, and others end for it. */
export const isCritical = (pod: Pod): boolean => (pod.spec?.priority ?? 0) >= systemCriticalPriority || isStatic(pod)

/** The pod that goes first: above what it asked for before within, low priority before high, much above before little. */
export function victim(signal: Signal, pods: readonly PodUsage[]): PodUsage | undefined {
  const priority = (p: PodUsage): number => p.pod.spec?.priority ?? 0
  const over = (p: PodUsage): number => (isMemory(signal) ? p.memoryBytes - p.memoryRequest : signal === 'pid.available' ? p.pids : p.diskBytes - p.diskRequest)
  const exceeds = (p: PodUsage): number => (signal === 'pid.available' ? 0 : over(p) > 0 ? 1 : 0)
  return pods.filter((p) => !isCritical(p.pod)).toSorted((a, b) => exceeds(b) - exceeds(a) || priority(a) - priority(b) || over(b) - over(a))[0]
}

export const resourceOf = (signal: Signal): string => (isMemory(signal) ? 'memory' : signal === 'pid.available' ? 'pids' : signal === 'nodefs.available' ? 'ephemeral-storage' : 'inodes')
/** Bytes as upstream prints them, in binary units. */
function quantity(bytes: number): string {
  const kib = Math.floor(bytes / 1024)
  return canonicalQuantity(kib > 0 ? `${kib}Ki` : String(bytes))
}

/** Upstream's words. */
export function evictionMessage(threshold: Threshold, readings: Readings, usage: PodUsage): string {
  const resource = resourceOf(threshold.signal)
  const reading = readings[threshold.signal]
  const met = reading ? `Threshold quantity: ${isBytes(threshold.signal) ? quantity(amountOf(threshold, reading.capacity)) : amountOf(threshold, reading.capacity)}, available: ${isBytes(threshold.signal) ? quantity(reading.available) : reading.available}. ` : ''
  const containers = resource !== 'memory' ? [] : usage.containers.filter((c) => c.memoryBytes > c.memoryRequest)
    .map((c) => `Container ${c.name} was using ${quantity(c.memoryBytes)}, request is ${c.memoryRequest === 0 ? '0' : quantity(c.memoryRequest)}, has larger consumption of memory. `)
  return `The node was low on resource: ${resource}. ${met}${containers.join('')}`
}

const isBytes = (signal: Signal): boolean => isMemory(signal) || signal === 'nodefs.available'

/** Why a pod may not come while the node is in need; undefined where it may. Source: upstream `managerImpl.Admit`. */
export function refusal(pressures: readonly Pressure[], pod: Pod, qos: string): string | undefined {
  if (pressures.length === 0 || isCritical(pod)) return undefined
  const tolerates = pod.spec?.tolerations?.some((t) => (t.key === 'node.kubernetes.io/memory-pressure' || (!t.key && t.operator === 'Exists')) && (!t.effect || t.effect === 'NoSchedule')) ?? false
  if (pressures.length === 1 && pressures[0] === 'MemoryPressure' && (qos !== 'BestEffort' || tolerates)) return undefined
  return `The node had condition: [${pressures.join(', ')}]. `
}
