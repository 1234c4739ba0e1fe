/** How large each ReplicaSet of a rollout should be (upstream `deployment/rolling.go`, `sync.go`, `deployment_util.go`). Pure. */
import type { Deployment } from '../../../shared/api/apps-v1.ts'
import { desiredAnnotation, maxAnnotation, oldestFirst, type StoredSet } from './revision.ts'

export const sizeOf = (set: StoredSet): number => set.spec?.replicas ?? 1
export const totalSize = (sets: readonly StoredSet[]): number => sets.reduce((n, s) => n + sizeOf(s), 0)
const availableOf = (set: StoredSet): number => set.status?.availableReplicas ?? 0
export const totalAvailable = (sets: readonly StoredSet[]): number => sets.reduce((n, s) => n + availableOf(s), 0)
export const totalActual = (sets: readonly StoredSet[]): number => sets.reduce((n, s) => n + (s.status?.replicas ?? 0), 0)

export interface Bounds { readonly desired: number; readonly surge: number; readonly unavailable: number }

function scaled(value: number | string | undefined, total: number, up: boolean): number {
  if (typeof value === 'number') return value
  const percent = Number.parseInt(value ?? '0', 10) || 0
  return up ? Math.ceil((percent * total) / 100) : Math.floor((percent * total) / 100)
}

/** Replicas wanted, how many more there may be, how many fewer available. Both zero would never move, so one may then be unavailable (`ResolveFenceposts`). */
export function boundsOf(deployment: Deployment): Bounds {
  const desired = deployment.spec?.replicas ?? 1
  if (deployment.spec?.strategy?.type === 'Recreate') return { desired, surge: 0, unavailable: 0 }
  const rolling = deployment.spec?.strategy?.rollingUpdate
  const surge = scaled(rolling?.maxSurge ?? '25%', desired, true)
  const unavailable = scaled(rolling?.maxUnavailable ?? '25%', desired, false)
  const least = surge === 0 && unavailable === 0 ? 1 : unavailable
  return { desired, surge, unavailable: desired === 0 ? 0 : Math.min(least, desired) }
}

/** Sizes that change, by name of the set. */
export type Sizes = ReadonlyMap<string, number>

/** The new set grows as far as the surge allows. `present` is its size so far, 0 where it is not made yet. */
export function newSetSize(bounds: Bounds, all: readonly StoredSet[], present: number): number {
  if (present >= bounds.desired) return bounds.desired
  const room = bounds.desired + bounds.surge - totalSize(all)
  return room <= 0 ? present : present + Math.min(room, bounds.desired - present)
}

/** Old sets shrink: pods that are not available first, then as many as availability allows. */
export function oldSetSizes(bounds: Bounds, newSet: StoredSet | undefined, olds: readonly StoredSet[]): Sizes {
  const sizes = new Map<string, number>()
  if (totalSize(olds) === 0) return sizes
  const all = newSet ? [newSet, ...olds] : olds
  const minAvailable = bounds.desired - bounds.unavailable
  const newUnavailable = newSet ? sizeOf(newSet) - availableOf(newSet) : 0
  const most = totalSize(all) - minAvailable - newUnavailable
  if (most <= 0) return sizes
  const size = (s: StoredSet): number => sizes.get(s.metadata.name) ?? sizeOf(s)
  let cleaned = 0
  for (const s of oldestFirst(olds)) {
    if (cleaned >= most) break
    const broken = Math.min(most - cleaned, sizeOf(s) - availableOf(s))
    if (sizeOf(s) === 0 || broken <= 0) continue
    sizes.set(s.metadata.name, sizeOf(s) - broken)
    cleaned += broken
  }
  let left = totalAvailable(all) - minAvailable
  for (const s of oldestFirst(olds)) {
    if (left <= 0) break
    const count = Math.min(size(s), left)
    if (count === 0) continue
    sizes.set(s.metadata.name, size(s) - count)
    left -= count
  }
  return sizes
}

/** Was the deployment scaled since its sets were last sized? */
export const wasScaled = (bounds: Bounds, sets: readonly StoredSet[]): boolean =>
  sets.some((s) => sizeOf(s) > 0 && s.metadata.annotations?.[desiredAnnotation] !== undefined && Number(s.metadata.annotations[desiredAnnotation]) !== bounds.desired)

const isSaturated = (bounds: Bounds, set: StoredSet | undefined): boolean =>
  set !== undefined && sizeOf(set) === bounds.desired && Number(set.metadata.annotations?.[desiredAnnotation]) === bounds.desired && availableOf(set) === bounds.desired

/** Sizes after a change of `spec.replicas`, or while paused: one active set takes all; several share in proportion to their sizes. */
export function scaledSizes(deployment: Deployment, bounds: Bounds, newSet: StoredSet | undefined, olds: readonly StoredSet[]): Sizes {
  const all = newSet ? [newSet, ...olds] : [...olds]
  const active = all.filter((s) => sizeOf(s) > 0)
  const only = active.length === 0 ? newSet ?? oldestFirst(olds).at(-1) : active.length === 1 ? active[0] : undefined
  if (only) return sizeOf(only) === bounds.desired ? new Map() : new Map([[only.metadata.name, bounds.desired]])
  if (active.length === 0) return new Map()
  if (isSaturated(bounds, newSet)) return new Map(olds.filter((s) => sizeOf(s) > 0).map((s) => [s.metadata.name, 0]))
  if (deployment.spec?.strategy?.type === 'Recreate') return new Map()
  const allowed = bounds.desired > 0 ? bounds.desired + bounds.surge : 0
  return shared(deployment, bounds, active, allowed - totalSize(active))
}

function shared(deployment: Deployment, bounds: Bounds, active: readonly StoredSet[], toAdd: number): Sizes {
  const newerFirst = oldestFirst(active).reverse()
  const order = [...(toAdd > 0 ? newerFirst : oldestFirst(active))].sort((a, b) => sizeOf(b) - sizeOf(a))
  const sizes = new Map<string, number>()
  let added = 0
  for (const s of order) {
    const share = toAdd === 0 || added === toAdd ? 0 : fraction(deployment, bounds, s)
    const portion = toAdd > 0 ? Math.min(share, toAdd - added) : toAdd < 0 ? Math.max(share, toAdd - added) : 0
    sizes.set(s.metadata.name, sizeOf(s) + portion)
    added += portion
  }
  const largest = order[0]
  if (largest && toAdd !== 0) sizes.set(largest.metadata.name, Math.max(0, (sizes.get(largest.metadata.name) ?? 0) + toAdd - added))
  return sizes
}

function fraction(deployment: Deployment, bounds: Bounds, set: StoredSet): number {
  if (bounds.desired === 0) return -sizeOf(set)
  const before = Number(set.metadata.annotations?.[maxAnnotation]) || deployment.status?.replicas || 0
  return before === 0 ? 0 : Math.round((sizeOf(set) * (bounds.desired + bounds.surge)) / before) - sizeOf(set)
}
