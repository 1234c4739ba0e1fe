/**
 * A scripted container engine for tests: no process, no file. A container runs for as long as its script says and ends as it says;
 * events are delivered as a real engine does, and may be lost on purpose.
 */
import type { Millis } from '../../shared/base/brands.ts'
import type { Clock } from '../../shared/base/host.ts'
import { PassThrough } from 'node:stream'
import { EventQueue } from './event-queue.ts'
import { canonicalId, isImageId, normalizeReference } from './image-reference.ts'
import {
  RuntimeError, type Container, type ContainerSpec, type ContainerStats, type ExecRequest, type Image, type LogLine, type LogOptions, type PullProgress, type RegistryAuth, type Runtime,
  type RuntimeErrorCode, type RuntimeEvent, type Sandbox, type SandboxSpec, type Session,
} from './runtime.ts'

/** What a fake container does once started. */
export interface Script {
  /** Ends by itself after this; undefined runs until stopped or {@link FakeRuntime.exit}. */
  readonly runFor?: Millis
  /** When it ends by itself; 0 by default. */
  readonly exitCode?: number
  readonly oomKilled?: boolean
  /** Start fails: `start-failed` leaves an exited container, any other code leaves nothing. */
  readonly failStart?: { readonly code: RuntimeErrorCode; readonly message: string; readonly exitCode?: number }
  /** How long it takes to end after SIGTERM; 0 by default; `ignored` needs SIGKILL after the grace. */
  readonly termTakes?: Millis | 'ignored'
  /** Exit code after SIGTERM; 143 by default. */
  readonly termExitCode?: number
  /** Lines it writes as soon as it starts. */
  readonly log?: readonly string[]
  readonly startTakes?: Millis
}

export interface FakeExecResult { readonly exitCode: number; readonly stdout?: string; readonly stderr?: string; /** Takes this long; longer than the timeout is a timeout. */ readonly takes?: Millis }

export interface FakeOptions {
  readonly clock: Clock
  /** Asked at each start; {@link FakeRuntime.script} by container name comes first. */
  readonly script?: (spec: ContainerSpec, sandbox: Sandbox) => Script
  readonly exec?: (containerId: string, argv: readonly string[]) => FakeExecResult
  /** References of images that are present from the start. */
  readonly images?: readonly string[]
  /** Images a pull finds in its registry; undefined finds every one. */
  readonly registry?: (reference: string) => { readonly fails?: { readonly code: RuntimeErrorCode; readonly message: string }; readonly takes?: Millis }
}

type Mutable = { -readonly [K in keyof Container]: Container[K] }
interface Held { readonly c: Mutable; readonly spec: ContainerSpec; readonly script: Script; readonly log: LogLine[]; readonly waiters: (() => void)[]; readonly readers: (() => void)[]; timer: Disposable | undefined }
type Verb = 'runSandbox' | 'stopSandbox' | 'removeSandbox' | 'startContainer' | 'stopContainer' | 'removeContainer' | 'list' | 'pullImage' | 'execSync'

export class FakeRuntime implements Runtime {
  readonly name = 'containerd'
  readonly cgroupDriver = 'cgroupfs'
  readonly #options: FakeOptions
  readonly #clock: Clock
  readonly #sandboxes = new Map<string, { s: Sandbox; spec: SandboxSpec }>()
  readonly #containers = new Map<string, Held>()
  readonly #images = new Map<string, Image>()
  readonly #scripts = new Map<string, Script>()
  readonly #failures = new Map<Verb, Error[]>()
  readonly #listeners = new Set<EventQueue<RuntimeEvent>>()
  #losing = false
  #pids = 1000
  /** Every verb that changed something, oldest first: `startContainer web/0`. */
  readonly journal: string[] = []

  constructor(options: FakeOptions) {
    this.#options = options
    this.#clock = options.clock
    for (const reference of options.images ?? []) this.addImage(reference)
  }

  /** The script of every later container of this name. */
  script(containerName: string, script: Script): void { this.#scripts.set(containerName, script) }

  /** The next call of this verb throws `error`. */
  failNext(verb: Verb, error: Error): void { this.#failures.set(verb, [...(this.#failures.get(verb) ?? []), error]) }

  /** While set, events vanish; unsetting yields `resync`, as a reconnected stream does. */
  loseEvents(losing: boolean): void {
    if (this.#losing && !losing) { this.#losing = false; this.#emit({ type: 'resync' }) }
    this.#losing = losing
  }

  /** Ends a running container from inside, as its process would. */
  exit(containerId: string, exitCode: number, options: { oomKilled?: boolean } = {}): void {
    const held = this.#containers.get(containerId)
    if (held) this.#end(held, exitCode, options.oomKilled ?? false)
  }

  /** The engine does not answer; `resync` ends it. */
  engineDown(): void { this.#emit({ type: 'down', message: 'no such socket' }) }
  engineUp(): void { this.#emit({ type: 'resync' }) }

  /** Everything dies, as at a power cut: containers with 137, sandboxes not ready, no event but `resync`. */
  reboot(): void {
    const losing = this.#losing
    this.#losing = true
    for (const held of this.#containers.values()) this.#end(held, 137, false)
    for (const entry of this.#sandboxes.values()) entry.s = { ...entry.s, state: 'not-ready', netns: undefined }
    this.#losing = losing
    this.#emit({ type: 'resync' })
  }

  /** The one container of this name that runs, if there is exactly one. */
  running(containerName: string): Container | undefined {
    const found = [...this.#containers.values()].filter((h) => h.c.name === containerName && h.c.state === 'running')
    return found.length === 1 ? { ...found[0]!.c } : undefined
  }

  /** What a container was started with. */
  specOf(containerId: string): ContainerSpec | undefined { return this.#containers.get(containerId)?.spec }

  /** Appends to a container's log. */
  write(containerId: string, text: string): void {
    const held = this.#containers.get(containerId)
    if (held) this.#append(held, text)
  }

  addImage(reference: string, parts: Partial<Image> = {}): Image {
    const name = normalizeReference(reference)
    const id = `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(-64)}`
    const image: Image = { id, tags: name.includes('@') ? [] : [name], digests: name.includes('@') ? [name] : [`${name.slice(0, name.lastIndexOf(':'))}@${id}`], sizeBytes: 1 << 20, user: '', ...parts }
    this.#images.set(image.id, image)
    return image
  }

  async version(): Promise<string> { return 'fake' }

  async runSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted()
    this.#mayFail('runSandbox')
    const id = `${spec.podUid}-${spec.attempt}`
    const present = this.#sandboxes.get(id)
    if (present) return present.s
    this.journal.push(`runSandbox ${spec.podName}/${spec.attempt}`)
    const { podUid, podName, podNamespace, attempt } = spec
    const s: Sandbox = { id, podUid, podName, podNamespace, attempt, state: 'ready', createdAt: this.#clock.now(), netns: spec.hostNetwork ? undefined : `/run/netns/fake-${id}` }
    this.#sandboxes.set(id, { s, spec })
    return s
  }

  async stopSandbox(id: string): Promise<void> {
    this.#mayFail('stopSandbox')
    const entry = this.#sandboxes.get(id)
    if (!entry) return
    this.journal.push(`stopSandbox ${id}`)
    for (const held of this.#of(id)) this.#end(held, 137, false)
    entry.s = { ...entry.s, state: 'not-ready', netns: undefined }
  }

  async removeSandbox(id: string): Promise<void> {
    this.#mayFail('removeSandbox')
    if (!this.#sandboxes.has(id)) return
    await this.stopSandbox(id)
    this.journal.push(`removeSandbox ${id}`)
    for (const held of this.#of(id)) await this.removeContainer(held.c.id)
    this.#sandboxes.delete(id)
  }

  async startContainer(sandboxId: string, spec: ContainerSpec, signal: AbortSignal): Promise<Container> {
    signal.throwIfAborted()
    this.#mayFail('startContainer')
    const sandbox = this.#sandboxes.get(sandboxId)
    if (sandbox?.s.state !== 'ready') throw new RuntimeError('not-found', `sandbox ${sandboxId} is not ready`)
    const id = `${sandboxId}-${spec.name}-${spec.attempt}`
    const present = this.#containers.get(id)
    if (present) return { ...present.c }
    const image = this.#images.get(canonicalId(spec.image))
    if (!image) throw new RuntimeError('create-failed', `image ${spec.image} is not present`)
    this.journal.push(`startContainer ${spec.name}/${spec.attempt}`)
    const script = this.#scripts.get(spec.name) ?? this.#options.script?.(spec, sandbox.s) ?? {}
    if (script.startTakes) await this.#clock.sleep(script.startTakes, signal)
    const failed = script.failStart
    if (failed && failed.code !== 'start-failed') throw new RuntimeError(failed.code, failed.message, failed.exitCode)
    const now = this.#clock.now()
    const c: Mutable = {
      id, sandboxId, podUid: sandbox.s.podUid, name: spec.name, attempt: spec.attempt, state: 'running', createdAt: now, startedAt: now, finishedAt: undefined, exitCode: undefined,
      oomKilled: false, message: undefined, imageId: image.id, image: spec.imageName, pid: ++this.#pids,
    }
    const held: Held = { c, spec, script, log: [], waiters: [], readers: [], timer: undefined }
    this.#containers.set(id, held)
    if (failed) {
      Object.assign(c, { state: 'exited', startedAt: undefined, finishedAt: now, exitCode: failed.exitCode ?? 128, message: failed.message, pid: undefined })
      throw new RuntimeError('start-failed', failed.message, c.exitCode)
    }
    for (const line of script.log ?? []) this.#append(held, `${line}\n`)
    this.#emit({ type: 'started', containerId: id, podUid: c.podUid })
    const started = { ...c }
    if (script.runFor !== undefined) held.timer = this.#clock.after(script.runFor, () => this.#end(held, script.exitCode ?? 0, script.oomKilled ?? false))
    return started
  }

  async stopContainer(id: string, grace: Millis): Promise<void> {
    this.#mayFail('stopContainer')
    const held = this.#containers.get(id)
    if (held?.c.state !== 'running') return
    this.journal.push(`stopContainer ${held.c.name}/${held.c.attempt}`)
    const takes = held.script.termTakes ?? 0
    const killed = takes === 'ignored' || takes > grace
    const wait = killed ? grace : takes
    const ended = new Promise<void>((resolve) => held.waiters.push(resolve))
    const end = (): void => this.#end(held, killed ? 137 : held.script.termExitCode ?? 143, false)
    if (wait > 0) this.#clock.after(wait, end)
    else end()
    await ended
  }

  async removeContainer(id: string): Promise<void> {
    this.#mayFail('removeContainer')
    const held = this.#containers.get(id)
    if (!held) return
    this.journal.push(`removeContainer ${held.c.name}/${held.c.attempt}`)
    this.#end(held, 137, false)
    this.#containers.delete(id)
    this.#emit({ type: 'removed', containerId: id, podUid: held.c.podUid })
  }

  async list(): Promise<{ sandboxes: Sandbox[]; containers: Container[] }> {
    this.#mayFail('list')
    return { sandboxes: [...this.#sandboxes.values()].map((e) => e.s), containers: [...this.#containers.values()].map((h) => ({ ...h.c })) }
  }

  async inspect(containerId: string): Promise<Container | undefined> {
    const held = this.#containers.get(containerId)
    return held && { ...held.c }
  }

  events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const queue = new EventQueue<RuntimeEvent>(signal, { type: 'resync' })
    this.#listeners.add(queue)
    signal.addEventListener('abort', () => this.#listeners.delete(queue), { once: true })
    return queue
  }

  async execSync(containerId: string, argv: readonly string[], timeout: Millis, maxBytes: number): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer; timedOut: boolean }> {
    this.#mayFail('execSync')
    this.#mustRun(containerId)
    const result = this.#options.exec?.(containerId, argv) ?? { exitCode: 0 }
    const cut = (text: string | undefined): Buffer => Buffer.from(text ?? '').subarray(0, maxBytes)
    if (result.takes) await this.#clock.sleep(Math.min(result.takes, timeout))
    if ((result.takes ?? 0) > timeout) return { exitCode: 137, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), timedOut: true }
    return { exitCode: result.exitCode, stdout: cut(result.stdout), stderr: cut(result.stderr), timedOut: false }
  }

  async exec(containerId: string, request: ExecRequest): Promise<Session> {
    this.#mustRun(containerId)
    const result = this.#options.exec?.(containerId, request.argv) ?? { exitCode: 0 }
    const stdout = new PassThrough()
    const stderr = request.tty ? undefined : new PassThrough()
    stdout.end(result.stdout ?? '')
    stderr?.end(result.stderr ?? '')
    return { stdin: request.stdin ? new PassThrough() : undefined, stdout, stderr, resize() {}, exit: Promise.resolve(result.exitCode), kill() {} }
  }

  async attach(_containerId: string, _request: { stdin: boolean; tty: boolean }): Promise<Session> { throw new RuntimeError('unsupported', 'the fake runtime has no attach') }

  async *logs(containerId: string, _logPath: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    const held = this.#containers.get(containerId)
    if (!held) throw new RuntimeError('not-found', `container ${containerId} does not exist`)
    const since = options.since === undefined ? '' : new Date(options.since).toISOString()
    const tailed = options.tailLines === undefined ? held.log : held.log.slice(Math.max(0, held.log.length - options.tailLines))
    yield* tailed.filter((l) => l.time >= since)
    let next = held.log.length
    while (options.follow && !signal.aborted) {
      for (; next < held.log.length; next++) yield held.log[next]!
      if (held.c.state === 'exited' || !this.#containers.has(containerId)) return
      await new Promise<void>((resolve) => { held.readers.push(resolve); signal.addEventListener('abort', () => resolve(), { once: true }) })
    }
  }

  async pullImage(reference: string, _auth: RegistryAuth | undefined, _options: { plainHttp: boolean }, signal: AbortSignal, progress: (at: PullProgress) => void): Promise<Image> {
    this.#mayFail('pullImage')
    const name = normalizeReference(reference)
    this.journal.push(`pullImage ${name}`)
    const found = this.#options.registry?.(name) ?? {}
    progress({ phase: 'downloading', doneBytes: 0, totalBytes: 0 })
    if (found.takes) await this.#clock.sleep(found.takes, signal)
    if (found.fails) throw new RuntimeError(found.fails.code, found.fails.message)
    return this.addImage(name)
  }

  async image(reference: string): Promise<Image | undefined> {
    if (isImageId(reference)) return this.#images.get(canonicalId(reference))
    const name = normalizeReference(reference)
    return [...this.#images.values()].find((i) => i.tags.includes(name) || i.digests.includes(name))
  }

  async images(): Promise<readonly Image[]> { return [...this.#images.values()] }

  async removeImage(id: string): Promise<void> {
    if (this.#images.delete(canonicalId(id))) this.journal.push(`removeImage ${id}`)
  }

  async importImage(_tarPath: string): Promise<readonly string[]> { throw new RuntimeError('unsupported', 'the fake runtime reads no archives: use addImage') }

  async stats(): Promise<readonly ContainerStats[]> {
    return [...this.#containers.values()].filter((h) => h.c.state === 'running')
      .map((h) => ({ containerId: h.c.id, podUid: h.c.podUid, cgroupPath: `/fake/${h.c.id}`, cpuNanos: 1_000_000n, memoryBytes: 1 << 20, workingSetBytes: 1 << 20 }))
  }

  async close(): Promise<void> {
    for (const queue of this.#listeners) queue.close()
    this.#listeners.clear()
  }

  #of(sandboxId: string): Held[] { return [...this.#containers.values()].filter((h) => h.c.sandboxId === sandboxId) }

  #mustRun(containerId: string): void {
    const held = this.#containers.get(containerId)
    if (!held) throw new RuntimeError('not-found', `container ${containerId} does not exist`)
    if (held.c.state !== 'running') throw new RuntimeError('not-found', `container ${containerId} is not running`)
  }

  #end(held: Held, exitCode: number, oomKilled: boolean): void {
    if (held.c.state !== 'running') return
    held.timer?.[Symbol.dispose]()
    Object.assign(held.c, { state: 'exited', exitCode, oomKilled, finishedAt: this.#clock.now(), pid: undefined })
    for (const wake of [...held.waiters.splice(0), ...held.readers.splice(0)]) wake()
    if (oomKilled) this.#emit({ type: 'oom', containerId: held.c.id, podUid: held.c.podUid })
    this.#emit({ type: 'exited', containerId: held.c.id, podUid: held.c.podUid })
  }

  #append(held: Held, text: string): void {
    const time = new Date(this.#clock.now()).toISOString().replace('Z', '000000Z')
    for (const line of text.split(/(?<=\n)/)) held.log.push({ time, line: Buffer.from(line) })
    for (const wake of held.readers.splice(0)) wake()
  }

  #emit(event: RuntimeEvent): void {
    if (this.#losing) return
    for (const queue of this.#listeners) queue.push(event)
  }

  #mayFail(verb: Verb): void {
    const error = this.#failures.get(verb)?.shift()
    if (error) throw error
  }
}
