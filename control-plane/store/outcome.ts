import type { Revision } from '../../shared/base/brands.ts'
import type { Change, Entry, Write, WriteResult } from './store.ts'

/** Refuses what no backend takes, by name. Throws RangeError: such a write is a bug of the caller. */
export function checkWrite(write: Write): void {
  if (write.key === '') throw new RangeError('write: empty key')
  if (write.type !== 'put' || write.ttlSeconds === undefined) return
  if (write.durability !== 'volatile') throw new RangeError(`write of ${write.key}: ttlSeconds needs durability volatile, not ${write.durability}`)
  if (!(write.ttlSeconds > 0)) throw new RangeError(`write of ${write.key}: ttlSeconds must be above 0, not ${write.ttlSeconds}`)
}

/** The comparison and what follows from it: the change to make at revision `next`, or a conflict. The one place that says what a write means. */
export function outcome({ write, current, next }: { write: Write; current: Entry | undefined; next: Revision }): { result: WriteResult; change?: Change } {
  if ((current?.modRevision ?? 0) !== write.expect || (write.type === 'delete' && !current)) return { result: { ok: false, current } }
  const entry: Entry = write.type === 'put'
    ? {
        key: write.key,
        value: owned(typeof write.value === 'function' ? write.value(next) : write.value),
        createRevision: current?.createRevision ?? next,
        modRevision: next,
      }
    : { ...current!, modRevision: next }
  return { result: { ok: true, revision: next, entry }, change: { type: write.type, entry, previous: current } }
}

/**
 * The value without what it shares memory with. Small buffers are slices of a common block of Node's, which one kept slice keeps alive whole: the
 * values a store keeps for months would each hold a block of others long gone.
 */
function owned(value: Buffer): Buffer {
  if (value.buffer.byteLength <= value.length * 2) return value
  const copy = Buffer.allocUnsafeSlow(value.length)
  value.copy(copy)
  return copy
}
