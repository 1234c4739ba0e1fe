/** A log file that is turned over at a size: lines are taken at once, written together, never waited for. */
import { mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { Clock, Log } from '../base/host.ts'
import { messageOf } from '../base/errors.ts'

export interface RotatingFileOptions {
  readonly path: string
  /** Turned over before it grows beyond this. */
  readonly maxBytes: number
  /** Old files kept beside it. */
  readonly maxBackups: number
  readonly clock: Clock
  readonly log: Log
  /** How long lines wait for company. Default 200 ms: nothing is written where nothing happens. */
  readonly batchMs?: number
}

/** Bytes that wait for a slow disk; more are refused. */
const MAX_WAITING = 8 << 20

export class RotatingFile {
  readonly #options: RotatingFileOptions
  #file: FileHandle | undefined
  #size = 0
  #waiting: string[] = []
  #waitingBytes = 0
  #timer: Disposable | undefined
  #writing: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: RotatingFileOptions) { this.#options = options }

  /** Opens the file, so that a path that cannot be written is known at the start. */
  async open(): Promise<void> {
    await mkdir(dirname(this.#options.path), { recursive: true })
    this.#file = await open(this.#options.path, 'a', 0o600)
    this.#size = (await this.#file.stat()).size
  }

  /** Takes a whole line. False: there is no room, and the line is not taken. */
  write(line: string): boolean {
    if (this.#closed || this.#waitingBytes + line.length > MAX_WAITING) return false
    this.#waiting.push(line)
    this.#waitingBytes += line.length
    this.#timer ??= this.#options.clock.after(this.#options.batchMs ?? 200, () => { this.#timer = undefined; this.#flush() })
    return true
  }

  #flush(): void {
    this.#writing = this.#writing.then(() => this.#writeBatch()).catch((e: unknown) => this.#options.log.error('writing a log file failed', { path: this.#options.path, error: messageOf(e) }))
  }

  async #writeBatch(): Promise<void> {
    const lines = this.#waiting
    const bytes = this.#waitingBytes
    this.#waiting = []
    this.#waitingBytes = 0
    if (!lines.length) return
    if (this.#size > 0 && this.#size + bytes > this.#options.maxBytes) await this.#turnOver()
    const data = Buffer.from(lines.join(''))
    await this.#file?.appendFile(data)
    this.#size += data.length
  }

  /** `audit-2026-01-01T00-00-00.000.log`, as upstream's lumberjack names them. */
  async #turnOver(): Promise<void> {
    const { path, clock, maxBackups } = this.#options
    await this.#file?.close()
    const extension = extname(path)
    const stem = basename(path, extension)
    const stamp = new Date(clock.now()).toISOString().slice(0, -1).replaceAll(':', '-')
    if (maxBackups > 0) await rename(path, join(dirname(path), `${stem}-${stamp}${extension}`))
    this.#file = await open(path, maxBackups > 0 ? 'a' : 'w', 0o600)
    this.#size = 0
    const old = (await readdir(dirname(path))).filter((name) => name.startsWith(`${stem}-`) && name.endsWith(extension) && /-\d{4}-\d\d-\d\dT/.test(name)).sort()
    for (const name of old.slice(0, Math.max(0, old.length - maxBackups))) await unlink(join(dirname(path), name))
  }

  /** Writes what waits and closes. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.[Symbol.dispose]()
    this.#flush()
    await this.#writing
    await this.#file?.close()
  }
}
