import { revision } from '../../../shared/base/brands.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import type { Clock, Random } from '../../../shared/base/host.ts'
import { copySynced, filesIn, modifiedAt, moveDatabase, moveFile, removeDatabase, sizeOf } from '../../../shared/host/database-files.ts'
import { openDatabase, SqliteError } from '../../../shared/host/sqlite.ts'
import type { Database } from '../../../shared/host/sqlite.ts'
import { StoreFailedError } from '../store.ts'
import { isDamage, readDatabase } from './read-database.ts'
import type { Contents } from './read-database.ts'
import { openPragmas } from './schema.ts'

/** Copies a live database to `path`, reads the copy back in full, and only then gives it its name: a file there is a good backup. */
export async function backUp(db: Database, path: string): Promise<void> {
  const partial = `${path}.partial`
  await removeDatabase(partial)
  try {
    await db.copyTo(partial)
    // As one file: without the mark for a write-ahead log, which would ask for a writable folder to be read.
    const copy = await openDatabase(partial, { mode: 'existing', setup: 'PRAGMA journal_mode = DELETE' })
    try {
      await readDatabase(copy)
    } finally {
      await copy.close()
    }
    await moveFile(partial, path)
  } catch (error) {
    await removeDatabase(partial)
    throw new StoreFailedError(`backup to ${path} failed`, { cause: error })
  }
}

/** Reads a backup in full. Throws where it is not good. */
export async function verifyBackup(path: string): Promise<Contents> {
  if (await sizeOf(path) === 0) throw new StoreFailedError(`backup ${path} is empty`)
  const db = await openDatabase(path, { mode: 'readonly' })
  try {
    return await readDatabase(db)
  } finally {
    await db.close()
  }
}

/** The backup in `folder` last written that reads back well. Files that do not are passed over: the caller is already reporting damage. */
export async function newestGoodBackup(folder: string): Promise<string | undefined> {
  const files = (await filesIn(folder)).filter((file) => !file.endsWith('.partial'))
  const dated = await Promise.all(files.map(async (file) => ({ file, at: await modifiedAt(file) })))
  for (const { file } of dated.sort((a, b) => b.at - a.at)) {
    try {
      await verifyBackup(file)
      return file
    } catch (error) {
      if (!isDamage(error) && !(error instanceof SqliteError) && !(error instanceof StoreFailedError)) throw error
    }
  }
  return undefined
}

/** Far more revisions than were given out between a backup and its restore (etcd's own advice for `--bump-revision`). */
export const restoreJump = 1_000_000_000

export interface Restored {
  readonly incarnation: string
  readonly entries: number
  /** Where the database that was replaced is now. */
  readonly setAside: string | undefined
}

/**
 * Puts a backup in the place of the database at `path`, whose store must not be open. The replaced database is kept. The history is a new one:
 * another incarnation, revisions far above any that was given out, so every client and node that remembers an older revision starts afresh.
 */
export async function restoreSqliteStore(options: { backup: string; path: string; host: { clock: Clock; random: Random } }): Promise<Restored> {
  const { backup, path, host } = options
  const contents = await verifyBackup(backup)
  const oldLimit = await limitOf(path)
  const incarnation = host.random.uuid()
  const limit = revision(Math.max(contents.meta.revisionLimit, oldLimit) + restoreJump)
  const staged = `${path}.restoring`
  await removeDatabase(staged)
  await copySynced(backup, staged)
  const db = await openDatabase(staged, { mode: 'existing', setup: openPragmas })
  try {
    await db.run('UPDATE meta SET incarnation = ?, revision_limit = ? WHERE id = 1', [incarnation, limit])
    await readDatabase(db)
  } finally {
    await db.close()
  }
  let setAside: string | undefined
  if (await sizeOf(path) !== undefined) {
    setAside = `${path}.replaced-${timestamp(host.clock)}`
    await moveDatabase(path, setAside)
  }
  await moveFile(staged, path)
  return { incarnation, entries: contents.entries.length, setAside }
}

/** The revision limit of the database to be replaced; 0 where it is missing or too damaged to say. Refuses one that is in use. */
async function limitOf(path: string): Promise<Revision> {
  if (!await sizeOf(path)) return revision(0)
  let db: Database | undefined
  try {
    db = await openDatabase(path, { mode: 'existing', setup: openPragmas })
    const contents = await readDatabase(db)
    return contents.meta.revisionLimit
  } catch (error) {
    if (error instanceof SqliteError && error.code === 'SQLITE_BUSY') throw new StoreFailedError(`${path} is in use: stop the control plane before a restore`, { cause: error })
    if (isDamage(error)) return revision(0)
    throw error
  } finally {
    await db?.close()
  }
}

/** For file names, sorts by time. */
export const timestamp = (clock: Clock): string => new Date(clock.now()).toISOString().replaceAll(':', '')
