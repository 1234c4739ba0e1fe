/**
 * Child processes: argv only, never a shell; output capped; a timeout or an aborted signal kills the process. The one place that spawns.
 */
import { spawn, type ChildProcessByStdio, type StdioOptions } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Millis } from '../base/brands.ts'

export interface ExecOptions {
  /** Written to stdin, which is then closed. */
  readonly input?: string | Buffer
  /** Killed with SIGKILL after this. Default 60 s. */
  readonly timeout?: Millis
  /** Bytes kept of stdout and of stderr; what comes after is dropped. Default 16 MiB. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

let started = 0
/** Child processes of this one since it began. */
export const spawned = (): number => started

export interface ExecResult { readonly exitCode: number; readonly stdout: Buffer; readonly stderr: Buffer; readonly timedOut: boolean; readonly truncated: boolean }

export class ExecError extends Error {
  override readonly name = 'ExecError'
  readonly argv: readonly string[]
  readonly result: ExecResult
  constructor(argv: readonly string[], result: ExecResult) {
    const last = result.stderr.toString().trim() || result.stdout.toString().trim()
    super(`${argv[0]} ${argv[1] ?? ''}: ${result.timedOut ? 'timed out' : `exit code ${result.exitCode}`}${last ? `: ${last.slice(-2000)}` : ''}`)
    this.argv = argv
    this.result = result
  }
}

function capped(stream: Readable, maxBytes: number): { read(): Buffer; truncated(): boolean } {
  const chunks: Buffer[] = []
  let size = 0
  let truncated = false
  stream.on('data', (chunk: Buffer) => {
    const room = maxBytes - size
    if (chunk.length > room) truncated = true
    if (room > 0) chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk)
    size += chunk.length
  })
  return { read: () => Buffer.concat(chunks), truncated: () => truncated }
}

/** Runs a program to its end. Rejects where it cannot be started (ENOENT) or `signal` aborts; a non-zero exit code is a result. */
export function run(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const [file, ...args] = argv
  if (file === undefined) throw new Error('run: empty argv')
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted()
    let timedOut = false
    const stdin = options.input === undefined ? 'ignore' : 'pipe'
    started++
    const child = spawn(file, args, { stdio: [stdin, 'pipe', 'pipe'], ...(options.env ? { env: options.env } : {}), ...(options.cwd ? { cwd: options.cwd } : {}) })
    // Without file descriptors to spare (EMFILE) there are no streams: the error alone says so, in its own event.
    if (!child.stdout || !child.stderr) { child.on('error', reject); return }
    const out = capped(child.stdout, options.maxBytes ?? 16 << 20)
    const err = capped(child.stderr, options.maxBytes ?? 16 << 20)
    const timer = setTimeout(() => { timedOut = true; child.kill('SIGKILL') }, options.timeout ?? 60_000)
    const abort = (): void => { child.kill('SIGKILL') }
    options.signal?.addEventListener('abort', abort, { once: true })
    const settle = (): void => { clearTimeout(timer); options.signal?.removeEventListener('abort', abort) }
    // A program may end without reading its input: the EPIPE then says nothing that the exit code does not.
    child.stdin?.on('error', (e: NodeJS.ErrnoException) => { if (e.code !== 'EPIPE') { settle(); reject(e) } })
    child.on('error', (e) => { settle(); reject(e) })
    child.on('close', (code, signal) => {
      settle()
      if (options.signal?.aborted) reject(options.signal.reason as Error)
      else resolve({ exitCode: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15), stdout: out.read(), stderr: err.read(), timedOut, truncated: out.truncated() || err.truncated() })
    })
    if (options.input !== undefined) child.stdin?.end(options.input)
  })
}

/** Like {@link run}, but a non-zero exit code or a timeout is an {@link ExecError}. Resolves with stdout. */
export async function runOk(argv: readonly string[], options: ExecOptions = {}): Promise<Buffer> {
  const result = await run(argv, options)
  if (result.exitCode !== 0 || result.timedOut) throw new ExecError(argv, result)
  return result.stdout
}

/** Starts a program whose streams the caller owns. The caller listens for `error` and `exit`. */
export function start(argv: readonly string[], options: { stdio?: StdioOptions; env?: NodeJS.ProcessEnv; cwd?: string; detached?: boolean } = {}): ChildProcessByStdio<Writable | null, Readable | null, Readable | null> {
  const [file, ...args] = argv
  if (file === undefined) throw new Error('start: empty argv')
  started++
  return spawn(file, args, { stdio: 'pipe', ...options }) as ChildProcessByStdio<Writable | null, Readable | null, Readable | null>
}
