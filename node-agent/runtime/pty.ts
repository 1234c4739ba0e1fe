/**
 * A terminal for programs that want one. util-linux' `runuser --pty` gives its command a pseudo-terminal and hands bytes through; it takes an
 * argv (no shell), belongs to every Debian (Essential), and ends with the command's exit code.
 */
import { run } from '../../shared/host/exec.ts'
import { linkTarget, readText } from '../../shared/host/tree.ts'

/** The argv that runs `command` on a terminal of its own. */
export const withPty = (command: readonly string[]): string[] => ['runuser', '--pty', '-u', 'root', '--', ...command]

/** Sets the size of the terminal that `runuser` with this pid made: its child has it as stdin; the kernel then signals SIGWINCH. */
export async function resizePty(pid: number, columns: number, rows: number): Promise<boolean> {
  const child = (await readText(`/proc/${pid}/task/${pid}/children`))?.trim().split(' ')[0]
  if (!child) return false
  const terminal = await linkTarget(`/proc/${child}/fd/0`) ?? ''
  if (!/^\/dev\/pts\/\d+$/.test(terminal)) return false
  return (await run(['stty', '-F', terminal, 'rows', String(rows), 'cols', String(columns)])).exitCode === 0
}
