/** Signal names and numbers of Linux, as an image's StopSignal writes them: `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`; and their sending. */
const numbers: Readonly<Record<string, number>> = {
  HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, BUS: 7, FPE: 8, KILL: 9, USR1: 10, SEGV: 11, USR2: 12, PIPE: 13, ALRM: 14, TERM: 15, STKFLT: 16, CHLD: 17, CONT: 18, STOP: 19, TSTP: 20, TTIN: 21, TTOU: 22,
  URG: 23, XCPU: 24, XFSZ: 25, VTALRM: 26, PROF: 27, WINCH: 28, IO: 29, PWR: 30, SYS: 31,
}

/** SIGTERM where the text names no signal. */
export function signalNumber(text: string): number {
  const name = text.trim().toUpperCase().replace(/^SIG/, '')
  const real = /^RTMIN(?:\+(\d+))?$/.exec(name)
  if (real) return 34 + Number(real[1] ?? 0)
  const number = Number(name)
  return numbers[name] ?? (Number.isInteger(number) && number > 0 && number < 65 ? number : 15)
}

/** False where there is no such process any more. */
export function sendSignal(pid: number, signal: number): boolean {
  try { process.kill(pid, signal); return true } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw e
  }
}
