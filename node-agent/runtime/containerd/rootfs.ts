/** A container's root: the image's layers below, a folder of its own above, by one overlay mount made by ourselves. */
import { run, runOk } from '../../../shared/host/exec.ts'
import { makeFolder, readText, realPath, removeTree } from '../../../shared/host/tree.ts'
import { mountOverlay, unmount } from './argv.ts'

export interface RootPaths { readonly rootfs: string; readonly upper: string; readonly work: string }
export const rootPaths = (folder: string): RootPaths => ({ rootfs: `${folder}/rootfs`, upper: `${folder}/upper`, work: `${folder}/work` })

export async function mountRoot(folder: string, layers: readonly string[]): Promise<string> {
  const p = rootPaths(folder)
  await Promise.all([makeFolder(p.rootfs, 0o755), makeFolder(p.upper, 0o755), makeFolder(p.work)])
  // Layers of one snapshotter differ in a number: relative to their common folder fifty fit in the page of options mount(2) takes.
  const base = commonFolder(layers)
  await runOk(mountOverlay({ lower: layers.map((l) => l.slice(base.length)), upper: p.upper, work: p.work, target: p.rootfs }), { cwd: base })
  return p.rootfs
}

const commonFolder = (paths: readonly string[]): string => {
  const first = paths[0] ?? '/'
  let end = first.lastIndexOf('/') + 1
  while (!paths.every((p) => p.startsWith(first.slice(0, end)))) end = first.lastIndexOf('/', end - 2) + 1
  return first.slice(0, end)
}

/** Unmounts and removes everything of these containers; repeating it is harmless. */
export async function removeRoots(folders: readonly string[]): Promise<void> {
  if (folders.length === 0) return
  await unmountAll(folders.map((f) => rootPaths(f).rootfs))
  await Promise.all(folders.map(removeTree))
}

/** Unmounts what of these paths is mounted, in one go. Throws where one stays mounted. */
export async function unmountAll(paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return
  const result = await run(unmount(paths))
  const real = result.stderr.toString().split('\n').filter((l) => l !== '' && !/not mounted|no mount point|not found|No such file/.test(l))
  if (real.length > 0) throw new Error(`umount: ${real.join('; ')}`)
}

/** A file of the container's root; a symbolic link that leads outside of it is as good as missing. */
export async function readInRoot(rootfs: string, path: string): Promise<string> {
  const real = await realPath(`${rootfs}${path}`)
  return real?.startsWith(`${rootfs}/`) ? await readText(real) ?? '' : ''
}
