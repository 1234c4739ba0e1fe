/** Log files that containerd's shim appends to: indexed by time while the agent watches, read backwards for a tail, followed by inotify. */
import type { Clock, Log } from '../../../shared/base/host.ts'
import { fileFacts, readAt, readText, replaceText, watchFile } from '../../../shared/host/tree.ts'
import type { LogLine, LogOptions } from '../runtime.ts'
import { LogIndex, type LogMark } from './log-index.ts'
import { makeRoom, nextStart, readStart, type LogLimits } from './log-room.ts'
import { ignore } from '../../../shared/base/ignore.ts'

export interface LogRoom { readonly path: string; readonly startPath: string; readonly limits: LogLimits; readonly log: Log }
interface WatchOptions extends LogRoom { readonly indexPath: string; readonly clock: Clock }

/** Size and time of one container's log, kept while it runs. */
export class LogWatch implements Disposable {
  readonly #path: string
  readonly #indexPath: string
  readonly #clock: Clock
  readonly #index: LogIndex
  readonly #room: LogRoom
  #start: number
  #shrinking: Promise<void> | undefined
  readonly #watcher: Disposable
  #pending: Disposable | undefined

  private constructor(options: WatchOptions, index: LogIndex, start: number) {
    this.#room = options
    this.#start = start
    this.#path = options.path
    this.#indexPath = options.indexPath
    this.#clock = options.clock
    this.#index = index
    // One look for many writes: at most 20 a second, whatever the container prints.
    this.#watcher = watchFile(this.#path, () => { this.#pending ??= this.#clock.after(50, () => { this.#pending = undefined; void ignore(this.look(), 'the next change looks again') }) })
  }

  /** `path` exists. What was written while nobody watched is dated by the file's last change. */
  static async open(options: WatchOptions): Promise<LogWatch> {
    const [index, start] = await Promise.all([readIndex(options.indexPath), readStart(options.startPath)])
    const watch = new LogWatch(options, index, start)
    const facts = await fileFacts(options.path)
    if (facts) index.add({ end: facts.size, time: facts.mtimeMs })
    return watch
  }

  get index(): LogIndex { return this.#index }
  /** The first byte that is kept. */
  get start(): number { return this.#start }

  async look(): Promise<void> {
    const facts = await fileFacts(this.#path)
    if (!facts) return
    this.#index.add({ end: facts.size, time: Math.min(facts.mtimeMs, this.#clock.now()) })
    if (nextStart(facts.size, this.#start, this.#room.limits) !== this.#start) await (this.#shrinking ??= this.#shrink(facts.size))
  }

  async #shrink(size: number): Promise<void> {
    try { this.#start = await makeRoom({ ...this.#room, size, start: this.#start }) } finally { this.#shrinking = undefined }
  }

  /** Writes the index beside the container's record: once, when it has ended or the agent does. */
  async save(): Promise<void> {
    await this.look()
    if (this.#index.marks.length > 0) await replaceText(this.#indexPath, JSON.stringify(this.#index.marks))
  }

  [Symbol.dispose](): void { this.#watcher[Symbol.dispose](); this.#pending?.[Symbol.dispose]() }
}

export async function readIndex(path: string): Promise<LogIndex> {
  const text = await readText(path)
  if (!text) return new LogIndex()
  try { return new LogIndex(JSON.parse(text) as LogMark[]) } catch { return new LogIndex() }
}

export interface LogRequest {
  readonly path: string
  readonly options: LogOptions
  readonly signal: AbortSignal
  readonly index: () => LogIndex
  /** The first byte that is kept; it grows while a log that has no room left is read. */
  readonly start: () => number
  readonly now: () => number
  /** Brings the index up to date with the file. */
  readonly look: () => Promise<void>
  /** Nothing more will be written. */
  readonly ended: () => boolean
  /** Calls back once when {@link ended} may have become true. */
  readonly onEnd: (fn: () => void) => void
}

const blockSize = 64 * 1024
/** A line without an end is given out in pieces of this, as CRI does. */
const longestLine = 16 * 1024

export async function* readLog(request: LogRequest): AsyncGenerator<LogLine> {
  const { path, options, signal } = request
  let wake = (): void => undefined
  let changed = false
  const notify = (): void => { changed = true; wake() }
  if ((await fileFacts(path)) === undefined) return
  using _watcher = options.follow ? watchFile(path, notify) : undefined
  signal.addEventListener('abort', notify, { once: true })
  if (options.follow) request.onEnd(notify)
  let offset = await startOffset(request)
  let rest: Buffer = Buffer.alloc(0)
  let last = 0
  // What the index does not know is dated by the clock, which may be behind the file's own times.
  const stamp = (at: number, line: Buffer): LogLine => { last = Math.max(last, request.index().timeAt(at, request.now())); return { time: rfc3339Nano(last), line } }
  while (!signal.aborted) {
    const ended = request.ended()
    changed = false
    await request.look()
    for (;;) {
      // A reader so slow that what it comes to is no longer kept goes on with what is.
      if (offset < request.start()) { offset = await alignedAfter(path, request.start(), (await fileFacts(path))?.size ?? 0); rest = Buffer.alloc(0) }
      const block = await readAt(path, offset + rest.length, blockSize)
      if (block.length === 0 || signal.aborted) break
      // Written since that look: it is told with the time that the index keeps, or who asks later for what came since would miss what follows.
      if (offset + rest.length + block.length > request.index().end) await request.look()
      const data = rest.length > 0 ? Buffer.concat([rest, block]) : block
      const { lines, used } = cutLines(data)
      for (const line of lines) { yield stamp(offset, line); offset += line.length }
      rest = Buffer.from(data.subarray(used))
    }
    if (ended || !options.follow) break
    if (!changed) await new Promise<void>((resolve) => { wake = resolve; if (changed || request.ended()) resolve() })
    if (((await fileFacts(path))?.size ?? 0) < offset + rest.length) { offset = 0; rest = Buffer.alloc(0) }
  }
  if (rest.length > 0 && !signal.aborted) yield stamp(offset, rest)
}

function cutLines(data: Buffer): { lines: Buffer[]; used: number } {
  const lines: Buffer[] = []
  let used = 0
  for (;;) {
    const newline = data.indexOf(10, used)
    if (newline >= 0 && newline - used < longestLine) { lines.push(data.subarray(used, newline + 1)); used = newline + 1 }
    else if (data.length - used >= longestLine) { lines.push(data.subarray(used, used + longestLine)); used += longestLine }
    else return { lines, used }
  }
}

/** RFC 3339 with nanoseconds from milliseconds that may have a fraction. */
export function rfc3339Nano(ms: number): string {
  const whole = Math.floor(ms)
  return new Date(whole).toISOString().replace('Z', `${String(Math.round((ms - whole) * 1e6)).padStart(6, '0').slice(0, 6)}Z`)
}

async function startOffset(request: LogRequest): Promise<number> {
  const { options, path } = request
  const size = (await fileFacts(path))?.size ?? 0
  const since = await alignedAfter(path, Math.max(request.start(), options.since === undefined ? 0 : request.index().offsetAt(options.since)), size)
  if (options.tailLines === undefined) return since
  return Math.max(since, await tailOffset(path, request.start(), size, options.tailLines))
}

/** The start of the first whole line at or after `offset`. */
async function alignedAfter(path: string, offset: number, size: number): Promise<number> {
  if (offset === 0) return 0
  for (let at = offset - 1; at < size; at += blockSize) {
    const block = await readAt(path, at, blockSize)
    const newline = block.indexOf(10)
    if (newline >= 0) return at + newline + 1
    if (block.length === 0) break
  }
  return size
}

/** Where the last `count` lines begin, read in blocks from the end. */
async function tailOffset(path: string, start: number, size: number, count: number): Promise<number> {
  if (count <= 0) return size
  let lines = 0
  for (let end = size; end > start;) {
    const begin = Math.max(start, end - blockSize)
    const block = await readAt(path, begin, end - begin)
    for (let i = block.length - 1; i >= 0; i--) {
      // The newline at the very end closes the last line; each one before it opens a later line.
      if (block[i] === 10 && begin + i !== size - 1 && ++lines === count) return begin + i + 1
    }
    end = begin
  }
  return start
}
