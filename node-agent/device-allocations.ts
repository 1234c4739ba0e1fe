/** Who has which device, in the agent's own file: what a pod has it keeps over a crash of the agent and a reboot. */
import type { Database } from '../shared/host/sqlite.ts'
import type { Held } from './kubelet/devices/allocation/plan.ts'
import type { DeviceStore } from './kubelet/devices/devices.ts'

/** For `openDatabase`: run where the file is new, harmless where it is not. */
export const deviceSchema = `CREATE TABLE IF NOT EXISTS device (uid TEXT NOT NULL, container TEXT NOT NULL, resource TEXT NOT NULL, device TEXT NOT NULL, unit INTEGER NOT NULL, numbers TEXT NOT NULL,
  PRIMARY KEY (uid, container, resource, device, unit)) WITHOUT ROWID`

const decode = (row: Readonly<Record<string, unknown>>): Held =>
  ({ uid: String(row.uid), container: String(row.container), resource: String(row.resource), device: String(row.device), unit: Number(row.unit), numbers: String(row.numbers) })

export function createDeviceStore(database: Database): DeviceStore {
  return {
    all: () => database.all('SELECT uid, container, resource, device, unit, numbers FROM device', [], decode),
    put: (held) => database.transaction(async (tx) => {
      for (const h of held) await tx.run('INSERT OR REPLACE INTO device (uid, container, resource, device, unit, numbers) VALUES (?, ?, ?, ?, ?, ?)', [h.uid, h.container, h.resource, h.device, h.unit, h.numbers])
    }),
    remove: (uids) => database.transaction(async (tx) => {
      for (const uid of uids) await tx.run('DELETE FROM device WHERE uid = ?', [uid])
    }),
  }
}
