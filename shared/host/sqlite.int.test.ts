import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase, SqliteError } from './sqlite.ts'
import type { Database } from './sqlite.ts'

let folder: string
let db: Database
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-sqlite-'))
  db = await openDatabase(join(folder, 'a.db'), { mode: 'create', setup: 'PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, data BLOB)' })
})
afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true })
})
const names = (): Promise<string[]> => db.all('SELECT name FROM t ORDER BY id', [], (row) => String(row.name))

it('binds and returns numbers to 2^53, text, bytes and null', async () => {
  const big = 2 ** 53 - 1
  expect(await db.run('INSERT INTO t VALUES (?, ?, ?), (?, ?, ?)', [big, 'größe', Buffer.from([0, 255]), 1, '', null])).toBe(2)
  expect(await db.all('SELECT * FROM t WHERE id IN (?, ?) ORDER BY id', [1, big], (row) => row)).toEqual([{ id: 1, name: '', data: null }, { id: big, name: 'größe', data: Buffer.from([0, 255]) }])
  expect(await db.get('SELECT * FROM t WHERE id = ?', [2], (row) => row)).toBeUndefined()
})

it('runs prepared statements again and again, in and out of transactions', async () => {
  const insert = await db.prepare('INSERT INTO t (name) VALUES (?)')
  for (let i = 0; i < 5; i++) await db.run(insert, [`${i}`])
  await db.transaction((tx) => tx.run(insert, ['in']))
  expect(await names()).toEqual(['0', '1', '2', '3', '4', 'in'])
})

it('says which error by code, and goes on after it', async () => {
  await expect(db.run('INSERT INTO t (name) VALUES (?)', [null])).rejects.toMatchObject({ name: 'SqliteError', code: 'SQLITE_CONSTRAINT' })
  await expect(db.exec('SELEKT')).rejects.toMatchObject({ code: 'SQLITE_ERROR' })
  await expect(db.prepare('SELECT * FROM missing')).rejects.toThrow(/no such table: missing/)
  await expect(openDatabase(join(folder, 'none.db'), { mode: 'existing' })).rejects.toMatchObject({ code: 'SQLITE_CANTOPEN' })
  await expect(openDatabase(join(folder, 'a.db'), { mode: 'existing', setup: 'nonsense' })).rejects.toThrow(SqliteError)
  await expect(db.all('SELECT 1 AS one', [], () => { throw new TypeError('not what I expected') })).rejects.toThrow(TypeError)
  expect(await names()).toEqual([])
})

it('undoes a transaction that fails, and keeps other calls out of it', async () => {
  const failing = db.transaction(async (tx) => {
    await tx.run('INSERT INTO t (name) VALUES (?)', ['undone'])
    await tx.run('INSERT INTO t (name) VALUES (?)', [null])
  })
  const beside = db.run('INSERT INTO t (name) VALUES (?)', ['beside'])
  const following = db.transaction(async (tx) => {
    await tx.run('INSERT INTO t (name) VALUES (?)', ['following'])
    return await tx.get('SELECT count(*) AS n FROM t', [], (row) => row.n)
  })
  await expect(failing).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT' })
  await beside
  expect(await following).toBe(2)
  expect(await names()).toEqual(['beside', 'following'])
})

it('rolls back where the work itself throws', async () => {
  await expect(db.transaction(async (tx) => {
    await tx.run('INSERT INTO t (name) VALUES (?)', ['undone'])
    throw new RangeError('no')
  })).rejects.toThrow(RangeError)
  expect(await names()).toEqual([])
})

it('copies itself while it is being written to', async () => {
  await db.transaction(async (tx) => {
    for (let i = 0; i < 600; i++) await tx.run('INSERT INTO t (name, data) VALUES (?, ?)', [`${i}`, Buffer.alloc(4_000)])
  })
  const copying = db.copyTo(join(folder, 'b.db'))
  for (let i = 0; i < 10; i++) await db.run('INSERT INTO t (name) VALUES (?)', ['during'])
  await copying
  const copy = await openDatabase(join(folder, 'b.db'), { mode: 'readonly' })
  expect(await copy.get('PRAGMA quick_check', [], (row) => row.quick_check)).toBe('ok')
  expect(await copy.get('SELECT count(*) AS n FROM t', [], (row) => row.n)).toBeGreaterThanOrEqual(600)
  await expect(copy.run('DELETE FROM t')).rejects.toMatchObject({ code: 'SQLITE_READONLY' })
  await copy.close()
})

it('finishes what was asked before it closes, and refuses what comes after', async () => {
  const last = db.run('INSERT INTO t (name) VALUES (?)', ['last'])
  const closing = db.close()
  await expect(db.run('DELETE FROM t')).rejects.toMatchObject({ code: 'SQLITE_MISUSE' })
  expect(await last).toBe(1)
  await closing
  await db.close()
})
