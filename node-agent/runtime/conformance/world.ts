/** What the suite runs in: one implementation, and what every part of the suite does with it. */
import { join } from 'node:path'
import type { Container, ContainerSpec, LogLine, LogOptions, Runtime, Sandbox, SandboxSpec } from '../runtime.ts'

export interface Fixture {
  readonly runtime: () => Runtime
  /** A folder of the test's. */
  readonly dir: string
  /** Id of the busybox test image, present. */
  readonly image: string
  /** The driver object dies without closing and a new one takes over, as after kill -9 of the agent. */
  restartAgent?(): Promise<void>
  /** The engine is killed and started again under running containers. */
  restartEngine?(): Promise<void>
  /** A container of somebody else's on the same engine: made, and whether it still runs. */
  foreign?: { make(): Promise<void>; runs(): Promise<boolean>; remove(): Promise<void> }
  stop(): Promise<void>
}

export const never = new AbortController().signal
let serial = 0

export function sandboxSpec(over: Partial<SandboxSpec> = {}): SandboxSpec {
  const n = ++serial
  return {
    podUid: `00000000-0000-4000-8000-${String(process.pid).padStart(6, '0')}${String(n).padStart(6, '0')}`, podName: `pod-${n}`, podNamespace: 'default', attempt: 0, hostname: `pod-${n}`, hostNetwork: false, hostPID: false, hostIPC: false,
    shareProcessNamespace: false, sysctls: {}, cgroupParent: `/bramble-test-${process.pid}/pod${n}`, ...over,
  }
}

/** What is observed from inside a container, or of its log's bytes, is asked of engines only; a fake has no inside. */
export type Kind = 'engine' | 'fake'

/** For a program that makes `/ready` once it handles its signals. */
export const untilReady = ['sh', '-c', 'until [ -e /ready ]; do sleep 0.05; done'] as const

export interface World {
  readonly kind: Kind
  readonly fixture: () => Fixture
  readonly rt: () => Runtime
  /** A container that sleeps, with a log of its own. */
  spec(over?: Partial<ContainerSpec>): ContainerSpec
  /** Does `work` in a pod that is removed afterwards. */
  pod<T>(over: Partial<SandboxSpec>, work: (s: Sandbox) => Promise<T>): Promise<T>
  /** The container once it has ended. */
  ended(id: string): Promise<Container>
  logOf(c: Container, logPath: string, options?: Partial<LogOptions>): Promise<LogLine[]>
  /** Runs one to its end; `begun` is called once it is started. */
  outputOf(s: Sandbox, over: Partial<ContainerSpec>, begun?: (c: Container) => Promise<void>): Promise<{ c: Container; text: string }>
  /** Runs a program in a container; rejects where it does not end with 0. */
  succeeds(containerId: string, argv: readonly string[]): Promise<void>
}

export function worldOf(kind: Kind, fixture: () => Fixture): World {
  const rt = (): Runtime => fixture().runtime()
  const spec = (over: Partial<ContainerSpec> = {}): ContainerSpec => ({
    name: 'main', attempt: 0, image: fixture().image, imageName: 'as/it:asked', command: ['sleep', '1000'], args: undefined, workingDir: undefined, env: [], mounts: [], devices: [], resources: {}, oomScoreAdj: 0, stdin: false, stdinOnce: false, tty: false,
    logPath: join(fixture().dir, `log-${++serial}`),
    security: { supplementalGroups: [], privileged: false, readOnlyRootfs: false, noNewPrivileges: false, addCapabilities: [], dropCapabilities: [], seccomp: { type: 'unconfined' } }, ...over,
  })
  const pod = async <T>(over: Partial<SandboxSpec>, work: (s: Sandbox) => Promise<T>): Promise<T> => {
    const s = await rt().runSandbox(sandboxSpec(over), never)
    try { return await work(s) } finally { await rt().removeSandbox(s.id) }
  }
  const ended = async (id: string): Promise<Container> => {
    const stop = new AbortController()
    try {
      const events = rt().events(stop.signal)[Symbol.asyncIterator]()
      for (;;) {
        const c = await rt().inspect(id)
        if (c?.state === 'exited') return c
        await events.next()
      }
    } finally { stop.abort() }
  }
  const logOf = async (c: Container, logPath: string, options: Partial<LogOptions> = {}): Promise<LogLine[]> => {
    const lines: LogLine[] = []
    for await (const line of rt().logs(c.id, logPath, { follow: false, tailLines: undefined, since: undefined, ...options }, never)) lines.push(line)
    return lines
  }
  const succeeds = async (containerId: string, argv: readonly string[]): Promise<void> => {
    const { exitCode, timedOut, stderr } = await rt().execSync(containerId, argv, 30_000, 1000)
    if (exitCode !== 0 || timedOut) throw new Error(`${argv.join(' ')} in ${containerId} ended with ${exitCode}${timedOut ? ' after its time' : ''}: ${stderr.toString()}`)
  }
  const outputOf = async (s: Sandbox, over: Partial<ContainerSpec>, begun?: (c: Container) => Promise<void>): Promise<{ c: Container; text: string }> => {
    const wanted = spec({ name: `c${++serial}`, ...over })
    const started = await rt().startContainer(s.id, wanted, never)
    await begun?.(started)
    const lines = await logOf(started, wanted.logPath, { follow: true })
    return { c: await ended(started.id), text: Buffer.concat(lines.map((l) => l.line)).toString() }
  }
  return { kind, fixture, rt, spec, pod, ended, logOf, outputOf, succeeds }
}
