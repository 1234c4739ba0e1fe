/** Measures the emptyDirs on disk that have a limit, and tells of pods that are over it. Source: upstream `emptyDirLimitEviction` in `pkg/kubelet/eviction`. */
import { messageOf } from '../../../shared/base/errors.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { PodRecord } from '../pod/record.ts'
import type { StoredPod } from '../pod/pod-facts.ts'
import { sizeLimitOf } from './empty-dir.ts'

export interface SizeLimits {
  /** From now on, until it is forgotten; costs nothing for a pod without limits. */
  follow(record: PodRecord, pod: StoredPod): void
  forget(record: PodRecord): void
  close(): void
}

/** Upstream looks every 10 s. */
const period: Millis = 10_000
/** A tree that takes long to count is counted less often: at most a fiftieth of the time goes there. */
const rest = 50

interface Limited { readonly name: string; readonly text: string; readonly bytes: number }

/** A volume in memory has its limit from the kernel, and is not measured. `evict` is told once for each pod. No timer runs while no pod has a limit. */
export function createSizeLimits(deps: { files: FileTree; clock: Clock; log: Log; evict: (record: PodRecord, message: string) => void }): SizeLimits {
  const { files, clock, log } = deps
  const followed = new Map<PodRecord, readonly Limited[]>()
  let timer: Disposable | undefined
  let scanning = false
  let closed = false

  const overLimit = async (record: PodRecord, volumes: readonly Limited[]): Promise<Limited | undefined> => {
    for (const volume of volumes) if ((await files.diskUsage(record.paths.volumeOnDisk('emptyDir', volume.name))) > volume.bytes) return volume
    return undefined
  }
  const scan = async (): Promise<void> => {
    const begin = clock.monotonic()
    timer = undefined
    scanning = true
    for (const [record, volumes] of followed) {
      try {
        const over = await overLimit(record, volumes)
        if (!over || !followed.delete(record)) continue
        deps.evict(record, `Usage of EmptyDir volume ${JSON.stringify(over.name)} exceeds the limit ${JSON.stringify(over.text)}. `)
      } catch (e) {
        log.warn('volumes cannot be measured', { pod: record.ref.name, error: messageOf(e) })
      }
    }
    scanning = false
    arm(Math.max(period, (clock.monotonic() - begin) * rest))
  }
  const arm = (after: Millis): void => {
    if (closed || timer || scanning || followed.size === 0) return
    timer = clock.after(after, () => { scan().catch((e: unknown) => log.error('volumes were not measured', { error: messageOf(e) })) })
  }

  return {
    follow(record, pod) {
      const volumes = (pod.spec?.volumes ?? []).flatMap((v): Limited[] => {
        const bytes = v.emptyDir && v.emptyDir.medium !== 'Memory' ? sizeLimitOf(v) : undefined
        return bytes === undefined ? [] : [{ name: v.name, text: v.emptyDir?.sizeLimit ?? '', bytes }]
      })
      if (volumes.length === 0 || record.failed) return
      followed.set(record, volumes)
      arm(period)
    },
    forget(record) {
      followed.delete(record)
      if (followed.size > 0) return
      timer?.[Symbol.dispose]()
      timer = undefined
    },
    close() {
      closed = true
      timer?.[Symbol.dispose]()
    },
  }
}
