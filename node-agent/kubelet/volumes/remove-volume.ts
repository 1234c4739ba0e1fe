import { StatusError } from '../../../shared/base/errors.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { mountPoints } from './mounter.ts'

/** A folder that the provisioner `bramble.dev/local-path` named, and nothing else. */
const named = /^\/(?:[^/]+\/)*pvc-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}_[a-z0-9-]+_[a-z0-9.-]+$/

/** The folder of a provisioned volume that was given back. Repeating it is harmless. Refuses every other path, and one with something mounted on or below it. */
export async function removeVolumeFolder(files: FileTree, params: unknown): Promise<void> {
  const path = (params as { path?: unknown } | null)?.path
  if (typeof path !== 'string' || !named.test(path) || path.split('/').some((p) => p === '..' || p === '.')) throw new StatusError('BadRequest', 'not the folder of a provisioned volume')
  for (const mounted of await mountPoints(files)) {
    if (mounted === path || mounted.startsWith(`${path}/`)) throw new StatusError('Conflict', `${mounted} is mounted`)
  }
  await files.remove(path)
}
