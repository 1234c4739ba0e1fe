/**
 * How much of a log is kept. containerd's shim holds the file open and appends to it, so the file is neither renamed nor cut: its oldest part is given back to the disk
 * (`fallocate --punch-hole`), which loses no line that is written meanwhile. The file keeps its offsets; below `start` there are only holes.
 */
import { messageOf } from '../../../shared/base/errors.ts'
import type { Log } from '../../../shared/base/host.ts'
import { runOk } from '../../../shared/host/exec.ts'
import { readText, replaceText } from '../../../shared/host/tree.ts'

/** As the kubelet's `containerLogMaxSize` and `containerLogMaxFiles`: at most their product is kept, and at least one size less. */
export interface LogLimits { readonly maxBytes: number; readonly maxFiles: number }

const blockBytes = 4096

/** Where a log of `size` bytes that begins at `start` is to begin; the same where it has room. In whole blocks, a `maxBytes` at a time. */
export function nextStart(size: number, start: number, limits: LogLimits): number {
  if (size - start <= limits.maxBytes * limits.maxFiles) return start
  return Math.max(start, Math.floor((size - limits.maxBytes * (limits.maxFiles - 1)) / blockBytes) * blockBytes)
}

/** The first byte of a log that is still there; `path` is the note beside its index. */
export async function readStart(path: string): Promise<number> {
  const start = Number(await readText(path) ?? 0)
  return Number.isFinite(start) && start > 0 ? start : 0
}

/** Gives back what is too much. Resolves with where the log begins then. The note is written first: a reader never takes a hole for lines. */
export async function makeRoom(options: { path: string; startPath: string; size: number; start: number; limits: LogLimits; log: Log }): Promise<number> {
  const { path, startPath, start } = options
  const next = nextStart(options.size, start, options.limits)
  if (next === start) return start
  await replaceText(startPath, String(next))
  try {
    await runOk(['fallocate', '--punch-hole', '--offset', String(start), '--length', String(next - start), path])
  } catch (e) {
    options.log.warn('the oldest part of a log cannot be given back to the disk', { path, error: messageOf(e) })
  }
  return next
}
