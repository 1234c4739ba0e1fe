import { parseQuantity, quantityValue } from '../../../shared/values/quantity.ts'
import { fsGroupOf, type VolumeKind } from './kind.ts'
import { VolumeError } from './payload.ts'

/** Scratch space that lives as long as the pod: on disk, or a tmpfs of its own with `medium: Memory`. */
export const emptyDir: VolumeKind = {
  async setUp({ pod, volume, diskPath, files, mounter }) {
    const { medium = '', sizeLimit } = volume.emptyDir ?? {}
    if (medium !== '' && medium !== 'Memory') throw new VolumeError(`unknown storage medium "${medium}"`)
    const fsGroup = fsGroupOf(pod)
    const mode = fsGroup === undefined ? 0o777 : 0o2777
    const there = await files.stat(diskPath)
    if (!there) await files.makeDir(diskPath)
    if (medium === 'Memory') await mounter.tmpfs(diskPath, { sizeBytes: sizeLimit === undefined ? undefined : quantityValue(parseQuantity(sizeLimit)), mode })
    // A container may have changed owner and mode of a volume that was there.
    if (!there) {
      await files.chmod(diskPath, mode)
      if (fsGroup !== undefined) await files.chown(diskPath, { uid: 0, gid: fsGroup })
    }
    return { source: diskPath, readOnly: false }
  },
  tearDown: ({ diskPath }, { mounter }) => mounter.unmount(diskPath),
}
