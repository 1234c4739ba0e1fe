/** Programs run inside a running container. One outlives its client and its pid is not told: a variable in its environment finds it again. */
import type { Millis } from '../../../shared/base/brands.ts'
import type { Clock } from '../../../shared/base/host.ts'
import { run } from '../../../shared/host/exec.ts'
import { readText } from '../../../shared/host/tree.ts'
import { processesIn } from '../containerd/cgroup.ts'
import { lastError } from '../containerd/parse.ts'
import { RuntimeError, type ExecRequest, type Session } from '../runtime.ts'
import { openSession } from '../session.ts'
import { sendSignal } from '../signals.ts'
import * as argv from './argv.ts'

interface ExecsOptions { readonly engine: argv.Engine; readonly clock: Clock; /** Undefined where there is no such container. */ cgroupOf(id: string): string | undefined }

export class Execs {
  readonly #o: ExecsOptions
  #serial = 0
  constructor(options: ExecsOptions) { this.#o = options }

  /** Runs it to its end, or to that of `timeout`. `unavailable` where the engine is away, which says nothing of the container. */
  async run(id: string, command: readonly string[], timeout: Millis, maxBytes: number): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer; timedOut: boolean }> {
    const { mark, marked } = this.#marked(argv.exec(this.#o.engine, { id, stdin: false, tty: false, argv: command }))
    const r = await run(marked, { timeout, maxBytes })
    if (r.timedOut) await this.#kill(id, mark)
    if (r.exitCode === 1 && /^(Cannot connect to the Docker daemon|error during connect)/.test(r.stderr.toString())) throw new RuntimeError('unavailable', lastError(r.stderr.toString()))
    return { exitCode: r.exitCode, stdout: r.stdout, stderr: r.stderr, timedOut: r.timedOut }
  }

  open(id: string, request: ExecRequest): Session {
    const { mark, marked } = this.#marked(argv.exec(this.#o.engine, { id, ...request }))
    return openSession({ command: marked, tty: request.tty, stdin: request.stdin, clock: this.#o.clock, killInside: () => this.#kill(id, mark) })
  }

  #marked(command: readonly string[]): { mark: string; marked: string[] } {
    const mark = `BRAMBLE_EXEC=${process.pid}-${this.#serial++}`
    const at = command.indexOf('exec') + 1
    return { mark, marked: [...command.slice(0, at), `--env=${mark}`, ...command.slice(at)] }
  }

  async #kill(id: string, mark: string): Promise<void> {
    const cgroup = this.#o.cgroupOf(id)
    if (cgroup === undefined) return
    let found = false
    // On a busy machine the engine may start it only now.
    for (let look = 0; look < 5 && !found; look++) {
      if (look > 0) await this.#o.clock.sleep(100 * 2 ** look)
      for (const pid of await processesIn(cgroup)) {
        const env = await readText(`/proc/${pid}/environ`)
        if (!env?.split('\0').includes(mark)) continue
        found = true
        sendSignal(pid, 9)
      }
    }
  }
}
