/** What a node may run out of, and how little of each is too little. Pure. Source: upstream `pkg/kubelet/eviction/api`. */
import type { Millis } from '../../../shared/base/brands.ts'
import { parseQuantity, QuantityError, quantityValue } from '../../../shared/values/quantity.ts'

export const signals = ['memory.available', 'nodefs.available', 'nodefs.inodesFree', 'pid.available'] as const
/** The last is not for anybody to set: it is what all pods together may still have, where that is enforced. */
export type Signal = (typeof signals)[number] | 'allocatableMemory.available'

/** Bytes, inodes or process ids; undefined where this machine does not say. */
export type Readings = Readonly<Partial<Record<Signal, { readonly available: number; readonly capacity: number }>>>

export interface Threshold {
  readonly signal: Signal
  /** An amount, or a share of the capacity. */
  readonly value: { readonly amount: number } | { readonly share: number }
  /** As it was written: `100Mi`, `10%`. */
  readonly text: string
  /** How long it must be met; 0 for a hard one. */
  readonly grace: Millis
  /** Once met, it is met until there is as much more than its value; undefined for nothing. */
  readonly reclaim?: Threshold['value']
}

/** Upstream's defaults; `imagefs` is the file system of `nodefs` here. */
export const defaultHard = 'memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%'

export class ThresholdError extends Error { override readonly name = 'ThresholdError' }

function valueOf(signal: string, text: string): Threshold['value'] {
  const share = /^(\d+(?:\.\d+)?)%$/.exec(text)
  if (share) {
    const n = Number(share[1]) / 100
    if (n > 1) throw new ThresholdError(`${signal}<${text}: more than there can be`)
    return { share: n }
  }
  try { return { amount: quantityValue(parseQuantity(text)) } } catch (e) {
    if (e instanceof QuantityError) throw new ThresholdError(`${signal}<${text}: a quantity or a percentage`)
    throw e
  }
}

function entries(text: string, separator: string): [Signal, string][] {
  return text.split(',').map((t) => t.trim()).filter(Boolean).map((entry) => {
    const at = entry.indexOf(separator)
    const name = at < 0 ? entry : entry.slice(0, at)
    if (name === 'imagefs.available' || name === 'imagefs.inodesFree') throw new ThresholdError(`${entry}: images are on the file system of nodefs here, set ${name.replace('imagefs', 'nodefs')}`)
    if (at < 0 || !(signals as readonly string[]).includes(name)) throw new ThresholdError(`${entry}: SIGNAL${separator}VALUE with one of ${signals.join(', ')}`)
    return [name as Signal, entry.slice(at + 1)]
  })
}

/** `memory.available<100Mi,nodefs.available<10%`; soft ones with `memory.available=1m30s` for each. Throws {@link ThresholdError}. */
export function parseThresholds(hard: string, soft: string, softGrace: string, duration: (text: string) => Millis): Threshold[] {
  const graces = new Map(entries(softGrace, '=').map(([signal, text]) => [signal, duration(text)]))
  const of = (text: string, grace: (signal: Signal) => Millis): Threshold[] => entries(text, '<').map(([signal, value]) => ({ signal, value: valueOf(signal, value), text: value, grace: grace(signal) }))
  return [...of(hard, () => 0), ...of(soft, (signal) => {
    const grace = graces.get(signal)
    if (grace === undefined || grace <= 0) throw new ThresholdError(`${signal} is a soft threshold without a grace period`)
    return grace
  })]
}

/** `memory.available=50Mi`. Throws {@link ThresholdError}. */
export function withMinimumReclaim(thresholds: readonly Threshold[], text: string): Threshold[] {
  const reclaims = new Map(entries(text, '=').map(([signal, value]) => [signal, valueOf(signal, value)]))
  return thresholds.map((t) => { const reclaim = reclaims.get(t.signal); return reclaim ? { ...t, reclaim } : t })
}

/** Where the pods' common cgroup has a limit, they must not meet it as the node must not meet its end: the hard threshold of memory holds for both. */
export const withAllocatable = (thresholds: readonly Threshold[]): Threshold[] =>
  [...thresholds, ...thresholds.filter((t) => t.signal === 'memory.available' && t.grace === 0).map((t): Threshold => ({ ...t, signal: 'allocatableMemory.available' }))]

export const isMemory = (signal: Signal): boolean => signal === 'memory.available' || signal === 'allocatableMemory.available'

const resolved = (v: Threshold['value'], capacity: number): number => ('amount' in v ? v.amount : Math.floor(capacity * v.share))
export const amountOf = (t: Threshold, capacity: number): number => resolved(t.value, capacity)
/** Thresholds that are met by what is read now; one that was met before (by {@link keyOf}) until its minimum reclaim is there as well. */
export const metBy = (thresholds: readonly Threshold[], readings: Readings, before: Readonly<Record<string, unknown>> = {}): Threshold[] => thresholds.filter((t) => {
  const r = readings[t.signal]
  const more = t.reclaim && before[keyOf(t)] !== undefined && r ? resolved(t.reclaim, r.capacity) : 0
  return r !== undefined && r.available < amountOf(t, r.capacity) + more
})
export const keyOf = (t: Threshold): string => `${t.signal}<${t.text}/${t.grace}`

export type Pressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure'
export const pressureOf = (signal: Signal): Pressure => (isMemory(signal) ? 'MemoryPressure' : signal === 'pid.available' ? 'PIDPressure' : 'DiskPressure')
