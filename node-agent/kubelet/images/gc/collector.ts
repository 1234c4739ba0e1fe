/** Removes images that nobody on this node needs when the disk fills up; looks every five minutes, as upstream does, and when the disk is short. */
import type { Millis } from '../../../../shared/base/brands.ts'
import { messageOf } from '../../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../../shared/base/host.ts'
import { RuntimeError, type Image, type Runtime } from '../../../runtime/runtime.ts'
import { defaultWatermarks, planCollection, type DiskState, type Watermarks } from './plan.ts'

export interface CollectorDeps {
  readonly clock: Clock
  readonly log: Log
  readonly runtime: Pick<Runtime, 'name' | 'image' | 'images' | 'removeImage'>
  disk(): Promise<DiskState>
  /** Of every container that is there, whatever its state. */
  imagesInUse(): Iterable<string>
  /** What the pods bound to this node name. */
  references(): Iterable<string>
  /** An image is gone: nobody may count on it. */
  removed(image: Image): void
  /** About the node. */
  event(type: 'Warning', reason: string, message: string): void
  readonly watermarks?: Watermarks
}

export interface ImageCollector {
  /** Until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Removes all that may be; bytes freed. */
  reclaim(): Promise<number>
  /** The largest of what is here, for the node's status; upstream tells of fifty. */
  largest(): readonly Image[]
}

export const collectEvery: Millis = 300_000
const told = 50

export function createImageCollector(deps: CollectorDeps): ImageCollector {
  const { clock, log, runtime } = deps
  const seen = new Map<string, { readonly firstSeen: Millis; lastUsed: Millis }>()
  let known: readonly Image[] = []

  const needed = async (): Promise<Set<string>> => {
    const ids = new Set(deps.imagesInUse())
    for (const reference of new Set(deps.references())) {
      // A name that is none needs no image.
      try { const image = await runtime.image(reference); if (image) ids.add(image.id) } catch (e) { if (!(e instanceof RuntimeError)) throw e }
    }
    return ids
  }

  /** A docker daemon has its user's images beside ours: only what a pod of this node has needed since this process began is ours for sure. */
  const isOurs = (id: string): boolean => runtime.name === 'containerd' || (seen.get(id)?.lastUsed ?? 0) > 0

  const collect = async (force: boolean): Promise<number> => {
    const now = clock.monotonic()
    const [images, wanted, disk] = await Promise.all([runtime.images(), needed(), deps.disk()])
    known = images
    const ids = new Set(images.map((i) => i.id))
    for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id)
    for (const { id } of images) {
      const entry = seen.get(id)
      if (!entry) seen.set(id, { firstSeen: now, lastUsed: wanted.has(id) ? now : 0 })
      else if (wanted.has(id)) entry.lastUsed = now
    }
    const plan = planCollection(images.map((i) => ({ id: i.id, sizeBytes: i.sizeBytes, isNeeded: wanted.has(i.id) || !isOurs(i.id), ...seen.get(i.id)! })), disk, { watermarks: deps.watermarks ?? defaultWatermarks, now, force })
    let freed = 0
    for (const { id, sizeBytes } of plan.remove) {
      try {
        await runtime.removeImage(id)
      } catch (e) {
        log.warn('image cannot be removed', { image: id, error: messageOf(e) })
        continue
      }
      freed += sizeBytes
      const image = images.find((i) => i.id === id)
      if (image) { deps.removed(image); log.info('image removed to make room', { image: image.tags[0] ?? id, bytes: sizeBytes }) }
    }
    if (!force && freed < plan.bytes) deps.event('Warning', 'FreeDiskSpaceFailed', `Failed to garbage collect required amount of images. Attempted to free ${plan.bytes} bytes, but only found ${freed} bytes eligible to free.`)
    if (freed > 0) known = known.filter((i) => !plan.remove.some((r) => r.id === i.id))
    return freed
  }

  return {
    async run(signal) {
      while (!signal.aborted) {
        await collect(false)
        await clock.sleep(collectEvery, signal)
      }
    },
    reclaim: () => collect(true),
    largest: () => known.toSorted((a, b) => b.sizeBytes - a.sizeBytes).slice(0, told),
  }
}
