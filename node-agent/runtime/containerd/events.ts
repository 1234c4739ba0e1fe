/** `ctr events` kept running: restarted when it ends, and known to be connected before anybody relies on it. */
import { createInterface } from 'node:readline'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { run, start } from '../../../shared/host/exec.ts'
import { RuntimeError } from '../runtime.ts'
import { createNamespace, events, markNamespace, type Engine } from './argv.ts'
import { parseEvent, type EngineEvent } from './parse.ts'
import { ignore } from '../../../shared/base/ignore.ts'

export interface EventStreamOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly log: Log
  readonly onEvent: (event: EngineEvent) => void
  /** Called, and awaited, each time the stream is connected: what happened before must be looked up, what happens after will be told. */
  readonly onConnected: () => Promise<void>
  /** Called with each attempt to connect, or connection, that fails. */
  readonly onLost: (message: string) => void
}

export class EventStream {
  readonly #o: EventStreamOptions
  readonly #stop = new AbortController()
  #ready: PromiseWithResolvers<void> = Promise.withResolvers()
  #connected = false
  #loop: Promise<void> | undefined
  #nonce = 0

  constructor(options: EventStreamOptions) {
    this.#o = options
    void ignore(this.#ready.promise, 'awaited by whoever needs the connection')
  }

  /** Resolves once connected and {@link EventStreamOptions.onConnected} has run; `unavailable` when the first attempt at hand fails. */
  ready(): Promise<void> {
    this.#loop ??= this.#run()
    return this.#connected ? Promise.resolve() : this.#ready.promise
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('closed'))
    await this.#loop
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#o
    for (let failures = 0; !this.#stop.signal.aborted;) {
      try {
        await this.#session(() => { failures = 0 })
      } catch (e) {
        if (this.#stop.signal.aborted) break
        log.warn('containerd is not reachable', { error: e as Error })
        const message = `containerd at ${this.#o.engine.address}: ${(e as Error).message}`
        this.#ready.reject(new RuntimeError('unavailable', message))
        this.#o.onLost(message)
      }
      if (this.#connected || failures > 0) { this.#connected = false; this.#ready = Promise.withResolvers(); void ignore(this.#ready.promise, 'awaited by whoever needs the connection') }
      // 0.1 s doubling to 3.2 s: a daemon restart takes about half a second.
      await ignore(clock.sleep(100 * 2 ** Math.min(failures++, 5), this.#stop.signal), 'an abort ends the loop at its head')
    }
    this.#ready.reject(new RuntimeError('unavailable', 'the driver is closed'))
  }

  /** One life of the event process. Rejects, or resolves, when it is over. */
  async #session(connected: () => void): Promise<void> {
    const { engine, onEvent, onConnected } = this.#o
    const child = start(events(engine), { stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr?.on('data', (d: Buffer) => { errors = (errors + d.toString()).slice(-2000) })
    const ended = new Promise<never>((_, reject) => {
      child.once('error', reject)
      child.once('close', (code) => reject(new Error(`event stream ended (${code ?? 'signal'}) ${errors.trim()}`)))
    })
    void ignore(ended, 'awaited below')
    const kill = (): void => { child.kill('SIGKILL') }
    this.#stop.signal.addEventListener('abort', kill, { once: true })
    const seen = new Set<string>()
    let marked: (() => void) | undefined
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = parseEvent(line, engine.namespace)
      if (event?.type === 'mark') { seen.add(event.nonce); marked?.() }
      else if (event) onEvent(event)
    })
    try {
      await Promise.race([this.#mark(seen, (fn) => { marked = fn }), ended])
      await Promise.race([onConnected(), ended])
      this.#connected = true
      connected()
      this.#ready.resolve()
      await ended
    } finally {
      this.#stop.signal.removeEventListener('abort', kill)
      kill()
    }
  }

  /** Causes an event and waits to see it: `ctr events` does not say when it has subscribed. */
  async #mark(seen: ReadonlySet<string>, onMark: (fn: () => void) => void): Promise<void> {
    const { engine, clock } = this.#o
    for (;;) {
      const nonce = `${Math.trunc(clock.now())}-${this.#nonce++}`
      const result = await run(markNamespace(engine, nonce), { timeout: 10_000, signal: this.#stop.signal })
      if (result.exitCode !== 0) {
        const created = await run(createNamespace(engine), { timeout: 10_000, signal: this.#stop.signal })
        if (created.exitCode !== 0) throw new Error(created.stderr.toString().trim() || result.stderr.toString().trim())
        continue
      }
      const arrived = new Promise<void>((resolve) => onMark(() => { if (seen.has(nonce)) resolve() }))
      if (seen.has(nonce)) return
      const timer = new AbortController()
      const got = await Promise.race([arrived.then(() => true), clock.sleep(100, timer.signal).then(() => false, () => false)])
      timer.abort()
      if (got) return
    }
  }
}
