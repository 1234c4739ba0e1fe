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

/** The child of `runuser` has the terminal as its stdin. */
async function setPty(pid: number, settings: readonly string[]): Promise<boolean> {
  const child = (await readText(`/proc/${pid}/task/${pid}/children`))?.trim().split(' ')[0]
  if (!child) return false
  const terminal = await linkTarget(`/proc/${child}/fd/0`) ?? ''
  if (!/^\/dev\/pts\/\d+$/.test(terminal)) return false
  return (await run(['stty', '-F', terminal, ...settings])).exitCode === 0
}
