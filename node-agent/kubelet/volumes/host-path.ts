import type { FileKind } from '../../../shared/host/file-tree.ts'
import { dirname } from 'node:path'
import type { VolumeKind } from './kind.ts'
import { VolumeError } from './payload.ts'

const required: Readonly<Record<string, { readonly kind: FileKind; readonly name: string }>> = {
  Directory: { kind: 'directory', name: 'directory' }, File: { kind: 'file', name: 'file' }, Socket: { kind: 'socket', name: 'socket' },
  CharDevice: { kind: 'char-device', name: 'character device' }, BlockDevice: { kind: 'block-device', name: 'block device' },
}

/** A path of the node. Source: upstream `pkg/volume/hostpath/host_path.go`. */
export const hostPath: VolumeKind = {
  async setUp({ volume, files }) {
    const { path = '', type = '' } = volume.hostPath ?? {}
    if (!path.startsWith('/') || path.split('/').includes('..')) throw new VolumeError(`hostPath "${path}" must be an absolute path without '..'`)
    const there = await files.stat(path)
    // A container engine makes a missing folder where the pod does not say what it expects.
    if (type === '' || type === 'DirectoryOrCreate') {
      if (!there) await files.makeDir(path, 0o755)
      else if (type !== '' && there.kind !== 'directory') throw new VolumeError(`hostPath type check failed: ${path} is not a directory`)
    } else if (type === 'FileOrCreate') {
      if (!there) {
        if (!(await files.stat(dirname(path)))) throw new VolumeError(`open ${path}: no such file or directory`)
        await files.write(path, '', { mode: 0o644 })
      } else if (there.kind !== 'file') throw new VolumeError(`hostPath type check failed: ${path} is not a file`)
    } else {
      const want = required[type]
      if (!want) throw new VolumeError(`${type} is an invalid volume type`)
      if (there?.kind !== want.kind) throw new VolumeError(`hostPath type check failed: ${path} is not a ${want.name}`)
    }
    return { source: path, readOnly: false }
  },
}
