/**
 * What the kubelet asks of a container engine, shaped like CRI (`k8s.io/cri-api`), one implementation per engine CLI.
 *
 * Ownership: a driver touches only what carries our labels; a user's own containers on the same engine are invisible to us.
 * Idempotence: every verb may be repeated after a crash. Removing what is gone succeeds; starting what is there returns it.
 * Identity: a sandbox is (pod uid, attempt); a container is (sandbox, name, attempt). Drivers derive their ids from these, so that a
 * restarted agent finds what it made, and cannot make it twice.
 */
import type { Millis } from '../../shared/base/brands.ts'
import type { CgroupDriver } from '../../shared/host/cgroup-names.ts'
import type { ImageFiles } from './image-check/image-files.ts'
import type { ResolvedUser } from './user.ts'

export interface SandboxSpec {
  readonly podUid: string
  readonly podName: string
  readonly podNamespace: string
  readonly attempt: number
  readonly hostname: string
  readonly hostNetwork: boolean
  readonly hostPID: boolean
  readonly hostIPC: boolean
  readonly shareProcessNamespace: boolean
  readonly sysctls: Readonly<Record<string, string>>
  /** The engine's runtime that runs the pod (`RuntimeClass.handler`); undefined for its default. */
  readonly runtimeHandler?: string | undefined
  /** Name of the pod's cgroup, `/bramble/burstable/pod<uid>`; made by the kubelet beforehand, where {@link Runtime.cgroupDriver} says. */
  readonly cgroupParent: string
}

export interface Sandbox {
  readonly id: string
  readonly podUid: string
  readonly podName: string
  readonly podNamespace: string
  readonly attempt: number
  readonly state: 'ready' | 'not-ready'
  /** Wall clock. */
  readonly createdAt: Millis
  /** A path that `ip netns`/`nsenter` accept; undefined with hostNetwork and once not ready. */
  readonly netns: string | undefined
}

export interface Mount {
  /** Absolute path on the host; exists before the container is started. */
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
  readonly propagation: 'private' | 'rslave' | 'rshared'
  /** With `readOnly`: what is mounted below is read-only too. Needs Linux 5.12, and runc 1.1 or Docker 25. */
  readonly recursiveReadOnly?: boolean
}

export interface ResourceLimits {
  readonly cpuShares?: number
  /** Microseconds of CPU per period. */
  readonly cpuQuota?: number
  readonly cpuPeriod?: number
  readonly memoryBytes?: number
  readonly pids?: number
}

export interface SecurityOptions {
  readonly uid?: number
  readonly gid?: number
  /** A user name from the image's passwd where the image, not the pod, names the user; the driver resolves it. */
  readonly supplementalGroups: readonly number[]
  /** Without the groups that the image gives the user. Only where {@link Runtime.name} is containerd. */
  readonly strictGroups?: boolean
  readonly privileged: boolean
  readonly readOnlyRootfs: boolean
  readonly noNewPrivileges: boolean
  /** Without the `CAP_` prefix; `ALL` allowed. */
  readonly addCapabilities: readonly string[]
  readonly dropCapabilities: readonly string[]
  readonly seccomp: { readonly type: 'unconfined' | 'runtime-default' } | { readonly type: 'localhost'; readonly path: string }
}

export interface Device { readonly hostPath: string; readonly containerPath: string; readonly permissions: string }

export interface ContainerSpec {
  readonly name: string
  readonly attempt: number
  /** Id of an image that is present ({@link Image.id}). */
  readonly image: string
  /** The image as the pod names it: {@link Container.image} says it again. */
  readonly imageName: string
  /** Replaces the image's entrypoint; undefined keeps it. */
  readonly command: readonly string[] | undefined
  /** Replaces the image's arguments; undefined keeps them unless `command` is given (Kubernetes' rule, not Docker's). */
  readonly args: readonly string[] | undefined
  readonly workingDir: string | undefined
  /** In order; a later one of the same name wins; merged over the image's environment. */
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly mounts: readonly Mount[]
  readonly devices: readonly Device[]
  readonly resources: ResourceLimits
  readonly security: SecurityOptions
  /** -1000..1000; a driver that may not lower it clamps and goes on. */
  readonly oomScoreAdj: number
  readonly stdin: boolean
  readonly stdinOnce: boolean
  readonly tty: boolean
  /** Id of a running container of the pod whose process namespace it joins; undefined for one of its own. */
  readonly pidOf?: string
  /** Where a driver that writes logs itself puts them; the folder exists. A driver whose engine keeps logs ignores it. */
  readonly logPath: string
}

export interface Container {
  readonly id: string
  readonly sandboxId: string
  readonly podUid: string
  readonly name: string
  readonly attempt: number
  readonly state: 'created' | 'running' | 'exited'
  /** Wall clock; undefined until it happened. */
  readonly createdAt: Millis
  readonly startedAt: Millis | undefined
  readonly finishedAt: Millis | undefined
  /** 128 + signal where a signal ended it; undefined until exited. */
  readonly exitCode: number | undefined
  readonly oomKilled: boolean
  /** Why it could not be started, where the engine says. */
  readonly message: string | undefined
  readonly imageId: string
  /** As the pod asked for it. */
  readonly image: string
  readonly pid: number | undefined
  /** Whom its first process runs as at its start, where the driver says so: containerd's does. */
  readonly user?: ResolvedUser | undefined
}

/** Something changed: look again. Events may be lost or repeated (engine restart); the receiver re-reads the state, never trusts the event alone. */
export type RuntimeEvent =
  | { readonly type: 'started' | 'exited' | 'removed' | 'oom'; readonly containerId: string; readonly podUid: string }
  /** The stream was interrupted and is back: relist everything. */
  | { readonly type: 'resync' }
  /** The engine does not answer; repeated while it does not, and ended by a `resync`. */
  | { readonly type: 'down'; readonly message: string }

export interface Image {
  /** Content id: `sha256:...`. */
  readonly id: string
  /** Normalized references: `docker.io/library/nginx:1.27`. */
  readonly tags: readonly string[]
  readonly digests: readonly string[]
  readonly sizeBytes: number
  /** The image config's user (`''` for root): a uid, a name, or uid:gid. */
  readonly user: string
}

/** How far a pull is, in the engine's own rounding. The total grows while layers become known; it is 0 until the first is. */
export interface PullProgress { readonly phase: 'downloading' | 'unpacking'; readonly doneBytes: number; readonly totalBytes: number }

export interface RegistryAuth { readonly username: string; readonly password: string }

export interface ExecRequest { readonly argv: readonly string[]; readonly stdin: boolean; readonly tty: boolean }

/** A running exec or attach. Backpressure is the streams' own. */
export interface Session {
  readonly stdin: NodeJS.WritableStream | undefined
  readonly stdout: NodeJS.ReadableStream
  /** Undefined with a TTY: everything comes on stdout. */
  readonly stderr: NodeJS.ReadableStream | undefined
  resize(columns: number, rows: number): void
  /** Resolves with the exit code once it ended and the streams are drained. */
  readonly exit: Promise<number>
  kill(): void
}

export interface LogOptions {
  readonly follow: boolean
  /** Lines from the end; undefined is all. */
  readonly tailLines: number | undefined
  /** Wall clock; only lines at or after it. */
  readonly since: Millis | undefined
}
export interface LogLine { /** RFC 3339 with nanoseconds, UTC. */ readonly time: string; /** With its newline, where it had one. */ readonly line: Buffer }

export interface ContainerStats {
  readonly containerId: string
  readonly podUid: string
  readonly cpuNanos: bigint
  readonly memoryBytes: number
  readonly workingSetBytes: number
  /** Relative to each controller's mount; where more of it can be read. */
  readonly cgroupPath: string
  readonly pid?: number | undefined
  /** Folder of what the container wrote beside its image; undefined where the engine does not say. */
  readonly writableLayer?: string | undefined
  /** Where the engine keeps its log; undefined where that is {@link ContainerSpec.logPath}. */
  readonly logFolder?: string | undefined
}

export interface Runtime {
  readonly name: 'docker' | 'containerd'
  /** Who keeps the tree of cgroups. */
  readonly cgroupDriver: CgroupDriver
  /** Images as they lie on the disk; left out by a runtime that has no disk. */
  readonly imageFiles?: ImageFiles
  version(): Promise<string>
  runSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox>
  /** Ends every container in it (SIGKILL) and its namespaces. */
  stopSandbox(id: string): Promise<void>
  /** Stops it if need be and forgets it, its containers and their writable layers; logs stay. */
  removeSandbox(id: string): Promise<void>
  /**
   * Creates and starts a container in one go. Throws {@link RuntimeError}: `create-failed` (bad config, missing image or mount) leaves nothing behind;
   * `start-failed` (command not found, not executable) leaves an exited container with exit code 127, 126 or 128 and a message.
   */
  startContainer(sandboxId: string, spec: ContainerSpec, signal: AbortSignal): Promise<Container>
  /** The image's or the default stop signal, then SIGKILL after `grace`. Resolves when it has exited. */
  stopContainer(id: string, grace: Millis): Promise<void>
  removeContainer(id: string): Promise<void>
  /** Everything of ours, whatever its state. */
  list(): Promise<{ readonly sandboxes: readonly Sandbox[]; readonly containers: readonly Container[] }>
  inspect(containerId: string): Promise<Container | undefined>
  /** Events from now on until `signal` aborts; reconnects by itself and then yields `resync`. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>
  /** Runs to the end; output capped at `maxBytes` each. On timeout the process is killed and `timedOut` set. */
  execSync(containerId: string, argv: readonly string[], timeout: Millis, maxBytes: number): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer; timedOut: boolean }>
  exec(containerId: string, request: ExecRequest): Promise<Session>
  attach(containerId: string, request: { stdin: boolean; tty: boolean }): Promise<Session>
  logs(containerId: string, logPath: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>
  /** `progress` is called whenever something moved, also where that is too little to change the numbers. What was downloaded when it fails is kept, where the engine can, and the next call goes on from there. */
  pullImage(reference: string, auth: RegistryAuth | undefined, options: { plainHttp: boolean }, signal: AbortSignal, progress: (at: PullProgress) => void): Promise<Image>
  /** The image a reference names if it is present and whole, undefined otherwise. Accepts what a pod may write: `nginx`, `nginx:1.27`, `r/n@sha256:...`, an id. */
  image(reference: string): Promise<Image | undefined>
  images(): Promise<readonly Image[]>
  removeImage(id: string): Promise<void>
  /** Loads an OCI or docker-archive tar; returns the references it brought. */
  importImage(tarPath: string): Promise<readonly string[]>
  /** Of the running containers; files are read and no process is started. */
  stats(): Promise<readonly ContainerStats[]>
  /** Releases what the driver holds open (event stream, sessions); containers go on. */
  close(): Promise<void>
}

export type RuntimeErrorCode = 'create-failed' | 'start-failed' | 'not-found' | 'image-not-found' | 'pull-failed' | 'pull-denied' | 'invalid-image-name' | 'unavailable' | 'unsupported'

export class RuntimeError extends Error {
  override readonly name = 'RuntimeError'
  readonly code: RuntimeErrorCode
  /** Exit code that the failed start stands for, where there is one. */
  readonly exitCode: number | undefined
  constructor(code: RuntimeErrorCode, message: string, exitCode?: number) { super(message); this.code = code; this.exitCode = exitCode }
}
