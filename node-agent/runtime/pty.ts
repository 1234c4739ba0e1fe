/**
 * A terminal for programs that want one. util-linux' `runuser --pty` gives its command a pseudo-terminal and hands bytes through; it takes an
 * argv (no shell), belongs to every Debian (Essential), and ends with the command's exit code.
 */
import { run } from '../../shared/host/exec.ts'
import { linkTarget, readText } from '../../shared/host/tree.ts'

/** The argv that runs `command` on a terminal of its own. */
export const withPty = (command: readonly string[]): string[] => ['runuser', '--pty', '-u', 'root', '--', ...command]

/** Sets the size of the terminal that `runuser` with this pid made; the kernel then signals SIGWINCH. False where there is none yet. */
export const resizePty = (pid: number, columns: number, rows: number): Promise<boolean> => setPty(pid, ['rows', String(rows), 'cols', String(columns)])

/** Passes output through as it is: a program that puts a terminal of its own behind it (`ctr --tty`) has its lines ended there already. */
export const passPtyOutput = (pid: number): Promise<boolean> => setPty(pid, ['-opost'])

/**
 * Takes a session of `runc exec --tty` from runc's arrangement (`\n` becomes `\r\n` on the outer terminal, never in the container's) to the one
 * every other runtime has: the program's own terminal ends lines, and what it sends in raw mode arrives as it is. `outer` is `runuser`,
 * `inner` a program on the container's terminal. To be called once runc has prepared both, which is when it writes its pid file.
 */
export async function endLinesInside(outer: number, inner: number, drained: () => Promise<void>): Promise<void> {
  const terminal = `/proc/${inner}/fd/0`
  const now = await run(['stty', '-a', '-F', terminal])
  // A full-screen program that has set its modes already keeps them.
  if (now.exitCode === 0 && / icanon\b/.test(now.stdout.toString())) await run(['stty', '-F', terminal, 'onlcr'])
  // What was written before that is on its way through the outer terminal still: twice \r shows as one, none as a staircase.
  await drained()
  await passPtyOutput(outer)
}

/** The child of `runuser` has the terminal as its stdin. */
async function setPty(pid: number, settings: readonly string[]): Promise<boolean> {
  const child = (await readText(`/proc/${pid}/task/${pid}/children`))?.trim().split(' ')[0]
  if (!child) return false
  const terminal = await linkTarget(`/proc/${child}/fd/0`) ?? ''
  if (!/^\/dev\/pts\/\d+$/.test(terminal)) return false
  return (await run(['stty', '-F', terminal, ...settings])).exitCode === 0
}
