/** The containers of this node as they are now: told by events, checked against the engine whenever the stream reconnects, ended and removed here. */
import type { Millis } from '../../../shared/base/brands.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { KeyedLock } from '../../../shared/base/keyed-lock.ts'
import { run, runOk } from '../../../shared/host/exec.ts'
import { readText } from '../../../shared/host/tree.ts'
import type { RuntimeEvent } from '../runtime.ts'
import * as argv from './argv.ts'
import type { ContainerIds } from './container-ids.ts'
import { oomKills, processesIn } from './cgroup.ts'
import type { LogLimits } from './log-room.ts'
import { LogWatch } from './logs.ts'
import { isAway, parseTasks, type EngineEvent } from './parse.ts'
import { isHeld, type ContainerRecord, type ExitRecord, type Records } from './records.ts'
import { recover, type Task } from './recover.ts'
import { removeRoots } from './rootfs.ts'
import { sendSignal, signalNumber } from '../signals.ts'
import type { Held, Holders } from './holder.ts'

export interface Entry {
  /** As it is on disk, once it is. */
  record: ContainerRecord
  pid: number | undefined
  startedAt: number | undefined
  exit: ExitRecord | undefined
  oom: boolean
  watch: LogWatch | undefined
  /** Settles when it has exited and the shim has written the last of its output. */
  readonly drained: Promise<void>
  readonly drain: () => void
  /** Settles with the exit. */
  readonly exited: Promise<void>
  readonly exitSeen: () => void
}

/** What the engine says it has, at one time or a little later. */
export interface EngineView { /** Ids of the containers that carry our label. */ readonly containers: readonly string[]; readonly tasks: ReadonlyMap<string, Task> }

export async function viewEngine(engine: argv.Engine): Promise<EngineView> {
  const [tasks, containers] = await Promise.all([runOk(argv.tasks(engine)), runOk(argv.containers(engine))])
  return { tasks: parseTasks(tasks.toString()), containers: containers.toString().split('\n').map((l) => l.trim()).filter(Boolean) }
}

export interface TableOptions { readonly view: () => Promise<EngineView>; readonly engine: argv.Engine; readonly records: Records; readonly clock: Clock; readonly log: Log; readonly locks: KeyedLock; readonly holders: Holders; readonly ids: Pick<ContainerIds, 'spoil'>; readonly logLimits: LogLimits; readonly emit: (event: RuntimeEvent) => void }
type ExitEvent = Extract<EngineEvent, { exitCode: number }>

/** containerd's own code for an end that nobody saw (`unknownExitCode` of its CRI plugin). */
const unknownExit = 255
/** 128 + SIGKILL. */
const killed = 137

export class ContainerTable {
  readonly #o: TableOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: TableOptions) { this.#o = options }

  get(id: string): Entry | undefined { return this.#entries.get(id) }
  all(): Entry[] { return [...this.#entries.values()] }
  named(sandboxId: string, name: string, attempt: number): Entry | undefined { return this.of(sandboxId).find(({ record }) => record.name === name && record.attempt === attempt) }
  of(sandboxId: string): Entry[] { return this.all().filter((e) => e.record.sandboxId === sandboxId) }

  add(record: ContainerRecord, known: { pid?: number | undefined; startedAt?: number | undefined; exit?: ExitRecord | undefined } = {}): Entry {
    const [exited, drained] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const entry: Entry = { record, pid: known.pid, startedAt: known.startedAt, exit: known.exit, oom: false, watch: undefined, drained: drained.promise, drain: drained.resolve, exited: exited.promise, exitSeen: exited.resolve }
    if (known.exit) { entry.exitSeen(); entry.drain() }
    this.#entries.set(record.id, entry)
    return entry
  }

  forget(id: string): void {
    const entry = this.#entries.get(id)
    entry?.watch?.[Symbol.dispose]()
    this.#entries.delete(id)
  }

  /** Forgets one that never came to be. Who has seen it in a list hears that it is gone: its next try has another id. */
  dismiss({ record }: Entry): void {
    this.forget(record.id)
    this.#o.emit({ type: 'removed', containerId: record.id, podUid: record.podUid })
  }

  /** Reads the records of an earlier life; folders torn by a crash are removed. */
  async load(): Promise<void> {
    const { whole, torn } = await this.#o.records.containers()
    await removeRoots(torn)
    for (const { record, exit, startedAt, pid } of whole) this.add(record, { exit, startedAt, pid })
  }

  /**
   * Makes the table agree with the engine: after a start, and each time events may have been missed. The engine's answer is older than its arrival: of what
   * was started or came meanwhile it says nothing that may be acted on.
   */
  async reconcile(): Promise<void> {
    const settled = new Set(this.all().filter((e) => !this.#starting.has(e.record.id)))
    const { containers, tasks } = await this.#o.view()
    const known = this.all().filter((e) => settled.has(e)).map((e) => ({ id: e.record.id, ended: e.exit !== undefined }))
    const ours = new Set(known.map((k) => k.id))
    const steps = recover(known, containers.filter((id) => ours.has(id) || !this.#entries.has(id)), tasks)
    await Promise.all(steps.map(async (step) => {
      const entry = this.#entries.get(step.id)
      switch (step.do) {
        case 'adopt': if (entry) await this.#adopt(entry, step.pid); return
        case 'collect': await this.#collect(step.id); return
        case 'lost': if (entry) await this.ended(entry, { exitCode: unknownExit, at: this.#o.clock.now(), message: 'the container ended while the agent was not running' }, false); return
        case 'discard':
          // With a record and no task: the engine may have ended while it created that.
          await this.#discard(step.id, step.alive)
          if (entry && !step.alive) await this.#o.ids.spoil(entry.record.sandboxId, step.id)
      }
    }))
  }

  readonly #starting = new Set<string>()
  /** Between record and first sight in the engine a container is left alone by {@link reconcile}. */
  starting(id: string, on: boolean): void { if (on) this.#starting.add(id); else this.#starting.delete(id) }

  async #adopt(entry: Entry, pid: number): Promise<void> {
    entry.pid = pid
    entry.startedAt ??= this.#o.clock.now()
    await this.watchLog(entry)
    await this.#hold(entry)
  }

  /** A holder that was ended with the agent before is replaced; what the container wrote meanwhile waits in its pipe. */
  async #hold({ record }: Entry): Promise<void> {
    const { holders, engine } = this.#o
    if (!isHeld(record) || await holders.alive(record.id)) return
    await holders.start(heldOf(record), argv.attachTask(engine, record.id))
  }

  async watchLog(entry: Entry): Promise<void> {
    if (entry.watch || entry.exit) return
    try {
      entry.watch = await LogWatch.open({ path: entry.record.logPath, indexPath: this.#o.records.logIndexPath(entry.record.id), startPath: this.#o.records.logStartPath(entry.record.id), limits: this.#o.logLimits, clock: this.#o.clock, log: this.#o.log })
    } catch (e) {
      // Without a watch the lines carry coarser times; the container itself is unharmed.
      this.#o.log.warn('log cannot be watched', { container: entry.record.id, error: e as Error })
    }
  }

  onEvent(event: EngineEvent): void {
    if (event.type === 'image' || event.type === 'mark') return
    const entry = this.#entries.get(event.id)
    if (!entry) return
    const { podUid, id } = entry.record
    switch (event.type) {
      case 'oom': entry.oom = true; this.#o.emit({ type: 'oom', containerId: id, podUid }); return
      case 'start':
        this.#starts.get(id)?.()
        // A start that was asked for by an agent killed since, and counted as lost: it must not run beside its successor.
        entry.startedAt ??= this.#o.clock.now()
        if (entry.exit) this.#background(id, () => this.#discard(id, true))
        else if (!this.#starting.has(id) && entry.pid === undefined) this.#background(id, () => this.reconcile())
        return
      case 'exit': case 'delete': {
        const exit: ExitEvent = event
        if (!entry.exit) this.#background(id, () => this.ended(entry, exit, event.type === 'exit'))
      }
    }
  }

  readonly #starts = new Map<string, () => void>()
  /** Resolves when the engine says that it runs. Ask before starting it. */
  whenStarted(id: string): Promise<void> { return new Promise((resolve) => this.#starts.set(id, () => { this.#starts.delete(id); resolve() })) }

  #background(id: string, work: () => Promise<void>): void {
    work().catch((e: unknown) => this.#o.log.error('container bookkeeping failed', { container: id, error: e as Error }))
  }

  /** Records an end, once. `collect` frees what the engine still holds for it. */
  async ended(entry: Entry, end: { exitCode: number; at: number; message?: string }, collect: boolean): Promise<void> {
    if (entry.exit) return
    const { record } = entry
    const finishedAt = Number.isFinite(end.at) && end.at > 0 ? end.at : this.#o.clock.now()
    const started = entry.startedAt ?? (entry.pid === undefined ? undefined : record.createdAt)
    // A child that was killed while its parent lived on is not the container's end.
    const exit: ExitRecord = { startedAt: started, finishedAt, exitCode: end.exitCode, oomKilled: entry.oom && end.exitCode === killed, message: end.message }
    entry.exit = exit
    try {
      // The event may come before or after this; the counter in the cgroup, which lives until the task is deleted, is certain.
      if (!exit.oomKilled && end.exitCode === killed && await oomKills(record.cgroupPath) > 0) entry.exit = { ...exit, oomKilled: true }
      try { await this.#o.records.saveExit(record.id, entry.exit) } finally {
        entry.exitSeen()
        this.#o.emit({ type: 'exited', containerId: record.id, podUid: record.podUid })
      }
      // The holder collects its task itself, and complains into the log where it is gone before.
      if (isHeld(record)) await this.#o.holders.ended(record.id)
      if (collect) await this.#o.locks.run(record.sandboxId, () => this.#collect(record.id))
      await entry.watch?.save()
    } finally {
      // Whatever the engine or the disk has refused: who removes it waits for this.
      entry.drain()
    }
  }

  /** Deletes an ended task and its container; waits until the shim has written its output. */
  async #collect(id: string): Promise<void> {
    const result = await run(argv.removeContainers(this.#o.engine, [id]))
    const message = result.stderr.toString()
    if (result.exitCode !== 0 && !/not found|no such container/i.test(message)) throw new Error(message.trim())
    const entry = this.#entries.get(id)
    // Missed while the agent was away: the engine's delete event tells the code; a stream that broke just now would leave it open for ever.
    if (entry && !entry.exit) {
      const timer = new AbortController()
      const seen = await Promise.race([entry.exited.then(() => true), this.#o.clock.sleep(5000, timer.signal).then(() => false, () => false)])
      timer.abort()
      if (!seen) await this.ended(entry, { exitCode: unknownExit, at: this.#o.clock.now(), message: 'the exit code was not seen' }, false)
    }
  }

  /** Ends and removes what the engine has under this id, whatever became of it. */
  discard(id: string): Promise<void> { return this.#discard(id, true) }

  async #discard(id: string, alive: boolean): Promise<void> {
    const { engine } = this.#o
    if (alive) await run(argv.killTask(engine, id))
    for (let i = 0; i < 50; i++) {
      const result = await run(argv.removeContainers(engine, [id]))
      const message = result.stderr.toString()
      if (result.exitCode === 0 || /not found/i.test(message)) return
      // What is left of it is found when the stream is connected again.
      if (isAway(message)) return
      await this.#o.clock.sleep(100)
    }
    throw new Error(`container ${id} is left over in the engine and cannot be deleted`)
  }

  /** Stop signal, then SIGKILL after `grace`. */
  async stop(entry: Entry, grace: Millis): Promise<void> {
    if (entry.exit) return
    if (grace > 0 && await this.#signal(entry, signalNumber(entry.record.stopSignal))) {
      const timer = new AbortController()
      const seen = await Promise.race([entry.exited.then(() => true), this.#o.clock.sleep(grace, timer.signal).then(() => false, () => false)])
      timer.abort()
      if (seen) return
    }
    await this.kill(entry)
  }

  /** SIGKILL to all of it; resolves when it has exited. */
  async kill(entry: Entry): Promise<void> {
    while (!entry.exit) {
      const alive = await this.#signal(entry, 9)
      for (const pid of await processesIn(entry.record.cgroupPath)) sendSignal(pid, 9)
      const timer = new AbortController()
      const seen = await Promise.race([entry.exited.then(() => true), this.#o.clock.sleep(2000, timer.signal).then(() => false, () => false)])
      timer.abort()
      if (seen) return
      // Dead, yet no event: the stream may be down. It reconciles when it is back; asked here as well for an event that was lost.
      if (!alive) await this.reconcile().catch((e: unknown) => this.#o.log.warn('engine cannot be asked', { error: e as Error }))
    }
  }

  /** False where its first process is gone. The pid is checked against the cgroup, for a pid may be another's by now. */
  async #signal(entry: Entry, signal: number): Promise<boolean> {
    if (entry.pid === undefined) return false
    const cgroup = await readText(`/proc/${entry.pid}/cgroup`)
    return cgroup?.includes(entry.record.id) === true && sendSignal(entry.pid, signal)
  }

  async remove(entry: Entry): Promise<void> {
    const { id, podUid, sandboxId } = entry.record
    await this.kill(entry)
    await entry.drained
    if (isHeld(entry.record)) await this.#o.holders.forget(id)
    await this.#o.locks.run(sandboxId, () => removeRoots([this.#o.records.containerFolder(id)]))
    if (this.#entries.get(id) !== entry) return
    this.forget(id)
    this.#o.emit({ type: 'removed', containerId: id, podUid })
  }

  /** Forgets everything at once: no event is heard, nothing is written. */
  abandon(): void { for (const id of [...this.#entries.keys()]) this.forget(id) }

  async close(): Promise<void> {
    for (const { watch } of this.#entries.values()) {
      await watch?.save()
      watch?.[Symbol.dispose]()
    }
  }
}

export const heldOf = (r: ContainerRecord): Held => ({ id: r.id, tty: r.tty, stdin: r.stdin === true, stdinOnce: r.stdinOnce === true, logPath: r.logPath })
