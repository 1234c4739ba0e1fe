import { dirname } from 'node:path'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { Mounter } from './kind.ts'
import { safePath, VolumeError } from './payload.ts'

const leads = (subPath: string): VolumeError => new VolumeError(`subPath "${subPath}" leads out of its volume`)

/**
 * The host path of a subPath, made as a folder with the volume's own mode where it is missing. A link inside the volume may not lead out of it (upstream CVE-2017-1002101):
 * every part is resolved, and must stay below the volume's own resolved path.
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
  if (real === undefined || !inside(real)) throw leads(subPath)
  if (ancestor !== wanted) {
    await files.makeDir(wanted, (await files.stat(root))?.mode ?? 0o750)
    real = await files.realPath(wanted)
    if (real === undefined || !inside(real)) throw leads(subPath)
  }
  return real
}

/**
 * The subPath at a place of our own, for the runtime to mount. A container that may write the volume can put a link where a checked folder was, between the check
 * and the mount: so what is mounted is what was checked, held open, and no path is walked a second time.
 */
export async function bindSubPath(machine: { files: FileTree; mounter: Mounter }, of: { source: string; subPath: string; target: string }): Promise<string> {
  const { files, mounter } = machine
  const root = await files.realPath(of.source)
  await using pinned = await files.pin(await resolveSubPath(files, of.source, of.subPath))
  if (!pinned || (pinned.real !== root && !pinned.real.startsWith(`${root}/`))) throw leads(of.subPath)
  const kind = (await files.stat(pinned.path))?.kind
  await files.makeDir(dirname(of.target), 0o750)
  const there = await files.stat(of.target)
  if (kind === 'directory' && !there) await files.makeDir(of.target, 0o750)
  if (kind !== 'directory' && !there) await files.write(of.target, '')
  await mounter.bind(pinned.path, of.target)
  return of.target
}
