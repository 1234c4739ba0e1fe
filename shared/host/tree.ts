/** Folders and files of running things: state that a crash may tear, so that no write waits for the disk. For what must survive a power cut see `files.ts`. */
import { watch } from 'node:fs'
import { lstat, mkdir, open, readdir, readFile, readlink, realpath, rename, rm, stat, statfs, writeFile, truncate } from 'node:fs/promises'

const isMissing = (e: unknown): boolean => { const code = (e as NodeJS.ErrnoException).code; return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESRCH' || code === 'ENODEV' }

export const makeFolder = async (path: string, mode = 0o700): Promise<void> => { await mkdir(path, { recursive: true, mode }) }
/** Removes a file or a folder with all it holds; a missing one is removed already. */
export const removeTree = (path: string): Promise<void> => rm(path, { recursive: true, force: true })
/** Names in a folder; none where there is no folder. */
export const namesIn = async (path: string): Promise<string[]> => { try { return await readdir(path) } catch (e) { if (isMissing(e)) return []; throw e } }
/** Content of a file, also of /proc and of cgroups, undefined where there is none (a process or cgroup that has ended). */
export const readText = async (path: string): Promise<string | undefined> => { try { return await readFile(path, 'utf8') } catch (e) { if (isMissing(e)) return undefined; throw e } }
export const writeText = (path: string, text: string, mode = 0o600): Promise<void> => writeFile(path, text, { mode })
/** Replaces a file in one step for every reader, without waiting for the disk: after a power cut it may be empty. */
export const replaceText = async (path: string, text: string): Promise<void> => { await writeFile(`${path}.tmp`, text, { mode: 0o600 }); await rename(`${path}.tmp`, path) }
/** Makes a file where there is none. */
export const touch = async (path: string, mode = 0o640): Promise<void> => { await (await open(path, 'a', mode)).close() }
/** Shortens a file to `size` bytes. */
export const cut = (path: string, size: number): Promise<void> => truncate(path, size)
/** Size and time of last change, undefined where there is no such file. */
export const fileFacts = async (path: string): Promise<{ size: number; mtimeMs: number } | undefined> => { try { return await stat(path) } catch (e) { if (isMissing(e)) return undefined; throw e } }
export const realPath = async (path: string): Promise<string | undefined> => { try { return await realpath(path) } catch (e) { if (isMissing(e)) return undefined; throw e } }

/** `NSFS_MAGIC` of linux/magic.h: the path holds a namespace open. */
export async function isNamespace(path: string): Promise<boolean> {
  try { return (await statfs(path)).type === 0x6e736673 } catch (e) { if (isMissing(e)) return false; throw e }
}

/** Up to `length` bytes from `offset`; fewer at the end. */
export async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

/** Calls `changed` when a file is written to, until disposed. */
export function watchFile(path: string, changed: () => void): Disposable {
  const watcher = watch(path, { persistent: false }, changed)
  watcher.on('error', () => watcher.close())
  return { [Symbol.dispose]: () => watcher.close() }
}

export interface DeviceNode { readonly path: string; readonly type: 'c' | 'b'; readonly major: number; readonly minor: number; readonly mode: number; readonly uid: number; readonly gid: number }

/** A device node's numbers; undefined where the path is none. Linux' encoding of dev_t. */
export async function deviceNode(path: string): Promise<DeviceNode | undefined> {
  try {
    const s = await lstat(await realpath(path), { bigint: true })
    if (!s.isCharacterDevice() && !s.isBlockDevice()) return undefined
    const major = Number(((s.rdev >> 8n) & 0xfffn) | ((s.rdev >> 32n) & ~0xfffn))
    const minor = Number((s.rdev & 0xffn) | ((s.rdev >> 12n) & ~0xffn & 0xffffffffn))
    return { path, type: s.isCharacterDevice() ? 'c' : 'b', major, minor, mode: Number(s.mode & 0o777n), uid: Number(s.uid), gid: Number(s.gid) }
  } catch (e) {
    if (isMissing(e)) return undefined
    throw e
  }
}

/** Where a symbolic link points, undefined where there is none (a process that has ended). */
export const linkTarget = async (path: string): Promise<string | undefined> => { try { return await readlink(path) } catch (e) { if (isMissing(e)) return undefined; throw e } }
