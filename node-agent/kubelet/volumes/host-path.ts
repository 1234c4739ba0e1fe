import type { FileKind, FileTree } from '../../../shared/host/file-tree.ts'
import { dirname } from 'node:path'
import type { VolumeKind } from './kind.ts'
import { VolumeError } from './payload.ts'

const required: Readonly<Record<string, { readonly is: (kind: FileKind) => boolean; readonly name: string }>> = {
  Directory: { is: (k) => k === 'directory', name: 'directory' }, DirectoryOrCreate: { is: (k) => k === 'directory', name: 'directory' },
  // Upstream's rule: whatever is not a folder.
  File: { is: (k) => k !== 'directory', name: 'file' }, FileOrCreate: { is: (k) => k !== 'directory', name: 'file' },
  Socket: { is: (k) => k === 'socket', name: 'socket file' }, CharDevice: { is: (k) => k === 'char-device', name: 'character device' }, BlockDevice: { is: (k) => k === 'block-device', name: 'block device' },
}

/** Checks what the path is, or makes it. Source: upstream `pkg/volume/hostpath/host_path.go`. */
export async function checkHostPath(files: FileTree, path: string, type: string): Promise<void> {
  if (!path.startsWith('/') || path.split('/').includes('..')) throw new VolumeError(`hostPath "${path}" must be an absolute path without '..'`)
  const there = await files.stat(path)
  // A container engine makes a missing folder where the pod does not say what it expects.
  if (!there && (type === '' || type === 'DirectoryOrCreate')) return files.makeDir(path, 0o755)
  if (type === '') return
  if (!there && type === 'FileOrCreate') {
    if (!(await files.stat(dirname(path)))) throw new VolumeError(`open ${path}: no such file or directory`)
    return files.write(path, '', { mode: 0o644 })
  }
  const want = required[type]
  if (!want) throw new VolumeError(`${type} is an invalid volume type`)
  if (!there || !want.is(there.kind)) throw new VolumeError(`hostPath type check failed: ${path} is not a ${want.name}`)
}

/** A path of the node. */
export const hostPath: VolumeKind = {
  async setUp({ volume, files }) {
    const { path = '', type = '' } = volume.hostPath ?? {}
    await checkHostPath(files, path, type)
    return { source: path, readOnly: false }
  },
}
