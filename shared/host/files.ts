/** Files that survive a power cut: written aside, synced, renamed into place, and the folder synced too. */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Replaces `path` in one step: a crash at any instant leaves the old content or the new, never a part. Makes the folder. */
export async function writeFileAtomic(path: string, data: string | Buffer, options: { mode?: number } = {}): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const scratch = `${path}.tmp`
  const file = await open(scratch, 'w', options.mode ?? 0o644)
  try {
    // The mode of `open` is ignored where the scratch file was left over from a crash.
    await file.chmod(options.mode ?? 0o644)
    await file.writeFile(data)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(scratch, path)
  await syncFolder(dirname(path))
}

/** Makes renames and removals in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** The content, undefined where there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw e
  }
}
