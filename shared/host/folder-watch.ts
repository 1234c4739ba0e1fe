/** Tells that names come to or go from folders. What the files themselves hold is nobody's concern here: a write to /dev/null is a change of a file, too. */
import { watch } from 'node:fs'
import { stat } from 'node:fs/promises'

export interface FolderWatch extends Disposable {
  /**
   * The folders from now on; those that are missing are left out. True where one is watched that was not before: what happened in it until now was not told.
   * Rejects where the kernel has no more watches to give (EMFILE, ENOSPC); the others are watched all the same.
   */
  follow(folders: readonly string[]): Promise<boolean>
}

interface Watched extends Disposable { /** Of this very folder: one that was made anew under its name is another. */ readonly inode: string }

/** `changed` is called for each change, in a burst often. */
export function watchFolders(changed: () => void): FolderWatch {
  const watched = new Map<string, Watched>()
  let closed = false
  const drop = (path: string, one: Watched | undefined): void => {
    one?.[Symbol.dispose]()
    if (watched.get(path) === one) watched.delete(path)
  }
  const add = (path: string, inode: string): void => {
    const watcher = watch(path, { persistent: false }, (event) => { if (event === 'rename') changed() })
    const one: Watched = { inode, [Symbol.dispose]: () => watcher.close() }
    watcher.on('error', () => drop(path, one))
    watched.set(path, one)
  }
  return {
    async follow(folders) {
      const found = await Promise.all(folders.map((path) => stat(path, { bigint: true }).then((s) => ({ path, inode: `${s.dev}:${s.ino}` }), () => undefined)))
      if (closed) return false
      const wanted = new Map(found.flatMap((f) => (f ? [[f.path, f.inode] as const] : [])))
      for (const [path, one] of [...watched]) if (wanted.get(path) !== one.inode) drop(path, one)
      let isNew = false
      let failed: Error | undefined
      for (const [path, inode] of wanted) {
        if (watched.has(path)) continue
        // Gone again since it was looked at: its parent's change tells.
        try { add(path, inode); isNew = true } catch (e) { if ((e as NodeJS.ErrnoException).code !== 'ENOENT') failed ??= e as Error }
      }
      if (failed) throw failed
      return isNew
    },
    [Symbol.dispose]() {
      closed = true
      for (const [path, one] of [...watched]) drop(path, one)
    },
  }
}
