import { revision } from '../../../shared/base/brands.ts'
import { SqliteError } from '../../../shared/host/sqlite.ts'
import type { Database } from '../../../shared/host/sqlite.ts'
import { StoreFailedError } from '../store.ts'
import type { Entry } from '../store.ts'
import { DamageFound, decodeEntry, decodeMeta, encryptedFormat, selectEntries, selectMeta } from './schema.ts'
import type { Meta } from './schema.ts'

export interface Contents {
  readonly meta: Meta
  /** By key. Values are as they are on disk. */
  readonly entries: readonly Entry[]
}

/** Rows fetched at a time: bounds what is held twice, by the addon and by us. */
const pageRows = 2_000

/**
 * Everything in the database, checked: SQLite's structure, every checksum, one entry a key, no revision above the limit.
 * Throws {@link DamageFound} or, where the disk cannot be read, SqliteError.
 */
export async function readDatabase(db: Database): Promise<Contents> {
  try {
    return await read(db)
  } catch (error) {
    if (error instanceof SqliteError && damageCodes.has(error.code)) throw new DamageFound(error.message)
    throw error
  }
}

/** SQLITE_ERROR: a table or column that should be there is not, or SQLite reads a schema it does not understand. */
const damageCodes: ReadonlySet<string> = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_ERROR', 'SQLITE_FORMAT'])

/** Whether opening a database failed for what is in it, not for the disk or another process. */
export const isDamage = (error: unknown): boolean => error instanceof DamageFound || (error instanceof SqliteError && damageCodes.has(error.code))

async function read(db: Database): Promise<Contents> {
  const findings = await db.all('PRAGMA quick_check', [], (row) => String(Object.values(row)[0]))
  if (findings[0] !== 'ok') throw new DamageFound(findings.slice(0, 3).join('; '))
  const meta = await db.get(selectMeta, [], decodeMeta)
  if (!meta) throw new DamageFound('table meta is empty')
  if (meta.format > encryptedFormat) throw new StoreFailedError(`database has format ${meta.format}; this version reads up to ${encryptedFormat}`)
  const entries: Entry[] = []
  for (let last = 0; ;) {
    const page = await db.all(selectEntries, [last, pageRows], decodeEntry)
    for (const entry of page) entries.push(entry)
    if (page.length < pageRows) break
    last = page.at(-1)!.createRevision
  }
  entries.sort((a, b) => (a.key < b.key ? -1 : 1))
  let latest = revision(0)
  for (const [i, entry] of entries.entries()) {
    if (entries[i - 1]?.key === entry.key) throw new DamageFound(`two entries have the key ${JSON.stringify(entry.key)}`)
    if (entry.modRevision > latest) latest = entry.modRevision
  }
  if (latest > meta.revisionLimit) throw new DamageFound(`revision ${latest} is above the limit of ${meta.revisionLimit}`)
  return { meta, entries }
}
