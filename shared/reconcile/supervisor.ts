/** Runs named loops and keeps them running: no loop dies quietly. What is wrong with one is in the log and in `health`. */
import type { Millis } from '../base/brands.ts'
import { messageOf } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { backoffDelay } from './work-queue.ts'

export interface LoopHealth {
  readonly name: string
  /** `waiting`: it ended or failed and starts again after its back-off. */
  readonly state: 'running' | 'waiting' | 'stopped'
  readonly restarts: number
  readonly lastError: string | undefined
}

export interface Supervisor {
  /**
   * Starts the loop at once. It should run until its signal aborts; where it rejects, throws or returns before, that is logged and it is
   * started again after 1 s, doubling to 60 s, and back to 1 s once it has run for a minute. Names are unique among running loops.
   */
  run(name: string, loop: (signal: AbortSignal) => Promise<void>): AsyncDisposable
  health(): readonly LoopHealth[]
  /** Aborts all loops and resolves when all have ended. Idempotent. */
  close(): Promise<void>
}

const firstDelay: Millis = 1000
const maxDelay: Millis = 60_000

export function createSupervisor(host: Host): Supervisor {
  const log = host.log.child('supervisor')
  const loops = new Map<string, { health: LoopHealth; stop: AbortController; done: Promise<void> }>()
  let closed = false

  const supervise = async (name: string, loop: (signal: AbortSignal) => Promise<void>, signal: AbortSignal, report: (h: Partial<LoopHealth>) => void): Promise<void> => {
    let failures = 0
    for (let restarts = 0; !signal.aborted; restarts++) {
      const started = host.clock.monotonic()
      report({ state: 'running', restarts })
      let error: string
      try {
        await loop(signal)
        error = 'ended by itself'
      } catch (e) {
        error = messageOf(e)
        if (!signal.aborted) log.error('loop failed', { loop: name, error: e instanceof Error ? e : error })
      }
      if (signal.aborted) break
      if (host.clock.monotonic() - started >= maxDelay) failures = 0
      const delay = backoffDelay(failures++, firstDelay, maxDelay)
      report({ state: 'waiting', lastError: error })
      log.warn('loop will be restarted', { loop: name, error, delayMs: delay })
      try { await host.clock.sleep(delay, signal) } catch (e) { if (!signal.aborted) throw e }
    }
    report({ state: 'stopped' })
  }

  return {
    run(name, loop) {
      if (closed) throw new Error(`supervisor is closed; loop ${name} not started`)
      if (loops.get(name) && loops.get(name)?.health.state !== 'stopped') throw new Error(`loop ${name} is already running`)
      const stop = new AbortController()
      const entry = { health: { name, state: 'running', restarts: 0, lastError: undefined } as LoopHealth, stop, done: Promise.resolve() }
      loops.set(name, entry)
      entry.done = supervise(name, loop, stop.signal, (h) => { entry.health = { ...entry.health, ...h } })
      return { [Symbol.asyncDispose]: async () => { stop.abort(); await entry.done; if (loops.get(name) === entry) loops.delete(name) } }
    },
    health: () => [...loops.values()].map((l) => l.health),
    async close() {
      closed = true
      for (const l of loops.values()) l.stop.abort()
      await Promise.all([...loops.values()].map((l) => l.done))
    },
  }
}
