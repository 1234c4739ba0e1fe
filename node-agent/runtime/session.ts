/** A program in a container with its streams joined to ours: {@link Session} over a child process. */
import type { Clock } from '../../shared/base/host.ts'
import { start } from '../../shared/host/exec.ts'
import { passPtyOutput, resizePty, withPty } from './pty.ts'
import type { ExecRequest, Session } from './runtime.ts'
import { ignore } from '../../shared/base/ignore.ts'

export interface SessionRequest extends Omit<ExecRequest, 'argv'> {
  /** Without a terminal around it; that is added where `tty`. */
  readonly command: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly clock: Clock
  /**
   * Where `tty`: settles who ends lines, given the pid of `runuser`; false while it is too early. Without it, the outer terminal passes all through
   * from its first moment (Docker's client does so by itself, after it has begun to pass on what the program says).
   */
  readonly settleTerminal?: (pid: number) => Promise<boolean>
  /** Ends the program inside; the command itself is ended besides. */
  readonly killInside: () => Promise<void>
}

/** `docker attach` ignores SIGTERM. Longer than `runuser` gives its own program, milliseconds. */
const stubborn = 3000

export function openSession(request: SessionRequest): Session {
  const child = start(request.tty ? withPty(request.command) : request.command, {
    stdio: [request.stdin || request.tty ? 'pipe' : 'ignore', 'pipe', 'pipe'], ...(request.env ? { env: request.env } : {}),
  })
  // The program may end without having read everything; its exit says so.
  child.stdin?.on('error', () => undefined)
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)))
  })
  void ignore(exit, 'awaited by the owner of the session')
  if (request.tty) child.stderr?.resume()
  const onTerminal = async (apply: (pid: number) => Promise<boolean>): Promise<void> => {
    // The first comes before runuser has made its terminal, and on a busy machine long before the engine has started the program: tried again for ten seconds.
    for (let i = 0; i < 500 && child.exitCode === null && child.signalCode === null; i++) {
      if (child.pid !== undefined && await apply(child.pid)) return
      await request.clock.sleep(20)
    }
  }
  if (request.tty) void ignore(onTerminal(request.settleTerminal ?? passPtyOutput), 'the process may have ended')
  let size: Promise<unknown> = Promise.resolve()
  return {
    stdin: request.stdin ? child.stdin ?? undefined : undefined,
    stdout: child.stdout!,
    stderr: request.tty ? undefined : child.stderr ?? undefined,
    resize: (columns, rows) => { if (request.tty && columns > 0 && rows > 0) size = ignore(size.then(() => onTerminal((pid) => resizePty(pid, columns, rows))), 'the process may have ended; the next size tries again') },
    exit,
    kill: () => {
      void ignore(request.killInside(), 'it may have ended by itself').finally(() => {
        child.kill('SIGTERM')
        const timer = request.clock.after(stubborn, () => child.kill('SIGKILL'))
        child.once('exit', () => timer[Symbol.dispose]())
      })
    },
  }
}
