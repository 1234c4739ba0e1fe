/**
 * SQLite with promises: the one place that loads the addon (a single executable replaces this import). Calls run on libuv's thread pool,
 * one at a time per database in call order, so a slow card's fsync never blocks the event loop.
 *
 * Integers come back as numbers: exact up to 2^53. Integers above 2^31 are bound as doubles, which a column of INTEGER affinity turns back.
 */
import sqlite3 from 'sqlite3'

export type SqlValue = number | string | Buffer | null
export type Row = Readonly<Record<string, SqlValue>>

/** A failed call. `code` is SQLite's primary result code by name; decide by it, never by the message. */
export class SqliteError extends Error {
  override readonly name = 'SqliteError'
  readonly code: string
  constructor(code: string, message: string, options?: { cause: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** A compiled statement; belongs to the database that prepared it and ends with it. */
export interface Statement { readonly sql: string }

/** What both a database and an open transaction can do. `params` replace `?` in order. */
export interface Connection {
  /** One or more statements without parameters; results are dropped. */
  exec(sql: string): Promise<void>
  /** One statement; resolves with the number of rows changed. */
  run(sql: string | Statement, params?: readonly SqlValue[]): Promise<number>
  /** All rows, each through `decode`: the caller says what it expects of a row and throws where it is not so. */
  all<T>(sql: string | Statement, params: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]>
  /** The first row, or undefined. */
  get<T>(sql: string | Statement, params: readonly SqlValue[], decode: (row: Row) => T): Promise<T | undefined>
}

export interface Database extends Connection {
  prepare(sql: string): Promise<Statement>
  /**
   * `BEGIN IMMEDIATE`, `work`, `COMMIT`; rolled back where `work` or the commit fails, and the failure is rethrown. Other calls on the
   * database wait until it ends, so `work` must use the connection it is given: waiting there for a call on the database waits for ever.
   */
  transaction<T>(work: (tx: Connection) => Promise<T>): Promise<T>
  /** Copies the database into a new file at `path`, page by page between other calls; the copy is the state at the end, synced to disk. */
  copyTo(path: string): Promise<void>
  /** Waits for the calls before, then closes. Idempotent. */
  close(): Promise<void>
}

export interface OpenOptions {
  /** `create`: made where missing. `existing`: must exist. `readonly`: must exist and is not changed. */
  readonly mode: 'create' | 'existing' | 'readonly'
  /** Statements run first, e.g. pragmas. */
  readonly setup?: string
}

/** Pages copied per step of {@link Database.copyTo}: 1 MiB of 4 KiB pages, so that a commit waits some 50 ms at most on a 20 MB/s card. */
const copyPages = 256

/** Opens a database. Rejects with {@link SqliteError}: SQLITE_CANTOPEN, SQLITE_NOTADB, SQLITE_BUSY (locked by another process) and so on. */
export async function openDatabase(path: string, options: OpenOptions): Promise<Database> {
  const flags = { create: sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE, existing: sqlite3.OPEN_READWRITE, readonly: sqlite3.OPEN_READONLY }[options.mode]
  const raw = await call<sqlite3.Database>(`open ${path}`, (done) => {
    const db: sqlite3.Database = new sqlite3.Database(path, flags | sqlite3.OPEN_FULLMUTEX, (error) => done(error, db))
  })
  const database = new SqliteDatabase(raw)
  if (options.setup !== undefined) {
    try {
      await database.exec(options.setup)
    } catch (error) {
      await database.close()
      throw error
    }
  }
  return database
}

interface RawStatement extends Statement { readonly raw: sqlite3.Statement }
/** The addon's backup object, which its type file leaves out. */
interface RawBackup {
  readonly completed: boolean
  step(pages: number, done: (error: Error | null) => void): void
  finish(done: (error: Error | null) => void): void
}

class SqliteDatabase implements Database {
  readonly #raw: sqlite3.Database
  readonly #direct: Connection
  readonly #statements = new Set<RawStatement>()
  #tail: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(raw: sqlite3.Database) {
    this.#raw = raw
    this.#direct = new DirectConnection(raw)
  }

  /** Runs `work` after every call before it, whether those failed or not. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(new SqliteError('SQLITE_MISUSE', 'database is closed'))
    const turn = this.#tail.then(work, work)
    this.#tail = turn
    return turn
  }

  exec(sql: string): Promise<void> { return this.#inTurn(() => this.#direct.exec(sql)) }
  run(sql: string | Statement, params: readonly SqlValue[] = []): Promise<number> { return this.#inTurn(() => this.#direct.run(sql, params)) }
  all<T>(sql: string | Statement, params: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> { return this.#inTurn(() => this.#direct.all(sql, params, decode)) }
  get<T>(sql: string | Statement, params: readonly SqlValue[], decode: (row: Row) => T): Promise<T | undefined> {
    return this.#inTurn(() => this.#direct.get(sql, params, decode))
  }

  prepare(sql: string): Promise<Statement> {
    return this.#inTurn(async () => {
      const statement = await call<RawStatement>(sql, (done) => {
        const raw: sqlite3.Statement = this.#raw.prepare(sql, (error: Error | null) => done(error, { sql, raw }))
      })
      this.#statements.add(statement)
      return statement
    })
  }

  transaction<T>(work: (tx: Connection) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      await this.#direct.exec('BEGIN IMMEDIATE')
      try {
        const result = await work(this.#direct)
        await this.#direct.exec('COMMIT')
        return result
      } catch (error) {
        await this.#rollback(error)
        throw error
      }
    })
  }

  async #rollback(cause: unknown): Promise<void> {
    try {
      await this.#direct.exec('ROLLBACK')
    } catch (error) {
      // SQLITE_FULL, SQLITE_IOERR and SQLITE_NOMEM may have rolled back already (sqlite.org/lang_transaction.html §3): then there is nothing
      // left to undo, which SQLite reports with its generic code.
      if (!(error instanceof SqliteError && error.code === 'SQLITE_ERROR')) throw new SqliteError('SQLITE_ABORT', 'rollback failed', { cause: new AggregateError([cause, error]) })
    }
  }

  async copyTo(path: string): Promise<void> {
    const backup = await this.#inTurn(() => call<RawBackup>(`back up to ${path}`, (done) => {
      const raw = (this.#raw as unknown as { backup(path: string, done: (error: Error | null) => void): RawBackup }).backup(path, (error) => done(error, raw))
    }))
    try {
      while (!backup.completed) await this.#inTurn(() => call<void>(`back up to ${path}`, (done) => backup.step(copyPages, (error) => done(error))))
    } finally {
      await this.#inTurn(() => call<void>(`back up to ${path}`, (done) => backup.finish((error) => done(error))))
    }
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled([this.#tail]).then(async () => {
      for (const { sql, raw } of this.#statements) await call<void>(sql, (done) => raw.finalize((error) => done(error)))
      await call<void>('close', (done) => this.#raw.close((error) => done(error)))
    })
    return this.#closing
  }
}

/** Calls straight through; the caller holds the turn. */
class DirectConnection implements Connection {
  readonly #raw: sqlite3.Database
  constructor(raw: sqlite3.Database) { this.#raw = raw }

  exec(sql: string): Promise<void> { return call(sql, (done) => this.#raw.exec(sql, (error) => done(error))) }

  run(sql: string | Statement, params: readonly SqlValue[] = []): Promise<number> {
    return call(textOf(sql), (done) => {
      const ended = function (this: sqlite3.RunResult, error: Error | null): void { done(error, this?.changes ?? 0) }
      if (typeof sql === 'string') this.#raw.run(sql, params, ended)
      else (sql as RawStatement).raw.run(params, ended)
    })
  }

  async all<T>(sql: string | Statement, params: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    const rows = await call<Row[]>(textOf(sql), (done) => {
      const ended = (error: Error | null, found: Row[]): void => done(error, found)
      if (typeof sql === 'string') this.#raw.all<Row>(sql, params, ended)
      else (sql as RawStatement).raw.all<Row>(params, ended)
    })
    return rows.map(decode)
  }

  async get<T>(sql: string | Statement, params: readonly SqlValue[], decode: (row: Row) => T): Promise<T | undefined> {
    const rows = await this.all(sql, params, decode)
    return rows[0]
  }
}

const textOf = (sql: string | Statement): string => (typeof sql === 'string' ? sql : sql.sql)

/** A callback of the addon as a promise; `what` goes into the message of a failure, cut short. */
function call<T>(what: string, start: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error) reject(new SqliteError((error as Error & { code?: string }).code ?? 'SQLITE_ERROR', `${error.message} (${what.slice(0, 80)})`, { cause: error }))
      else resolve(result as T)
    })
  })
}
