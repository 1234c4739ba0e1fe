/** Programs run inside a running container by `runc exec`, which takes user, environment and folder from the container. */
import type { Millis } from '../../../shared/base/brands.ts'
import type { Clock } from '../../../shared/base/host.ts'
import { run } from '../../../shared/host/exec.ts'
import { makeFolder, readText, removeTree } from '../../../shared/host/tree.ts'
import { endLinesInside } from '../pty.ts'
import { openSession } from '../session.ts'
import type { ExecRequest, Session } from '../runtime.ts'
import { sendSignal } from '../signals.ts'
import * as argv from './argv.ts'
import { ignore } from '../../../shared/base/ignore.ts'

interface Place { readonly engine: argv.Engine; readonly clock: Clock; readonly stateDir: string; readonly id: string }
let serial = 0
/** Whatever empties /run while we live must not end all probes: the folder is made again. */
const nextPidFile = async (p: Place): Promise<string> => {
  await makeFolder(`${p.stateDir}/exec`)
  return pidFileOf(p)
}
const pidFileOf = (p: Place): string => `${p.stateDir}/exec/${process.pid}-${p.id.slice(0, 16)}-${serial++}`

/** The program in the container, which outlives a killed `runc exec`. */
async function killInside(pidFile: string): Promise<void> {
  const pid = Number(await readText(pidFile))
  if (pid > 1) sendSignal(pid, 9)
}

/** Longer than runc takes from one terminal to the other. */
const drain = 100

/** A second to end by itself once the program inside is killed. */
const aftermath = 1000

export async function execInContainer(request: Place & { argv: readonly string[]; timeout: Millis; maxBytes: number }): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer; timedOut: boolean }> {
  const pidFile = await nextPidFile(request)
  let timedOut = false
  using _timer = request.clock.after(request.timeout, () => { timedOut = true; void ignore(killInside(pidFile), 'it may have ended by itself') })
  try {
    const result = await run(argv.exec(request.engine, { id: request.id, pidFile, tty: false, argv: request.argv }), { timeout: request.timeout + aftermath, maxBytes: request.maxBytes })
    if (result.timedOut) await killInside(pidFile)
    const exitCode = result.exitCode === 255 ? startFailure(result.stderr.toString()) ?? 255 : result.exitCode
    return { exitCode, stdout: result.stdout, stderr: result.stderr, timedOut: timedOut || result.timedOut }
  } finally {
    await removeTree(pidFile)
  }
}

/** The shells' codes where runc could not start the program; undefined where 255 was the program's own. */
function startFailure(stderr: string): number | undefined {
  if (!/exec failed: unable to start container process/.test(stderr)) return undefined
  return /not found|no such file or directory/.test(stderr) ? 127 : /permission denied|is a directory|exec format error/.test(stderr) ? 126 : 128
}

export async function sessionInContainer(request: Place & { request: ExecRequest }): Promise<Session> {
  const pidFile = await nextPidFile(request)
  const { tty, stdin } = request.request
  const settleTerminal = async (outer: number): Promise<boolean> => {
    const inner = Number(await readText(pidFile))
    if (!(inner > 1)) return false
    await endLinesInside(outer, inner, () => request.clock.sleep(drain))
    return true
  }
  const command = argv.exec(request.engine, { id: request.id, pidFile, tty, argv: request.request.argv })
  const session = openSession({ command, tty, stdin, clock: request.clock, settleTerminal, killInside: () => killInside(pidFile) })
  void ignore(session.exit.then(() => removeTree(pidFile), () => removeTree(pidFile)), 'a file on a tmpfs that a reboot empties')
  return session
}
