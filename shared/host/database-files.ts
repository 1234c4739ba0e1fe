/** The files of a SQLite database as files: what SQLite itself does not do, made durable. */
import { open, readdir, rename, rm, stat, copyFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** SQLite keeps its write-ahead log beside the database; `-shm` is rebuilt and holds nothing. */
const companions = ['-wal', '-shm', '-journal'] as const

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

/** Size in bytes, or undefined where there is no file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Makes renames and removals in the folder of `path` durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Moves one file, replacing `to`; durable when it resolves. */
export async function moveFile(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncFolder(to)
}

/** Moves a database with its write-ahead log; the database first, so that it is never found without its log. Durable when it resolves. */
export async function moveDatabase(from: string, to: string): Promise<void> {
  for (const suffix of ['', ...companions]) {
    try {
      await rename(from + suffix, to + suffix)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  await syncFolder(to)
}

/** Removes a database and its companions, where they exist. */
export async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ['', ...companions]) await rm(path + suffix, { force: true })
}

/** Copies one file and syncs the copy. */
export async function copySynced(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  const file = await open(to, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Files beside `path` whose names start with its name and `infix`, sorted by name; companions of databases left out. */
export async function filesBeside(path: string, infix: string): Promise<string[]> {
  const start = basename(path) + infix
  return (await filesIn(dirname(path))).filter((file) => basename(file).startsWith(start))
}

/** Full paths of the entries of a folder, sorted by name, companions of databases left out; none where the folder does not exist. */
export async function filesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names.filter((name) => !companions.some((suffix) => name.endsWith(suffix))).sort().map((name) => join(folder, name))
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Last change of a file, milliseconds since the epoch; 0 where it is gone. */
export async function modifiedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (isMissing(error)) return 0
    throw error
  }
}
