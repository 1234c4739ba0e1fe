/** `bramble rotate`: new keys for what is stored and for what is signed, while the cluster runs. */
import type { Connection } from '../connection.ts'

export type Rotated = 'encryption-key' | 'token-key'

/** Resolves with a sentence for the person who asked. */
export async function rotate(connection: Connection, what: Rotated): Promise<string> {
  if (what === 'encryption-key') {
    const { key, rewritten } = await connection.call<{ key: string; rewritten: number }>('POST', '/bramble/v1/encryption-key/rotate')
    return `encryption key ${key} in use, ${rewritten} stored values rewritten; earlier keys stay in the key file for backups`
  }
  const { key, earlier } = await connection.call<{ key: string; earlier: string[] }>('POST', '/bramble/v1/token-key/rotate')
  return `tokens are signed with key ${key}; those of ${earlier.length} earlier ${earlier.length === 1 ? 'key' : 'keys'} stay good until they end`
}
