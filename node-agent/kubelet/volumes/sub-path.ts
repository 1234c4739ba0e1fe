import { dirname } from 'node:path'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import { safePath, VolumeError } from './payload.ts'

/**
 * The host path of a subPath, made as a folder with the volume's own mode where it is missing. A link inside the volume may not lead out of it (upstream CVE-2017-1002101):
 * every part is resolved, and must stay below the volume's own resolved path. The runtime mounts the resolved path.
 */
export async function resolveSubPath(files: FileTree, source: string, subPath: string): Promise<string> {
  const root = await files.realPath(source)
  if (root === undefined) throw new VolumeError(`volume path ${source} does not exist`)
  const wanted = `${root}/${safePath(subPath)}`
  const inside = (p: string): boolean => p === root || p.startsWith(`${root}/`)
  // The nearest ancestor that exists decides whether making the rest would leave the volume.
  let ancestor = wanted
  let real = await files.realPath(ancestor)
  while (real === undefined && ancestor !== root) { ancestor = dirname(ancestor); real = await files.realPath(ancestor) }
  if (real === undefined || !inside(real)) throw new VolumeError(`subPath "${subPath}" leads out of its volume`)
  if (ancestor !== wanted) {
    await files.makeDir(wanted, (await files.stat(root))?.mode ?? 0o750)
    real = await files.realPath(wanted)
    if (real === undefined || !inside(real)) throw new VolumeError(`subPath "${subPath}" leads out of its volume`)
  }
  return real
}
