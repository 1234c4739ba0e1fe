/**
 * {@link Runtime} on containerd's `ctr`. Pods have no pause process: their namespaces are bind mounts, their containers share a shim. State is in
 * memory, fed by `ctr events`, backed by small records in the data folder; the engine is asked only where it must act.
 * The agent and containerd must see the same mounts (the same mount namespace).
 */
import type { Millis } from '../../../shared/base/brands.ts'
import type { Clock, Log } from '../../../shared/base/host.ts'
import { ignore } from '../../../shared/base/ignore.ts'
import { KeyedLock } from '../../../shared/base/keyed-lock.ts'
import { runOk } from '../../../shared/host/exec.ts'
import { fileFacts, makeFolder, removeTree } from '../../../shared/host/tree.ts'
import { EventQueue } from '../event-queue.ts'
import type { ImageFiles } from '../image-check/image-files.ts'
import {
  RuntimeError, type Container, type ContainerSpec, type ContainerStats, type ExecRequest, type Image, type LogLine, type LogOptions, type PullProgress, type RegistryAuth, type Runtime, type RuntimeEvent, type Sandbox,
  type SandboxSpec, type Session,
} from '../runtime.ts'
import * as argv from './argv.ts'
import { cgroupStats } from './cgroup.ts'
import { ContainerTable, heldOf, viewEngine, type Entry } from './container-table.ts'
import { claim } from './claim.ts'
import { ContainerIds } from './container-ids.ts'
import { EventStream } from './events.ts'
import { execInContainer, sessionInContainer } from './exec.ts'
import { Holders } from './holder.ts'
import { ContainerdImageFiles } from './image-files.ts'
import { ImageStore } from './images.ts'
import { readStart, type LogLimits } from './log-room.ts'
import { readIndex, readLog } from './logs.ts'
import { makeNamespaces, namespacesAlive, podNamespaces, prepareNetnsFolder, removeNamespaces, type PodNamespaces } from './netns.ts'
import { rootPaths } from './rootfs.ts'
import { Records, sandboxId, toContainer, type SandboxRecord } from './records.ts'
import { launch } from './launch.ts'
import { isPause, pauseImage, pauseName, pauseSpec } from './pause.ts'

export interface ContainerdOptions {
  /** Socket of containerd. */
  readonly address: string
  /** containerd namespace; one agent each. */
  readonly namespace: string
  /** Records and writable layers, on a real file system that survives a reboot. */
  readonly dataDir: string
  /** Namespaces and runc's state, on a tmpfs: a reboot empties it. */
  readonly stateDir: string
  /** containerd's `hosts.toml` folders for registries; undefined for its defaults. */
  readonly hostsDir?: string
  /** How much of each log is kept; upstream's 10 MiB five times by default. */
  readonly logLimits?: LogLimits
  readonly clock: Clock
  readonly log: Log
}

/** For the shim of an ended container to write the last of its output. Milliseconds. */
const drainPatience = 2000

interface Pod { readonly record: SandboxRecord; readonly folder: string; readonly namespaces: PodNamespaces; ready: boolean }

const defaultLogLimits: LogLimits = { maxBytes: 10 << 20, maxFiles: 5 }

export class ContainerdRuntime implements Runtime {
  readonly name = 'containerd'
  readonly cgroupDriver = 'cgroupfs'
  readonly #o: ContainerdOptions
  readonly #engine: argv.Engine
  readonly #records: Records
  readonly #images: ImageStore
  readonly imageFiles: ImageFiles
  readonly #stream: EventStream
  readonly #table: ContainerTable
  readonly #holders: Holders
  readonly #ids: ContainerIds
  readonly #pods = new Map<string, Pod>()
  readonly #listeners = new Set<EventQueue<RuntimeEvent>>()
  /** One change at a time in a pod: a shim that ends with its last container must be gone before the next starts. */
  readonly #locks = new KeyedLock()
  #prepared: Promise<void> | undefined

  constructor(options: ContainerdOptions) {
    this.#o = options
    this.#engine = { address: options.address, namespace: options.namespace, runcRoot: `${options.stateDir}/runc` }
    this.#records = new Records(options.dataDir)
    this.#images = new ImageStore({ engine: this.#engine, folder: this.#records.imagesFolder(), hostsDir: options.hostsDir, clock: options.clock, log: options.log })
    this.#ids = new ContainerIds(this.#engine)
    this.#holders = new Holders({ folder: `${options.stateDir}/io`, clock: options.clock })
    this.#table = new ContainerTable({ ids: this.#ids, view: () => viewEngine(this.#engine), logLimits: options.logLimits ?? defaultLogLimits, holders: this.#holders, engine: this.#engine, records: this.#records, clock: options.clock, log: options.log, locks: this.#locks, emit: (event) => this.#tell(event) })
    this.imageFiles = new ContainerdImageFiles({ engine: this.#engine, images: this.#images, folder: this.#records.imagesFolder(), inUse: () => new Set(this.#table.all().filter((e) => e.exit === undefined).map((e) => e.record.imageId)) })
    this.#stream = new EventStream({
      engine: this.#engine, clock: options.clock, log: options.log,
      onEvent: (event) => { if (event.type === 'image') this.#images.invalidate(); else this.#table.onEvent(event) },
      onLost: (message) => this.#emit({ type: 'down', message }),
      onConnected: async () => {
        this.#images.invalidate()
        await claim(this.#engine, options.dataDir)
        await this.#table.reconcile()
        this.#emit({ type: 'resync' })
      },
    })
  }

  async #ready(): Promise<void> {
    this.#prepared ??= this.#prepare().catch((e: unknown) => { this.#prepared = undefined; throw e })
    await this.#prepared
    await this.#stream.ready()
  }

  async #prepare(): Promise<void> {
    const { stateDir } = this.#o
    // Process ids of programs that an agent before us ran in containers: nobody asks for them any more.
    await removeTree(`${stateDir}/exec`)
    await Promise.all([this.#records.prepare(), makeFolder(`${stateDir}/pods`, 0o711), makeFolder(`${stateDir}/exec`), prepareNetnsFolder()])
    for (const record of await this.#records.sandboxes()) {
      const pod = this.#pod(record)
      pod.ready = record.stopped !== true && await namespacesAlive(pod.namespaces)
      this.#pods.set(record.id, pod)
    }
    await this.#table.load()
  }

  #pod(record: SandboxRecord): Pod {
    const folder = `${this.#o.stateDir}/pods/${record.id.slice(0, 16)}`
    return { record, folder, namespaces: podNamespaces(folder, record.id, record.spec), ready: false }
  }

  async version(): Promise<string> {
    const text = (await runOk(argv.version(this.#engine))).toString()
    return /Server:\s*\n\s*Version:\s*(\S+)/.exec(text)?.[1] ?? 'unknown'
  }

  async runSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted()
    await this.#ready()
    const id = sandboxId(this.#o.namespace, spec.podUid, spec.attempt)
    return this.#locks.run(id, async () => {
      const present = this.#pods.get(id)
      if (present && this.#isReady(present)) return this.#shown(present)
      if (present) throw new RuntimeError('create-failed', `sandbox ${id} was stopped: a new attempt needs a new number`)
      if (spec.runtimeHandler !== undefined && !await hasShim(spec.runtimeHandler)) throw new RuntimeError('create-failed', `no runtime for ${JSON.stringify(spec.runtimeHandler)} is configured`)
      const pod = this.#pod({ id, spec, createdAt: this.#o.clock.now() })
      try {
        await Promise.all([this.#records.saveSandbox(pod.record), makeNamespaces(pod.folder, pod.namespaces, spec.hostname)])
        if (needsPause(spec)) await this.#holdProcesses(pod, signal)
      } catch (e) {
        await Promise.all(this.#table.of(id).map((entry) => this.#table.remove(entry)))
        await this.#ids.forget(id)
        await removeNamespaces(pod.folder, pod.namespaces)
        await this.#records.forgetSandbox(id)
        if (e instanceof RuntimeError) throw e
        throw new RuntimeError('create-failed', `namespaces of pod ${spec.podNamespace}/${spec.podName}: ${(e as Error).message}`)
      }
      pod.ready = true
      this.#pods.set(id, pod)
      return this.#shown(pod)
    })
  }

  async #holdProcesses(pod: Pod, signal: AbortSignal): Promise<void> {
    const { id, spec } = pod.record
    await launch({
      ids: this.#ids, pod: { sandboxId: id, spec, namespaces: pod.namespaces }, spec: pauseSpec(`${pod.folder}/pause.log`), image: await pauseImage(this.#o.stateDir),
      engine: this.#engine, records: this.#records, table: this.#table, holders: this.#holders, clock: this.#o.clock, signal,
    })
  }

  /** Its namespaces are there; the shared process namespace with its first process. */
  #isReady(pod: Pod): boolean {
    if (!pod.ready || !needsPause(pod.record.spec)) return pod.ready
    const pause = this.#table.named(pod.record.id, pauseName, 0)
    return pause?.pid !== undefined && pause.exit === undefined
  }

  #shown({ ready: _ready, ...pod }: Pod): Sandbox { return toSandbox({ ...pod, ready: this.#isReady({ ...pod, ready: _ready }) }) }

  async stopSandbox(id: string): Promise<void> {
    await this.#ready()
    const pod = this.#pods.get(id)
    if (!pod) return
    pod.ready = false
    await Promise.all(this.#table.of(id).map((entry) => this.#table.kill(entry)))
    await this.#locks.run(id, async () => {
      await removeNamespaces(pod.folder, pod.namespaces)
      if (pod.record.stopped !== true) {
        const stopped: Pod = { ...pod, record: { ...pod.record, stopped: true } }
        await this.#records.saveSandbox(stopped.record)
        if (this.#pods.has(id)) this.#pods.set(id, stopped)
      }
    })
  }

  async removeSandbox(id: string): Promise<void> {
    await this.#ready()
    if (!this.#pods.has(id)) return
    await this.stopSandbox(id)
    const entries = this.#table.of(id)
    await Promise.all(entries.map((entry) => this.#table.remove(entry)))
    await this.#ids.forget(id)
    await this.#records.forgetSandbox(id)
    this.#pods.delete(id)
  }

  async startContainer(sandbox: string, spec: ContainerSpec, signal: AbortSignal): Promise<Container> {
    signal.throwIfAborted()
    await this.#ready()
    const pod = this.#pods.get(sandbox)
    if (!pod) throw new RuntimeError('not-found', `sandbox ${sandbox} does not exist`)
    return this.#locks.run(sandbox, async () => {
      const present = this.#table.named(sandbox, spec.name, spec.attempt)
      if (present) return shown(present)
      if (!this.#isReady(pod)) throw new RuntimeError('create-failed', `sandbox ${sandbox} is not ready`)
      const image = await this.#images.find(spec.image)
      if (!image) throw new RuntimeError('create-failed', `image ${spec.image} is not present`)
      return launch({ ids: this.#ids, pod: { sandboxId: sandbox, spec: pod.record.spec, namespaces: pod.namespaces }, spec, image, engine: this.#engine, records: this.#records, table: this.#table, holders: this.#holders, clock: this.#o.clock, signal })
    })
  }

  async stopContainer(id: string, grace: Millis): Promise<void> {
    await this.#ready()
    const entry = this.#table.get(id)
    if (entry) await this.#table.stop(entry, grace)
  }

  async removeContainer(id: string): Promise<void> {
    await this.#ready()
    const entry = this.#table.get(id)
    if (entry) await this.#table.remove(entry)
  }

  async list(): Promise<{ sandboxes: Sandbox[]; containers: Container[] }> {
    await this.#ready()
    return { sandboxes: [...this.#pods.values()].map((pod) => this.#shown(pod)), containers: this.#table.all().filter((e) => !isPause(e.record)).map(shown) }
  }

  async inspect(id: string): Promise<Container | undefined> {
    await this.#ready()
    const entry = this.#table.get(id)
    return entry && !isPause(entry.record) ? shown(entry) : undefined
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const queue = new EventQueue<RuntimeEvent>(signal, { type: 'resync' })
    this.#listeners.add(queue)
    signal.addEventListener('abort', () => this.#listeners.delete(queue), { once: true })
    // An engine that is away is waited for: the stream retries by itself and says resync.
    this.#ready().catch((e: unknown) => this.#o.log.warn('waiting for containerd', { error: e as Error }))
    return queue
  }

  async execSync(id: string, command: readonly string[], timeout: Millis, maxBytes: number): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer; timedOut: boolean }> {
    return execInContainer({ engine: this.#engine, clock: this.#o.clock, stateDir: this.#o.stateDir, id: (await this.#running(id)).record.id, argv: command, timeout, maxBytes })
  }

  async exec(id: string, request: ExecRequest): Promise<Session> {
    return sessionInContainer({ engine: this.#engine, clock: this.#o.clock, stateDir: this.#o.stateDir, id: (await this.#running(id)).record.id, request })
  }

  async attach(id: string, request: { stdin: boolean; tty: boolean }): Promise<Session> {
    const entry = await this.#running(id)
    return this.#holders.attach(heldOf(entry.record), { stdin: request.stdin, over: entry.drained })
  }

  async #running(id: string): Promise<Entry> {
    await this.#ready()
    const entry = this.#table.get(id)
    if (!entry) throw new RuntimeError('not-found', `container ${id} does not exist`)
    if (entry.exit || entry.pid === undefined) throw new RuntimeError('not-found', `container ${id} is not running`)
    return entry
  }

  async *logs(id: string, logPath: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    await this.#ready()
    const entry = this.#table.get(id)
    const drained = entry?.drained ?? Promise.resolve()
    // Its end is told before its shim has written the last of what it said.
    if (entry?.exit && !options.follow) {
      const waited = new AbortController()
      await Promise.race([drained, ignore(this.#o.clock.sleep(drainPatience, AbortSignal.any([waited.signal, signal])), 'it is drained, or nobody waits')])
      waited.abort()
    }
    const kept = entry?.watch ? undefined : await readIndex(this.#records.logIndexPath(id))
    const keptStart = entry?.watch ? 0 : await readStart(this.#records.logStartPath(id))
    await entry?.watch?.look()
    let ended = entry === undefined
    void drained.then(() => { ended = true })
    await Promise.race([drained, Promise.resolve()])
    yield* readLog({
      path: logPath, options, signal, now: () => entry?.exit?.finishedAt ?? this.#o.clock.now(), index: () => entry?.watch?.index ?? kept!, start: () => entry?.watch?.start ?? keptStart, ended: () => ended,
      look: () => entry?.watch?.look() ?? Promise.resolve(),
      onEnd: (fn) => { void drained.then(fn) },
    })
  }

  pullImage(reference: string, auth: RegistryAuth | undefined, options: { plainHttp: boolean }, signal: AbortSignal, progress: (at: PullProgress) => void): Promise<Image> {
    return this.#ready().then(() => this.#images.pull({ reference, auth, plainHttp: options.plainHttp, signal, progress }))
  }

  async image(reference: string): Promise<Image | undefined> {
    await this.#ready()
    return (await this.#images.find(reference))?.image
  }

  async images(): Promise<readonly Image[]> {
    await this.#ready()
    return (await this.#images.all()).map((known) => known.image)
  }

  async removeImage(id: string): Promise<void> {
    await this.#ready()
    const user = this.#table.all().find((e) => e.record.imageId === id)
    if (user) throw new RuntimeError('unsupported', `image ${id} is used by container ${user.record.name} of pod ${user.record.podUid}`)
    await this.#images.remove(id)
  }

  async importImage(tarPath: string): Promise<readonly string[]> {
    await this.#ready()
    return this.#images.import(tarPath)
  }

  async stats(): Promise<readonly ContainerStats[]> {
    await this.#ready()
    const running = this.#table.all().filter((e) => e.exit === undefined && e.pid !== undefined && !isPause(e.record))
    const read = await Promise.all(running.map(async (e) => ({ e, s: await cgroupStats(e.record.cgroupPath) })))
    return read.flatMap(({ e, s }) => (s ? [{ containerId: e.record.id, podUid: e.record.podUid, cgroupPath: e.record.cgroupPath, pid: e.pid, writableLayer: rootPaths(this.#records.containerFolder(e.record.id)).upper, ...s }] : []))
  }

  async close(): Promise<void> {
    await this.#stream.close()
    await this.#table.close()
    for (const queue of this.#listeners) queue.close()
    this.#listeners.clear()
  }

  /** For tests: ends as kill -9 would end it, with nothing saved. */
  async abandon(): Promise<void> {
    this.#table.abandon()
    await this.#stream.close()
  }

  /** The end of a pause is the end of its sandbox: there is no event for that but to look at everything again. */
  #tell(event: RuntimeEvent): void {
    if (!('containerId' in event) || !isPause(this.#table.get(event.containerId)?.record ?? { name: '' })) this.#emit(event)
    else if (event.type === 'exited') this.#emit({ type: 'resync' })
  }

  #emit(event: RuntimeEvent): void { for (const queue of this.#listeners) queue.push(event) }
}

/** containerd starts the shim that a handler's name leads to (`io.containerd.HANDLER.v2`), from PATH. */
const hasShim = async (handler: string): Promise<boolean> =>
  (await Promise.all((process.env['PATH'] ?? '').split(':').map((dir) => fileFacts(`${dir}/containerd-shim-${handler}-v2`)))).some((found) => found !== undefined)
const needsPause = (spec: SandboxSpec): boolean => spec.shareProcessNamespace && !spec.hostPID
const shown = (e: Entry): Container => toContainer(e.record, e)

function toSandbox({ record, namespaces, ready }: Pod): Sandbox {
  const { podUid, podName, podNamespace, attempt } = record.spec
  return { id: record.id, podUid, podName, podNamespace, attempt, state: ready ? 'ready' : 'not-ready', createdAt: record.createdAt, netns: ready ? namespaces.net : undefined }
}
