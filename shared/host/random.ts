import { randomBytes, randomUUID } from 'node:crypto'
import type { Random } from '../base/host.ts'

export const systemRandom: Random = {
  float: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (n) => randomBytes(n),
  uuid: () => randomUUID(),
}
