/** Which images make room on a disk that fills up. Pure. Source: upstream `pkg/kubelet/images/image_gc_manager.go`. */
import type { Millis } from '../../../../shared/base/brands.ts'

export interface KnownImage {
  readonly id: string
  readonly sizeBytes: number
  /** When this agent saw it first, and when a container last had it; monotonic. */
  readonly firstSeen: Millis
  readonly lastUsed: Millis
  /** A container has it, running or not; or a pod that is bound to this node names it. The second is ours: a node that is offline could not pull it again. */
  readonly isNeeded: boolean
}

export interface DiskState { readonly availableBytes: number; readonly capacityBytes: number }

/** Shares of the disk in use: above `high` images go until `low` is reached. Upstream's are 0.85 and 0.80. */
export interface Watermarks { readonly high: number; readonly low: number; /** An image is left alone for this long after it came. */ readonly minAge: Millis }

export const defaultWatermarks: Watermarks = { high: 0.85, low: 0.8, minAge: 120_000 }

export interface CollectPlan {
  /** In order: the longest unused first. Each is to be removed only while `bytes` are not yet free. */
  readonly remove: readonly KnownImage[]
  /** To be freed; 0 where the disk has room. */
  readonly bytes: number
}

/** `force`: the disk is short already, whatever the watermarks say; everything that nobody needs may go. */
export function planCollection(images: readonly KnownImage[], disk: DiskState, input: { watermarks: Watermarks; now: Millis; force: boolean }): CollectPlan {
  const { watermarks, now } = input
  const used = disk.capacityBytes - disk.availableBytes
  const isFull = disk.capacityBytes > 0 && used >= disk.capacityBytes * watermarks.high
  if (!isFull && !input.force) return { remove: [], bytes: 0 }
  const candidates = images.filter((i) => !i.isNeeded && now - i.firstSeen >= watermarks.minAge).toSorted((a, b) => a.lastUsed - b.lastUsed || a.firstSeen - b.firstSeen)
  const bytes = input.force ? Infinity : Math.max(0, Math.ceil(used - disk.capacityBytes * watermarks.low))
  const remove: KnownImage[] = []
  let freed = 0
  for (const image of candidates) {
    if (freed >= bytes) break
    remove.push(image)
    freed += image.sizeBytes
  }
  return { remove, bytes }
}
