import type { Pod, Volume } from '../../../shared/api/core-v1.ts'
import { parseQuantity, quantityValue } from '../../../shared/values/quantity.ts'
import { podLimits } from '../resources/cgroup-numbers.ts'
import { fsGroupOf, type VolumeKind } from './kind.ts'
import { VolumeError } from './payload.ts'

/** Bytes; undefined for none, which a limit of nought is too. */
export function sizeLimitOf(volume: Volume): number | undefined {
  const limit = volume.emptyDir?.sizeLimit
  const bytes = limit === undefined ? 0 : quantityValue(parseQuantity(limit))
  return bytes > 0 ? bytes : undefined
}

/** Of a volume in memory: the least of its limit, the pod's memory and the node's. Source: upstream `calculateEmptyDirMemorySize`. */
export function memorySize(pod: Pod, volume: Volume, allocatable: number): number | undefined {
  const bounds = [sizeLimitOf(volume), podLimits(pod, false).memoryBytes, allocatable].filter((n) => n !== undefined && n > 0) as number[]
  return bounds.length === 0 ? undefined : Math.min(...bounds)
}

/** Scratch space that lives as long as the pod: on disk, or a tmpfs of its own with `medium: Memory`. */
export const emptyDir: VolumeKind = {
  async setUp({ pod, volume, diskPath, files, mounter, facts }) {
    const { medium = '' } = volume.emptyDir ?? {}
    if (medium.startsWith('HugePages')) throw new VolumeError(`storage medium "${medium}" is not supported on this node`)
    if (medium !== '' && medium !== 'Memory') throw new VolumeError(`unknown storage medium "${medium}"`)
    const fsGroup = fsGroupOf(pod)
    const mode = fsGroup === undefined ? 0o777 : 0o2777
    const there = await files.stat(diskPath)
    if (!there) await files.makeDir(diskPath)
    // After a reboot the folder is there, and its tmpfs is not.
    const isNew = medium === 'Memory' ? await mounter.tmpfs(diskPath, { sizeBytes: memorySize(pod, volume, facts.allocatable.memoryBytes), mode }) : !there
    // A container may have changed owner and mode of a volume that was there.
    if (isNew) {
      await files.chmod(diskPath, mode)
      if (fsGroup !== undefined) await files.chown(diskPath, { uid: 0, gid: fsGroup })
    }
    return { source: diskPath, readOnly: false }
  },
}
