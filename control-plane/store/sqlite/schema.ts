import { crc32 } from 'node:zlib'
import { revision } from '../../../shared/base/brands.ts'
import type { Revision } from '../../../shared/base/brands.ts'
import type { Row, SqlValue } from '../../../shared/host/sqlite.ts'
import type { Entry } from '../store.ts'

/** Raised when a file of the older format cannot be read as it is. */
export const format = 1
/** Of a file some of whose values are encrypted: a version that knows nothing of that must not take them for values. */
export const encryptedFormat = 2

/**
 * The current state and nothing else. The row id is the create revision, unique by nature: new keys are appended, so those of one commit share
 * pages, and an update touches one leaf page. There is no index on the key, since all keys are in memory: each page not written is a page not worn.
 */
export const createSchema = `
  PRAGMA page_size = 4096;
  PRAGMA auto_vacuum = NONE;
  CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), format INTEGER NOT NULL, incarnation TEXT NOT NULL, revision_limit INTEGER NOT NULL) STRICT;
  CREATE TABLE entry (create_revision INTEGER PRIMARY KEY, mod_revision INTEGER NOT NULL, checksum INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL) STRICT;
`

/**
 * Exclusive locking: a second process is refused instead of giving out revisions of its own, and the index of the write-ahead log stays in
 * memory. Checkpoint at 2,000 pages (8 MB): a page changed often is written back once for all its changes since the last checkpoint.
 */
export const openPragmas = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 2000;
  PRAGMA cache_size = -1024;
  PRAGMA temp_store = MEMORY;
`

export interface Meta {
  readonly format: number
  readonly incarnation: string
  /** No revision above this was ever given out by what is on this disk. */
  readonly revisionLimit: Revision
}

export const selectMeta = 'SELECT format, incarnation, revision_limit FROM meta WHERE id = 1'
export const insertMeta = 'INSERT INTO meta (id, format, incarnation, revision_limit) VALUES (1, ?, ?, ?)'
export const updateFormat = 'UPDATE meta SET format = ? WHERE id = 1'
export const updateLimit = 'UPDATE meta SET revision_limit = ? WHERE id = 1'
export const selectEntries = 'SELECT create_revision, mod_revision, checksum, key, value FROM entry WHERE create_revision > ? ORDER BY create_revision LIMIT ?'

const columns = 5

/** Upsert of up to `rows` entries as one statement: one call to the thread pool instead of one each. Rows of NULL are padding. */
export function upsertEntries(rows: number): string {
  const values = new Array<string>(rows).fill('(?,?,?,?,?)').join(',')
  if (rows === 1) return `INSERT OR REPLACE INTO entry VALUES ${values}`
  return `INSERT OR REPLACE INTO entry SELECT * FROM (VALUES ${values}) WHERE column1 IS NOT NULL`
}

export const deleteEntries = (rows: number): string => `DELETE FROM entry WHERE create_revision IN (${new Array<string>(rows).fill('?').join(',')})`

/** Parameters for {@link upsertEntries}; the values are what `stored` makes of them. */
export function entryParams(entries: readonly Entry[], rows: number, stored: (entry: Entry) => Buffer): SqlValue[] {
  const params = new Array<SqlValue>(rows * columns).fill(null)
  let i = 0
  for (const entry of entries) {
    const value = stored(entry)
    params[i++] = entry.createRevision
    params[i++] = entry.modRevision
    params[i++] = checksum(entry, value)
    params[i++] = entry.key
    params[i++] = value
  }
  return params
}

/** SQLite's own check sees a broken page structure but not a flipped bit inside a value; cheap cards do both. Over the bytes on disk: damage is found without a key. */
const checksum = (entry: Entry, stored: Buffer): number => crc32(`${entry.createRevision} ${entry.modRevision} ${entry.key}`, crc32(stored))

export function decodeMeta(row: Row): Meta {
  const { format: found, incarnation, revision_limit: limit } = row
  if (typeof found !== 'number' || typeof incarnation !== 'string' || typeof limit !== 'number') throw new DamageFound('row of table meta has wrong types')
  return { format: found, incarnation, revisionLimit: revision(limit) }
}

/** The entry with its value as it is on disk. */
export function decodeEntry(row: Row): Entry {
  const { create_revision: created, mod_revision: modified, checksum: sum, key, value } = row
  if (typeof created !== 'number' || typeof modified !== 'number' || typeof key !== 'string' || !Buffer.isBuffer(value)) {
    throw new DamageFound(`entry of create revision ${String(created)} has wrong types`)
  }
  const entry: Entry = { key, value, createRevision: revision(created), modRevision: revision(modified) }
  if (checksum(entry, value) !== sum) throw new DamageFound(`entry ${JSON.stringify(key)} does not match its checksum`)
  return entry
}

/** The content of a database is not what was written. */
export class DamageFound extends Error { override readonly name = 'DamageFound' }
