/** Pod addresses in a file of the agent's own, so that the same pods have the same addresses after a reboot. */
import type { Database } from '../shared/host/sqlite.ts'
import type { AllocationStore } from './network/network.ts'

const decode = (row: Readonly<Record<string, unknown>>): { uid: string; ip: string } => ({ uid: String(row.uid), ip: String(row.ip) })

/** For {@link openDatabase}: run where the file is new, harmless where it is not. */
export const allocationSchema = 'CREATE TABLE IF NOT EXISTS allocation (uid TEXT PRIMARY KEY, ip TEXT NOT NULL) WITHOUT ROWID'

export function createAllocations(database: Database): AllocationStore {
  return {
    all: () => database.all('SELECT uid, ip FROM allocation', [], decode),
    async put(uid, ip) { await database.run('INSERT OR REPLACE INTO allocation (uid, ip) VALUES (?, ?)', [uid, ip]) },
    async remove(uid) { await database.run('DELETE FROM allocation WHERE uid = ?', [uid]) },
  }
}
