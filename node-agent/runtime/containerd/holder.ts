/**
 * Containers with input or a terminal. Their streams need somebody who holds the other end for as long as they live: a `ctr` in the foreground, in a session
 * of its own, that outlives this agent. Its input is a named pipe, its output the container's log, so that neither agent nor client holds a container up.
 */
import type { ChildProcess } from 'node:child_process'
import { Readable, type Writable } from 'node:stream'
import { ignore } from '../../../shared/base/ignore.ts'
import type { Clock } from '../../../shared/base/host.ts'
import { start } from '../../../shared/host/exec.ts'
import { appendFd, closeFd, fifoWriter, makeFifo, openFifo, type FifoEnds } from '../../../shared/host/fifo-stream.ts'
import { fileFacts, makeFolder, readAt, readText, removeTree, watchFile, writeText } from '../../../shared/host/tree.ts'
import { passPtyOutput, resizePty, withPty } from '../pty.ts'
import type { Session } from '../runtime.ts'

export interface Held {
  readonly id: string
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdinOnce: boolean
  readonly logPath: string
}

const blockSize = 64 << 10
/** A holder ends with its container; one that does not is not waited for longer, milliseconds. */
const aftermath = 5000

export class Holders {
  readonly #folder: string
  readonly #clock: Clock
  readonly #children = new Map<string, ChildProcess>()
  /** Of containers whose input ends with its first client: what keeps it open until then. */
  readonly #keepers = new Map<string, FifoEnds>()

  /** `folder` is on a tmpfs: a reboot, which ends every holder, empties it. */
  constructor(options: { folder: string; clock: Clock }) { this.#folder = options.folder; this.#clock = options.clock }

  #input(id: string): string { return `${this.#folder}/${id.slice(0, 32)}.in` }
  #pidFile(id: string): string { return `${this.#folder}/${id.slice(0, 32)}.pid` }

  /** Starts `command` as the holder. Its own complaints go where the container's output goes. */
  async start(held: Held, command: readonly string[]): Promise<ChildProcess> {
    const { id, tty } = held
    await makeFolder(this.#folder)
    await makeFifo(this.#input(id))
    const once = held.stdinOnce && !tty
    const ends = openFifo(this.#input(id), once)
    const log = appendFd(held.logPath)
    try {
      const child = start(tty ? withPty(command) : command, { stdio: [ends.child, log, log], detached: true })
      child.unref()
      child.once('exit', () => { this.#children.delete(id) })
      // Reported by whoever waits for the container to start.
      child.once('error', () => { this.#children.delete(id) })
      this.#children.set(id, child)
      if (child.pid !== undefined) await writeText(this.#pidFile(id), String(child.pid))
      if (once) this.#keepers.set(id, ends)
      else ends[Symbol.dispose]()
      return child
    } finally {
      closeFd(ends.child)
      closeFd(log)
    }
  }

  /** To be called once the container runs: `ctr` has prepared its terminal by then. */
  async started({ id, tty }: Held): Promise<void> {
    const pid = tty ? await this.#pid(id) : undefined
    if (pid !== undefined) await passPtyOutput(pid)
  }

  async #pid(id: string): Promise<number | undefined> {
    const pid = this.#children.get(id)?.pid ?? Number(await readText(this.#pidFile(id)) ?? 0)
    if (!(pid > 1)) return undefined
    return (await readText(`/proc/${pid}/cmdline`))?.includes(id) ? pid : undefined
  }

  async alive(id: string): Promise<boolean> { return (await this.#pid(id)) !== undefined }

  /** Resolves when the holder has written the last of the output. */
  async ended(id: string): Promise<void> {
    const until = this.#clock.monotonic() + aftermath
    while (await this.alive(id) && this.#clock.monotonic() < until) await this.#clock.sleep(20)
  }

  async forget(id: string): Promise<void> {
    this.#keepers.get(id)?.[Symbol.dispose]()
    this.#keepers.delete(id)
    await Promise.all([removeTree(this.#input(id)), removeTree(this.#pidFile(id))])
  }

  /** Output from now on, both streams as one; input where the container has one. Ends with the container, or when it is killed, which leaves the container alone. */
  async attach(held: Held, request: { readonly stdin: boolean; readonly over: Promise<void> }): Promise<Session> {
    const { id, logPath } = held
    const pid = await this.#pid(id)
    const stop = new AbortController()
    const from = (await fileFacts(logPath))?.size ?? 0
    const stdout = Readable.from(follow({ path: logPath, from, over: request.over, signal: stop.signal }), { objectMode: false, highWaterMark: blockSize })
    const stdin = request.stdin && held.stdin ? this.#writer(held) : undefined
    const exit = Promise.withResolvers<number>()
    stdout.once('close', () => {
      stdin?.destroy()
      exit.resolve(0)
    })
    let size: Promise<unknown> = Promise.resolve()
    return {
      stdin, stdout, stderr: undefined, exit: exit.promise,
      resize: (columns, rows) => { if (held.tty && pid !== undefined) size = ignore(size.then(() => resizePty(pid, columns, rows)), 'the next size tries again') },
      kill: () => {
        stdin?.end()
        stop.abort()
      },
    }
  }

  #writer({ id }: Held): Writable {
    const writer = fifoWriter(this.#input(id))
    // Its last client gone, the input of such a container is closed for good.
    writer.once('close', () => {
      this.#keepers.get(id)?.[Symbol.dispose]()
      this.#keepers.delete(id)
    })
    return writer
  }
}

/** The bytes appended to a file from an offset on, until `over` has settled and all was read. */
async function* follow(request: { path: string; from: number; over: Promise<void>; signal: AbortSignal }): AsyncGenerator<Buffer> {
  const { path, signal } = request
  let wake: () => void = () => undefined
  let [ended, changed] = [false, false]
  const notify = (): void => { changed = true; wake() }
  void request.over.then(() => { ended = true; notify() })
  signal.addEventListener('abort', notify, { once: true })
  using _watch = watchFile(path, notify)
  for (let at = request.from; !signal.aborted;) {
    const last = ended
    changed = false
    for (let block = await readAt(path, at, blockSize); block.length > 0 && !signal.aborted; block = await readAt(path, at, blockSize)) {
      at += block.length
      yield block
    }
    if (last) return
    if (!changed) await new Promise<void>((resolve) => { wake = resolve })
  }
}
