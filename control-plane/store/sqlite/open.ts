import { dirname, join } from 'node:path'
import type { Millis } from '../../../shared/base/brands.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import type { Host, Log } from '../../../shared/base/host.ts'
import { filesBeside, moveDatabase, moveFile, removeDatabase, sizeOf } from '../../../shared/host/database-files.ts'
import { openDatabase, SqliteError } from '../../../shared/host/sqlite.ts'
import type { Database } from '../../../shared/host/sqlite.ts'
import { StoreFailedError } from '../store.ts'
import type { Entry } from '../store.ts'
import { defaultWindow } from '../window.ts'
import type { WindowLimits } from '../window.ts'
import { newestGoodBackup, timestamp } from './backup.ts'
import { CommitWriter } from './commit-writer.ts'
import { isDamage, readDatabase } from './read-database.ts'
import type { Contents } from './read-database.ts'
import { createSchema, encryptedFormat, insertMeta, format, openPragmas, updateFormat } from './schema.ts'
import { SqliteStore } from './sqlite-store.ts'
import type { ValueCodec } from './value-codec.ts'
import { plainValues } from './value-codec.ts'

export interface SqliteStoreOptions {
  /** The database file; made where there is none and never was one. */
  readonly path: string
  readonly host: Host
  /** How long a lazy write may wait for the disk. */
  readonly lazyFlushMs?: Millis
  /** Revisions reserved at a time: a restart skips at most this many. A million lasts a busy cluster's leases for hours, and 2^53 for ever. */
  readonly revisionBlock?: number
  readonly window?: Partial<WindowLimits>
  /** Where backups are looked for when the database is damaged; `backups` beside it if left out. */
  readonly backups?: string
  /** What values are on disk; plain unless given. */
  readonly values?: ValueCodec
}

/** The database is damaged or gone. It is kept under `setAside`; nothing starts until an operator restores a backup. */
export class DamagedDatabaseError extends Error {
  override readonly name = 'DamagedDatabaseError'
  readonly setAside: string
  readonly newestGoodBackup: string | undefined
  constructor(options: { message: string; setAside: string; newestGoodBackup: string | undefined; cause?: unknown }) {
    const offer = options.newestGoodBackup === undefined ? 'no good backup was found' : `newest good backup: ${options.newestGoodBackup}`
    super(`${options.message}; ${offer}`, { cause: options.cause })
    this.setAside = options.setAside
    this.newestGoodBackup = options.newestGoodBackup
  }
}

/**
 * Opens the store and reads all of it into memory. Throws {@link DamagedDatabaseError} where the content is not what was written (then and at
 * every later start, until a database is at `path` again), {@link StoreFailedError} where another process has it open.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { path, host } = options
  const log = host.log.child('store')
  const size = await sizeOf(path)
  if (size === undefined) await createDatabase(options)
  else if (size === 0) throw await setAside(options, 'file is empty')
  const { db, contents: raw } = await openExisting(options)
  const { values = plainValues } = options
  const contents = await readable(db, raw, values, log)
  log.info('opened', { path, keys: contents.entries.length, incarnation: contents.meta.incarnation, limit: contents.meta.revisionLimit })
  return new SqliteStore(db, contents, {
    clock: host.clock, log, lazyFlushMs: options.lazyFlushMs ?? 30_000, revisionBlock: options.revisionBlock ?? 1_000_000, window: { ...defaultWindow, ...options.window }, values,
  })
}

/**
 * The contents with plain values. What is not on disk as it should be now, because encryption was turned on or off or its key was changed while
 * nothing ran, is written again at once; where plain values were replaced, the pages they were on are given back to the disk and overwritten.
 */
async function readable(db: Database, raw: Contents, values: ValueCodec, log: Log): Promise<Contents> {
  try {
    const stale: Entry[] = []
    const entries = raw.entries.map((entry) => {
      const { value, current } = values.decode(entry)
      const plain = value === entry.value ? entry : { ...entry, value }
      if (!current) stale.push(plain)
      return plain
    })
    await values.prepare()
    if (values !== plainValues && raw.meta.format < encryptedFormat) await db.run(updateFormat, [encryptedFormat])
    if (stale.length) {
      await new CommitWriter(db, values).commit({ puts: new Map(stale.map((e) => [e.createRevision, e])), deletes: new Map(), passed: new Map() }, undefined)
      await db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
      log.info('wrote stored values in their present form', { count: stale.length })
    }
    return { meta: raw.meta, entries }
  } catch (error) {
    await db.close()
    throw error
  }
}

/** Made under another name and moved when complete: a database found at `path` is always a whole one. */
async function createDatabase(options: SqliteStoreOptions): Promise<void> {
  const { path, host } = options
  const [leftBehind] = [...await filesBeside(path, '.damaged-'), ...await filesBeside(path, '.replaced-')].reverse()
  const log = await sizeOf(`${path}-wal`)
  if (leftBehind !== undefined || log !== undefined) {
    throw new DamagedDatabaseError({
      message: `there is no database at ${path}, but one was there (${leftBehind ?? `${path}-wal`}): restore a backup, or move that file away to start empty`,
      setAside: leftBehind ?? `${path}-wal`, newestGoodBackup: await newestGoodBackup(backupFolder(options)),
    })
  }
  const fresh = `${path}.new`
  await removeDatabase(fresh)
  const db = await openDatabase(fresh, { mode: 'create', setup: createSchema + openPragmas })
  await db.run(insertMeta, [format, host.random.uuid(), 0])
  await db.close()
  await moveFile(fresh, path)
}

async function openExisting(options: SqliteStoreOptions): Promise<{ db: Database; contents: Contents }> {
  const { path } = options
  let db: Database | undefined
  try {
    db = await openDatabase(path, { mode: 'existing', setup: openPragmas })
    return { db, contents: await readDatabase(db) }
  } catch (error) {
    // Aside before closing: closing would write the log back into the damaged file.
    const thrown = isDamage(error) ? await setAside(options, messageOf(error), error) : explained(path, error)
    await db?.close()
    throw thrown
  }
}

function explained(path: string, error: unknown): unknown {
  if (!(error instanceof SqliteError)) return error
  if (error.code === 'SQLITE_BUSY') return new StoreFailedError(`${path} is in use by another process`, { cause: error })
  return new StoreFailedError(`cannot open ${path}: ${error.message}`, { cause: error })
}

async function setAside(options: SqliteStoreOptions, finding: string, cause?: unknown): Promise<DamagedDatabaseError> {
  const { path, host } = options
  const kept = `${path}.damaged-${timestamp(host.clock)}`
  await moveDatabase(path, kept)
  const good = await newestGoodBackup(backupFolder(options))
  host.log.child('store').error('database is damaged and was set aside', { finding, kept, backup: good })
  return new DamagedDatabaseError({ message: `database ${path} is damaged (${finding}) and was set aside as ${kept}`, setAside: kept, newestGoodBackup: good, cause })
}

const backupFolder = (options: SqliteStoreOptions): string => options.backups ?? join(dirname(options.path), 'backups')
