/** Folders and files as the agent works on them: asynchronous, not durable. What is missing is an answer (`undefined`, `[]`), any other failure rejects. */
import * as fs from 'node:fs/promises'

export type FileKind = 'file' | 'directory' | 'symlink' | 'socket' | 'char-device' | 'block-device' | 'fifo'
export interface FileFacts { readonly kind: FileKind; readonly size: number; /** Permission bits, with setuid, setgid and sticky. */ readonly mode: number; readonly uid: number; readonly gid: number }

export interface PinnedFile extends AsyncDisposable {
  /** Names the very thing for any process of this machine, as long as it is not disposed. */
  readonly path: string
  /** Where it is now, without symlinks. */
  readonly real: string
}

export interface FileTree {
  /** The whole file as text, or undefined where there is none. */
  read(path: string): Promise<string | undefined>
  /** The same as it is on disk. */
  readBytes(path: string): Promise<Buffer | undefined>
  /** The last `bytes` bytes of a file, however long it is. */
  readTail(path: string, bytes: number): Promise<Buffer | undefined>
  /** Writes in place. `mode` is set whatever the umask. */
  write(path: string, data: string | Uint8Array, options?: { mode?: number }): Promise<void>
  /** Makes the folder and its parents; `mode` (whatever the umask) is that of the last one, and is set also where it was there. */
  makeDir(path: string, mode?: number): Promise<void>
  /** Names in a folder, sorted; empty where there is no such folder. */
  list(path: string): Promise<string[]>
  /** Removes a file or a whole tree; nothing to do where it is missing. Does not follow symlinks. */
  remove(path: string): Promise<void>
  /** Removes an empty folder; nothing to do where it is missing. */
  removeDir(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  readLink(path: string): Promise<string | undefined>
  /** Facts of what the path names, symlinks followed unless `noFollow`. */
  stat(path: string, options?: { noFollow?: boolean }): Promise<FileFacts | undefined>
  /** The path with every symlink resolved. */
  realPath(path: string): Promise<string | undefined>
  /** Follows symlinks unless `noFollow`; a number that is left out stays. */
  chown(path: string, owner: { uid?: number; gid?: number }, options?: { noFollow?: boolean }): Promise<void>
  chmod(path: string, mode: number): Promise<void>
  /** Holds on to what the path names now, whatever is renamed or linked in its place afterwards. Undefined where there is nothing. Does not wait for a FIFO's other end, nor open a device. */
  pin(path: string): Promise<PinnedFile | undefined>
  /** Bytes that a tree takes of its disk, as `du` counts them: blocks, a file with two names once, other file systems mounted below left out. What goes away meanwhile counts nothing. */
  diskUsage(path: string): Promise<number>
  /** The same with the number of files and folders, the tree's own among them. */
  treeUsage(path: string): Promise<{ readonly bytes: number; readonly inodes: number }>
}

const absent = new Set(['ENOENT', 'ENOTDIR'])
const orUndefined = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try { return await work } catch (e) {
    if (absent.has((e as NodeJS.ErrnoException).code ?? '')) return undefined
    throw e
  }
}

const kindOf = (s: Awaited<ReturnType<typeof fs.lstat>>): FileKind => {
  if (s.isDirectory()) return 'directory'
  if (s.isSymbolicLink()) return 'symlink'
  if (s.isSocket()) return 'socket'
  if (s.isCharacterDevice()) return 'char-device'
  if (s.isBlockDevice()) return 'block-device'
  return s.isFIFO() ? 'fifo' : 'file'
}

/** O_PATH, which Node does not name. */
const pathOnly = 0o10000000

/** The machine's own files. */
export const systemFileTree: FileTree = {
  read: (path) => orUndefined(fs.readFile(path, 'utf8')),
  readBytes: (path) => orUndefined(fs.readFile(path)),
  async readTail(path, bytes) {
    const file = await orUndefined(fs.open(path))
    if (!file) return undefined
    try {
      const { size } = await file.stat()
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, bytes)), 0, Math.min(size, bytes), Math.max(0, size - bytes))
      return buffer.subarray(0, bytesRead)
    } finally { await file.close() }
  },
  async write(path, data, options = {}) {
    await fs.writeFile(path, data, options.mode === undefined ? {} : { mode: options.mode })
    if (options.mode !== undefined) await fs.chmod(path, options.mode)
  },
  async makeDir(path, mode) {
    await fs.mkdir(path, { recursive: true })
    if (mode !== undefined) await fs.chmod(path, mode)
  },
  list: async (path) => (await orUndefined(fs.readdir(path)))?.sort() ?? [],
  remove: (path) => fs.rm(path, { recursive: true, force: true }),
  async removeDir(path) { await orUndefined(fs.rmdir(path)) },
  rename: (from, to) => fs.rename(from, to),
  symlink: (target, path) => fs.symlink(target, path),
  readLink: (path) => orUndefined(fs.readlink(path)),
  async stat(path, options = {}) {
    const s = await orUndefined(options.noFollow ? fs.lstat(path) : fs.stat(path))
    return s && { kind: kindOf(s), size: s.size, mode: s.mode & 0o7777, uid: s.uid, gid: s.gid }
  },
  realPath: (path) => orUndefined(fs.realpath(path)),
  chown: (path, { uid = -1, gid = -1 }, options = {}) => (options.noFollow ? fs.lchown : fs.chown)(path, uid, gid),
  chmod: (path, mode) => fs.chmod(path, mode),
  async pin(path) {
    const handle = await orUndefined(fs.open(path, pathOnly))
    if (!handle) return undefined
    const own = `/proc/${process.pid}/fd/${handle.fd}`
    try {
      return { path: own, real: await fs.readlink(own), [Symbol.asyncDispose]: () => handle.close() }
    } catch (e) {
      await handle.close()
      throw e
    }
  },
  diskUsage: async (path) => (await systemFileTree.treeUsage(path)).bytes,
  async treeUsage(path) {
    const root = await orUndefined(fs.lstat(path))
    if (!root) return { bytes: 0, inodes: 0 }
    const below = root.isDirectory() ? await usedBelow(path, root.dev, new Set()) : { bytes: 0, inodes: 0 }
    return { bytes: below.bytes + root.blocks * 512, inodes: below.inodes + 1 }
  },
}

async function usedBelow(folder: string, device: number, seen: Set<number>): Promise<{ bytes: number; inodes: number }> {
  const sum = { bytes: 0, inodes: 0 }
  for (const name of (await orUndefined(fs.readdir(folder))) ?? []) {
    const path = `${folder}/${name}`
    const s = await orUndefined(fs.lstat(path))
    if (!s || s.dev !== device || (s.nlink > 1 && !s.isDirectory() && seen.has(s.ino))) continue
    if (s.nlink > 1 && !s.isDirectory()) seen.add(s.ino)
    sum.bytes += s.blocks * 512
    sum.inodes++
    if (!s.isDirectory()) continue
    const below = await usedBelow(path, device, seen)
    sum.bytes += below.bytes
    sum.inodes += below.inodes
  }
  return sum
}
