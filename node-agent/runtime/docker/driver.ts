/**
 * {@link Runtime} on Docker's CLI. A pod is a pause container that holds the namespaces; its network is attached by the agent, not by Docker.
 * Docker keeps the records (labels, exit codes, logs); memory mirrors them, refreshed by `docker events`.
 */
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import type { Millis } from '../../../shared/base/brands.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { KeyedLock } from '../../../shared/base/keyed-lock.ts'
import { run, runOk, start } from '../../../shared/host/exec.ts'
import { readText } from '../../../shared/host/tree.ts'
import { cgroupStats, killAsGroup } from '../containerd/cgroup.ts'
import { hostDevices } from '../containerd/devices.ts'
import { readHostFacts } from '../containerd/host-facts.ts'
import { lastError } from '../containerd/parse.ts'
import { EventQueue } from '../event-queue.ts'
import type { ImageFiles } from '../image-check/image-files.ts'
import {
  RuntimeError, type Container, type ContainerSpec, type ContainerStats, type ExecRequest, type Image, type LogLine, type LogOptions, type PullProgress, type RegistryAuth, type Runtime, type RuntimeEvent, type Sandbox,
  type SandboxSpec, type Session,
} from '../runtime.ts'
import { openSession } from '../session.ts'
import { sendSignal, signalNumber } from '../signals.ts'
import * as argv from './argv.ts'
import { Execs } from './exec.ts'
import { DockerImageFiles } from './image-files.ts'
import { ImageStore } from './images.ts'
import { containerLogs } from './logs.ts'
import { classifyStart, parseEvent, parseInspect, type Inspected } from './parse.ts'
import { removeStaleCredentials } from './pull.ts'
import { askEngine } from './cgroup-driver.ts'
import type { CgroupDriver } from '../../../shared/host/cgroup-names.ts'
import { ignore } from '../../../shared/base/ignore.ts'

export interface DockerOptions {
  /** `unix:///var/run/docker.sock`. */
  readonly host: string
  /** Marks this agent's containers: the node's name. */
  readonly owner: string
  /** For scratch files: credentials during a pull, the pause image. */
  readonly stateDir: string
  /** The daemon's (`docker/cgroup-driver.ts`); cgroupfs where it is left out. A daemon of another is refused. */
  readonly cgroupDriver?: CgroupDriver | undefined
  /** How much of each log the engine keeps; upstream's 10 MiB five times by default. */
  readonly logLimits?: { readonly maxBytes: number; readonly maxFiles: number }
  readonly clock: Clock
  readonly log: Log
}

type Known = Extract<Inspected, { kind: 'container' }>

/** What a machine without all capabilities (one that is itself a container) can give. */
async function limitedTo(capabilities: readonly string[]): Promise<{ capabilities: readonly string[]; devices: readonly string[] } | undefined> {
  const last = Number(await readText('/proc/sys/kernel/cap_last_cap') ?? 0)
  // The newest three are unknown to engines of the day before.
  return capabilities.length > last ? undefined : { capabilities: capabilities.filter((c) => !['CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE'].includes(c)), devices: (await hostDevices()).map((d) => d.path) }
}

export class DockerRuntime implements Runtime {
  readonly name = 'docker'
  readonly cgroupDriver: CgroupDriver
  readonly #o: DockerOptions
  readonly #engine: argv.Engine
  readonly #images: ImageStore
  readonly imageFiles: ImageFiles
  readonly #execs: Execs
  readonly #all = new Map<string, Inspected>()
  readonly #listeners = new Set<EventQueue<RuntimeEvent>>()
  readonly #changed = new Set<() => void>()
  readonly #locks = new KeyedLock()
  readonly #stop = new AbortController()
  #ready: PromiseWithResolvers<void> = Promise.withResolvers()
  #loop: Promise<void> | undefined

  constructor(options: DockerOptions) {
    this.#o = options
    this.cgroupDriver = options.cgroupDriver ?? 'cgroupfs'
    this.#engine = { host: options.host, owner: options.owner, cgroupDriver: this.cgroupDriver }
    this.#images = new ImageStore({ engine: this.#engine, stateDir: options.stateDir })
    this.#execs = new Execs({ engine: this.#engine, clock: options.clock, cgroupOf: (id) => { const known = this.#all.get(id); return known?.kind === 'container' ? known.cgroupPath : undefined } })
    this.imageFiles = new DockerImageFiles({ engine: this.#engine, stateDir: options.stateDir, images: () => this.images(), invalidate: () => this.#images.invalidate(), removeContainer: (id) => this.#remove([id]) })
    void ignore(this.#ready.promise, 'awaited by whoever needs the connection')
  }

  #start(): Promise<void> {
    this.#loop ??= this.#follow()
    return this.#ready.promise
  }

  /** The event stream, restarted when it ends. */
  async #follow(): Promise<void> {
    const { clock, log } = this.#o
    await removeStaleCredentials(this.#o.stateDir).catch((e: unknown) => log.warn('credentials of an earlier pull cannot be removed', { error: e as Error }))
    for (let failures = 0; !this.#stop.signal.aborted; failures++) {
      try {
        await this.#session(() => { failures = 0 })
      } catch (e) {
        if (this.#stop.signal.aborted) break
        log.warn('docker is not reachable', { error: e as Error })
        this.#emit({ type: 'down', message: `docker at ${this.#engine.host}: ${(e as Error).message}` })
        this.#ready.reject(new RuntimeError('unavailable', `docker at ${this.#engine.host}: ${(e as Error).message}`))
        this.#ready = Promise.withResolvers()
        void ignore(this.#ready.promise, 'awaited by whoever needs the connection')
      }
      await ignore(clock.sleep(100 * 2 ** Math.min(failures, 5), this.#stop.signal), 'an abort ends the loop at its head')
    }
    this.#ready.reject(new RuntimeError('unavailable', 'the driver is closed'))
  }

  async #session(connected: () => void): Promise<void> {
    const child = start(argv.events(this.#engine, (this.#o.clock.now() / 1000 - 1).toFixed(3)), { stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr?.on('data', (d: Buffer) => { errors = (errors + d.toString()).slice(-2000) })
    const ended = new Promise<never>((_, reject) => { child.once('error', reject); child.once('close', (code) => reject(new Error(`event stream ended (${code ?? 'signal'}) ${errors.trim()}`))) })
    void ignore(ended, 'awaited below')
    const kill = (): void => { child.kill('SIGKILL') }
    this.#stop.signal.addEventListener('abort', kill, { once: true })
    createInterface({ input: child.stdout! }).on('line', (line) => this.#onEvent(line))
    try {
      await Promise.race([this.#relist(), ended])
      connected()
      this.#ready.resolve()
      this.#emit({ type: 'resync' })
      await ended
    } finally {
      this.#stop.signal.removeEventListener('abort', kill)
      kill()
    }
  }

  async #relist(): Promise<void> {
    this.#images.invalidate()
    const before = new Set(this.#all.keys())
    const { cgroupDriver } = await askEngine(this.#engine.host)
    if (cgroupDriver !== this.cgroupDriver) throw new Error(`its cgroup driver is ${cgroupDriver} now; the agent began with ${this.cgroupDriver} and has to be restarted`)
    const ids = (await runOk(argv.ids(this.#engine))).toString().split('\n').filter(Boolean)
    const found = ids.length === 0 ? [] : parseInspect((await run(argv.inspect(this.#engine, ids))).stdout.toString(), this.#engine.owner)
    // The answer is older than its arrival: what came meanwhile is not in it, and what ended meanwhile still runs in it.
    const there = new Set(found.map(idOf))
    for (const id of before) if (!there.has(id)) this.#all.delete(id)
    for (const i of found) {
      const now = this.#all.get(idOf(i))
      if (now === undefined ? !before.has(idOf(i)) : !hasEnded(now)) this.#all.set(idOf(i), i)
    }
  }

  #onEvent(line: string): void {
    const event = parseEvent(line, this.#engine.owner)
    if (!event) return
    if (event.type === 'image') { this.#images.invalidate(); return }
    const { id, type } = event
    this.#locks.run(`event ${id}`, async () => {
      const before = this.#all.get(id)
      if (type === 'destroy') this.#all.delete(id)
      else await this.#refresh(id)
      const known = this.#all.get(id) ?? before
      // An exit is told by whoever sees it first, in #refresh: before its event where a container ends at once.
      if (known?.kind !== 'container' || type === 'create' || type === 'die') return
      this.#emit({ type: ({ start: 'started', oom: 'oom', destroy: 'removed' } as const)[type], containerId: id, podUid: known.container.podUid })
    }).catch((e: unknown) => this.#o.log.warn('docker inspect failed', { container: id, error: e as Error }))
  }

  /** Reads one again from the engine; forgets what is gone. */
  async #refresh(id: string): Promise<Inspected | undefined> {
    const result = await run(argv.inspect(this.#engine, [id]))
    const found = result.exitCode === 0 ? parseInspect(result.stdout.toString(), this.#engine.owner)[0] : undefined
    if (found) {
      const before = this.#all.get(idOf(found))
      this.#all.set(idOf(found), found)
      if (found.kind === 'container' && hasEnded(found) && !(before && hasEnded(before))) this.#emit({ type: 'exited', containerId: found.container.id, podUid: found.container.podUid })
    } else if (/No such/i.test(result.stderr.toString())) {
      // Taken away by hand while it ran: it is gone before the event of its end is looked into.
      const before = this.#all.get(id)
      this.#all.delete(id)
      if (before?.kind === 'container') this.#emit({ type: 'removed', containerId: id, podUid: before.container.podUid })
      else if (before) this.#emit({ type: 'resync' })
    }
    for (const wake of [...this.#changed]) wake()
    return found
  }

  async version(): Promise<string> { return (await runOk(argv.version(this.#engine))).toString().trim() }

  async runSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted()
    await this.#start()
    const name = `bramble-${digest(this.#engine.owner, spec.podUid, spec.attempt)}`
    return this.#locks.run(name, async () => {
      const present = [...this.#all.values()].find((i) => i.kind === 'sandbox' && i.sandbox.podUid === spec.podUid && i.sandbox.attempt === spec.attempt)
      if (present?.kind === 'sandbox') return present.sandbox
      const image = await this.#images.pause()
      const labels = { [argv.ownerLabel]: this.#engine.owner, 'bramble.kind': 'sandbox', 'bramble.pod-uid': spec.podUid, 'bramble.sandbox-spec': JSON.stringify(spec) }
      const result = await run(argv.runPause(this.#engine, { name, image, spec, labels }))
      if (result.exitCode !== 0 && !isTaken(result.stderr)) {
        await this.#undo(name)
        const error = classifyStart(result.exitCode, result.stderr.toString())
        throw error.code === 'start-failed' ? new RuntimeError('create-failed', error.message) : error
      }
      const made = await this.#refresh(name)
      if (made?.kind !== 'sandbox') throw new RuntimeError('create-failed', isTaken(result.stderr) ? takenName(name) : `pause container ${name} vanished`)
      return made.sandbox
    })
  }

  async stopSandbox(id: string): Promise<void> {
    await this.#start()
    const sandbox = this.#all.get(id)
    if (sandbox?.kind !== 'sandbox') return
    const running = [...this.#containersOf(id).filter((c) => c.container.state === 'running').map((c) => c.container.id), ...(sandbox.sandbox.state === 'ready' ? [id] : [])]
    if (running.length === 0) return
    const result = await run(argv.kill(this.#engine, running))
    if (result.exitCode !== 0 && !/is not running|No such container/.test(result.stderr.toString())) throw new Error(lastError(result.stderr.toString()))
    await Promise.all(running.map((r) => this.#settled(r)))
  }

  async removeSandbox(id: string): Promise<void> {
    await this.#start()
    if (this.#all.get(id)?.kind !== 'sandbox') return
    await this.#remove([...this.#containersOf(id).map((c) => c.container.id), id])
  }

  async #remove(ids: readonly string[]): Promise<void> {
    const result = await run(argv.remove(this.#engine, ids))
    if (result.exitCode !== 0 && !/No such container|already in progress/.test(result.stderr.toString())) throw new Error(lastError(result.stderr.toString()))
    for (const id of ids) {
      const known = this.#all.get(id)
      this.#all.delete(id)
      if (known?.kind === 'container') this.#emit({ type: 'removed', containerId: id, podUid: known.container.podUid })
    }
  }

  #containersOf(sandbox: string): Known[] { return [...this.#all.values()].filter((i): i is Known => i.kind === 'container' && i.container.sandboxId === sandbox) }

  async startContainer(sandboxId: string, spec: ContainerSpec, signal: AbortSignal): Promise<Container> {
    signal.throwIfAborted()
    await this.#start()
    const sandbox = this.#all.get(sandboxId)
    if (sandbox?.kind !== 'sandbox') throw new RuntimeError('not-found', `sandbox ${sandboxId} does not exist`)
    return this.#locks.run(`${sandboxId} ${spec.name} ${spec.attempt}`, async () => {
      const present = this.#containersOf(sandboxId).find((c) => c.container.name === spec.name && c.container.attempt === spec.attempt)
      if (present && present.container.state !== 'created') return present.container
      if (present) await this.#remove([present.container.id])
      return this.#launch(sandboxId, sandbox.spec, spec)
    })
  }

  async #launch(sandboxId: string, sandbox: SandboxSpec, spec: ContainerSpec): Promise<Container> {
    const image = await this.image(spec.image)
    if (!image) throw new RuntimeError('create-failed', `image ${spec.image} is not present`)
    const facts = await readHostFacts()
    const name = `bramble-${digest(sandboxId, spec.name, spec.attempt)}`
    const labels = {
      [argv.ownerLabel]: this.#engine.owner, 'bramble.kind': 'container', 'bramble.sandbox': sandboxId, 'bramble.pod-uid': sandbox.podUid, 'bramble.name': spec.name, 'bramble.attempt': String(spec.attempt),
      'bramble.image': spec.imageName,
    }
    const oomScoreAdj = facts.capabilities.includes('CAP_SYS_RESOURCE') ? spec.oomScoreAdj : Math.max(spec.oomScoreAdj, facts.oomScoreAdj)
    const created = await run(argv.runContainer(this.#engine, { name, pause: sandboxId, sandbox, spec, labels, oomScoreAdj, logLimits: this.#o.logLimits ?? { maxBytes: 10 << 20, maxFiles: 5 }, limited: spec.security.privileged ? await limitedTo(facts.capabilities) : undefined }))
    const result = argv.isStdinOnce(spec) && created.exitCode === 0 ? await run(argv.startContainer(this.#engine, name)) : created
    if (result.exitCode !== 0) {
      const error = classifyStart(result.exitCode, result.stderr.toString())
      if (error.code !== 'start-failed') await this.#undo(name)
      const there = await this.#refresh(name)
      throw isTaken(result.stderr) && !there ? new RuntimeError('create-failed', takenName(name)) : error
    }
    const made = await this.#refresh(name)
    if (made?.kind !== 'container') throw new RuntimeError('create-failed', `container ${name} vanished`)
    await killAsGroup(made.cgroupPath)
    return made.container
  }

  /** Removes what a failed start may have left: only where it is ours, for a user may have made one of the name. */
  async #undo(name: string): Promise<void> {
    if (await this.#refresh(name)) await run(argv.remove(this.#engine, [name]))
  }

  async stopContainer(id: string, grace: Millis): Promise<void> {
    await this.#start()
    const known = this.#all.get(id)
    if (known?.kind !== 'container' || known.container.state !== 'running') return
    const { pid } = known.container
    const ours = pid !== undefined && (await readText(`/proc/${pid}/cgroup`))?.includes(id) === true
    if (grace > 0 && ours) {
      sendSignal(pid, signalNumber(known.stopSignal))
      const timer = new AbortController()
      const done = await Promise.race([this.#settled(id).then(() => true), this.#o.clock.sleep(grace, timer.signal).then(() => false, () => false)])
      timer.abort()
      if (done) return
    }
    const result = await run(argv.kill(this.#engine, [id]))
    if (result.exitCode !== 0 && !/is not running|No such container/.test(result.stderr.toString())) throw new Error(lastError(result.stderr.toString()))
    await this.#settled(id)
  }

  /** Resolves when memory knows that it runs no more. */
  async #settled(id: string): Promise<void> {
    const runs = (): boolean => { const i = this.#all.get(id); return i !== undefined && (i.kind === 'container' ? i.container.state === 'running' : i.sandbox.state === 'ready') }
    while (runs() && !this.#stop.signal.aborted) {
      const wake = Promise.withResolvers<void>()
      this.#changed.add(wake.resolve)
      const timer = new AbortController()
      // The event is enough; asked besides in case the stream has just broken.
      await Promise.race([wake.promise, this.#o.clock.sleep(5000, timer.signal).then(() => this.#refresh(id), () => undefined)])
      timer.abort()
      this.#changed.delete(wake.resolve)
    }
  }

  async removeContainer(id: string): Promise<void> {
    await this.#start()
    if (this.#all.get(id)?.kind === 'container') await this.#remove([id])
  }

  async list(): Promise<{ sandboxes: Sandbox[]; containers: Container[] }> {
    await this.#start()
    const all = [...this.#all.values()]
    return { sandboxes: all.flatMap((i) => (i.kind === 'sandbox' ? [i.sandbox] : [])), containers: all.flatMap((i) => (i.kind === 'container' ? [i.container] : [])) }
  }

  async inspect(id: string): Promise<Container | undefined> {
    await this.#start()
    const known = this.#all.get(id)
    return known?.kind === 'container' ? known.container : undefined
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const queue = new EventQueue<RuntimeEvent>(signal, { type: 'resync' })
    this.#listeners.add(queue)
    signal.addEventListener('abort', () => this.#listeners.delete(queue), { once: true })
    this.#start().catch((e: unknown) => this.#o.log.warn('waiting for docker', { error: e as Error }))
    return queue
  }

  async #running(id: string): Promise<Container> {
    const c = await this.inspect(id)
    if (!c) throw new RuntimeError('not-found', `container ${id} does not exist`)
    if (c.state !== 'running') throw new RuntimeError('not-found', `container ${id} is not running`)
    return c
  }

  async execSync(id: string, command: readonly string[], timeout: Millis, maxBytes: number): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer; timedOut: boolean }> {
    await this.#running(id)
    return this.#execs.run(id, command, timeout, maxBytes)
  }

  async exec(id: string, request: ExecRequest): Promise<Session> {
    await this.#running(id)
    return this.#execs.open(id, request)
  }

  async attach(id: string, request: { stdin: boolean; tty: boolean }): Promise<Session> {
    await this.#running(id)
    return openSession({ command: argv.attach(this.#engine, { id, stdin: request.stdin }), ...request, clock: this.#o.clock, killInside: () => Promise.resolve() })
  }

  async *logs(id: string, _logPath: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    await this.#start()
    yield* containerLogs(this.#engine, id, options, { missing: !this.#all.has(id), signal })
  }

  async pullImage(reference: string, auth: RegistryAuth | undefined, options: { plainHttp: boolean }, signal: AbortSignal, progress: (at: PullProgress) => void): Promise<Image> {
    await this.#start()
    return this.#images.pull({ reference, auth, plainHttp: options.plainHttp, signal, progress })
  }

  async image(reference: string): Promise<Image | undefined> { await this.#start(); return this.#images.find(reference) }
  async images(): Promise<readonly Image[]> { await this.#start(); return this.#images.all() }
  async removeImage(id: string): Promise<void> { await this.#start(); await this.#images.remove(id) }
  async importImage(tarPath: string): Promise<readonly string[]> { await this.#start(); return this.#images.import(tarPath) }

  async stats(): Promise<readonly ContainerStats[]> {
    await this.#start()
    const running = [...this.#all.values()].filter((i): i is Known => i.kind === 'container' && i.container.state === 'running')
    const read = await Promise.all(running.map(async (k) => ({ k, s: await cgroupStats(k.cgroupPath) })))
    return read.flatMap(({ k, s }) => (s ? [{ containerId: k.container.id, podUid: k.container.podUid, cgroupPath: k.cgroupPath, pid: k.container.pid, writableLayer: k.writableLayer, logFolder: k.logFolder, ...s }] : []))
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('closed'))
    await this.#loop
    for (const queue of this.#listeners) queue.close()
    this.#listeners.clear()
  }

  #emit(event: RuntimeEvent): void { for (const queue of this.#listeners) queue.push(event) }
}

/** Nothing that has ended runs again. */
const hasEnded = (i: Inspected): boolean => (i.kind === 'sandbox' ? i.sandbox.state === 'not-ready' : i.container.state === 'exited')
const isTaken = (stderr: Buffer): boolean => /is already in use/.test(stderr.toString())
const takenName = (name: string): string => `the name ${name} is taken by a container that is not ours`
const idOf = (i: Inspected): string => (i.kind === 'sandbox' ? i.sandbox.id : i.container.id)
const digest = (...parts: readonly (string | number)[]): string => createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 40)
