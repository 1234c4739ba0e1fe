/**
 * The background programs of `npm run up`: each has a pid file and a log file. A pid file names the process and when it started, so
 * that a recycled pid is never taken for ours.
 */
import { open, mkdir, readFile, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { start } from '../shared/host/exec.ts'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import { ignore } from '../shared/base/ignore.ts'

export type ServiceName = 'containerd' | 'dockerd' | 'control-plane' | 'node-agent'

/** Field 22 of `/proc/PID/stat`: start time in ticks since boot. Undefined where there is no such process, or only its corpse. */
async function startTime(pid: number): Promise<string | undefined> {
  const stat = await ignore(readIfThere(`/proc/${pid}/stat`), 'ESRCH: it ended while we looked')
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === 'Z' ? undefined : fields?.[19]
}

export class Services {
  readonly #dir: string
  constructor(dir: string) { this.#dir = dir }

  logFile(name: ServiceName): string { return join(this.#dir, `${name}.log`) }
  #pidFile(name: ServiceName): string { return join(this.#dir, `${name}.pid`) }

  /** The pid of a service that runs. */
  async running(name: ServiceName): Promise<number | undefined> {
    const [pid, started] = (await readIfThere(this.#pidFile(name)) ?? '').split(' ')
    return pid && started && await startTime(Number(pid)) === started ? Number(pid) : undefined
  }

  /** Starts a service in a session of its own: it outlives this program. Its output is appended to the log file. */
  async start(name: ServiceName, argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    const log = await open(this.logFile(name), 'a')
    const child = start(argv, { stdio: ['ignore', log.fd, log.fd], detached: true, env })
    await new Promise<void>((resolve, reject) => { child.once('spawn', resolve); child.once('error', reject) })
    await log.close()
    child.unref()
    const pid = child.pid as number
    await writeFileAtomic(this.#pidFile(name), `${pid} ${await startTime(pid)}`)
    return pid
  }

  /** SIGTERM, then SIGKILL after `patience` milliseconds. Resolves when it is gone. Nothing where it does not run. */
  async stop(name: ServiceName, patience = 15_000): Promise<boolean> {
    const pid = await this.running(name)
    if (pid !== undefined) {
      process.kill(pid, 'SIGTERM')
      const deadline = performance.now() + patience
      while (await this.running(name) !== undefined) {
        if (performance.now() > deadline) process.kill(pid, 'SIGKILL')
        await sleep(50)
      }
    }
    await rm(this.#pidFile(name), { force: true })
    return pid !== undefined
  }

  /** The last lines of a log, for an error message. */
  async tail(name: ServiceName, lines = 15): Promise<string> {
    const text = await readFile(this.logFile(name), 'utf8').catch(() => '(no log)')
    return text.trimEnd().split('\n').slice(-lines).join('\n')
  }

  /**
   * Waits until `ready` answers something, while the service lives. Throws with the end of its log where it died or `patience` ran out.
   * `ready` answers undefined for "not yet".
   */
  async until<T>(name: ServiceName, what: string, ready: () => Promise<T | undefined>, patience = 60_000): Promise<T> {
    const deadline = performance.now() + patience
    for (;;) {
      const answer = await ready()
      if (answer !== undefined) return answer
      if (await this.running(name) === undefined) throw new Error(`${name} has ended; its log ends with:\n${await this.tail(name)}`)
      if (performance.now() > deadline) throw new Error(`${what}: not after ${patience / 1000} s; the log of ${name} ends with:\n${await this.tail(name)}`)
      await sleep(100)
    }
  }
}

/** Does something listen on this Unix socket? */
export function listening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => { socket.destroy(); resolve(true) })
    socket.once('error', () => resolve(false))
  })
}

/** Does another program listen on this TCP port? */
export function portTaken(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (e: NodeJS.ErrnoException) => (e.code === 'EADDRINUSE' ? resolve(true) : reject(e)))
    probe.listen(port, '0.0.0.0', () => probe.close(() => resolve(false)))
  })
}
