/**
 * A cluster of real processes on this machine: one control plane, one node whose network is a namespace of its own (its bridge,
 * addresses and iptables touch nothing else), on a private containerd or dockerd. Everything is ended and removed by `stop`.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from 'node:net'
import { mallocEnv } from '../../scripts/bundle.ts'
import { run, runOk, start } from '../../shared/host/exec.ts'
import { readIfThere } from '../../shared/host/files.ts'
import { startContainerd, startDockerd, testFolder, type Daemon } from './daemons.ts'
import { writeTestImage } from './images.ts'
import { Kubectl, kubectls } from './kubectl.ts'

const root = join(import.meta.dirname, '../..')
const node = process.execPath

export interface ClusterOptions {
  readonly runtime: 'containerd' | 'docker'
  /** Argv prefix of the programs: sources by default, bundles or single executables for the tests of those. */
  readonly programs?: { readonly controlPlane: readonly string[]; readonly nodeAgent: readonly string[] }
  readonly controlPlaneFlags?: readonly string[]
  readonly agentFlags?: readonly string[]
  readonly nodeName?: string
  /** Holds everything of the cluster and of its engine, a disk of their own perhaps; a new folder where left out. */
  readonly folder?: string
}

const sources = { controlPlane: [node, join(root, 'control-plane/main.ts')], nodeAgent: [node, join(root, 'node-agent/main.ts')] } as const

const given = new Set<number>()

/** A TCP port nobody listens on now, never the same twice: the kernel may hand out one that was just closed again. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}

/** Calls `attempt` until it answers something; the last error or `what` after `patience` milliseconds. For waiting on what another process does. */
export async function eventually<T>(what: string, attempt: () => Promise<T | undefined | false>, patience = 60_000, pause = 100): Promise<T> {
  const deadline = performance.now() + patience
  let last: unknown
  for (;;) {
    try {
      const answer = await attempt()
      if (answer !== undefined && answer !== false) return answer
      last = undefined
    } catch (e) {
      last = e
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patience / 1000} s`, { cause: last })
    await sleep(pause)
  }
}

class Process {
  readonly #argv: readonly string[]
  readonly #log: string
  #child: ChildProcess | undefined
  constructor(argv: readonly string[], log: string) { this.#argv = argv; this.#log = log }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('not running')
    return pid
  }
  get alive(): boolean { return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null }

  async start(extra: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<void> {
    const { open } = await import('node:fs/promises')
    const file = await open(this.#log, 'a')
    const child = start([...this.#argv, ...extra], { stdio: ['ignore', file.fd, file.fd], env: { ...process.env, ...mallocEnv, ...env } })
    await new Promise<void>((resolve, reject) => { child.once('spawn', () => resolve()); child.once('error', reject) })
    await file.close()
    this.#child = child
  }

  /** Resolves when it is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || !this.alive) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  async log(): Promise<string> { return await readFile(this.#log, 'utf8') }
}

/** Tells clusters of test programs that run at the same time apart. */
const slot = 1 + process.pid % 250
/** Address of this machine as the node of a cluster sees it. */
export const hostAddress = `10.203.${slot}.1`

export class Cluster {
  readonly dir: string
  readonly apiPort: number
  readonly mqttPort: number
  readonly nodeName: string
  readonly kubeconfig: string
  readonly controlPlane: Process
  readonly agent: Process
  readonly engine: Daemon
  readonly options: ClusterOptions
  /** Node's network namespace, and the addresses of host and node on the link between them. */
  readonly netns: string
  readonly hostIp: string
  readonly nodeIp: string
  readonly #agentFlags: readonly string[]

  private constructor(o: { dir: string; apiPort: number; mqttPort: number; engine: Cluster['engine']; options: ClusterOptions; slot: number }) {
    const programs = o.options.programs ?? sources
    this.dir = o.dir
    this.apiPort = o.apiPort
    this.mqttPort = o.mqttPort
    this.engine = o.engine
    this.options = o.options
    this.nodeName = o.options.nodeName ?? 'pi-1'
    this.kubeconfig = join(o.dir, 'cp/admin.kubeconfig')
    this.netns = `brt${o.slot}`
    this.hostIp = `10.203.${o.slot}.1`
    this.nodeIp = `10.203.${o.slot}.2`
    this.controlPlane = new Process([...programs.controlPlane, '--data-dir', join(o.dir, 'cp'), '--api-port', String(o.apiPort), '--mqtt-port', String(o.mqttPort), '--tls-name', this.hostIp, '--log-level', 'debug', ...(o.options.controlPlaneFlags ?? [])], join(o.dir, 'control-plane.log'))
    const engineFlags = o.options.runtime === 'docker' ? ['--docker-host', o.engine.address] : ['--containerd-address', o.engine.address]
    this.#agentFlags = ['--data-dir', join(o.dir, 'agent'), '--node-name', this.nodeName, '--runtime', o.options.runtime, ...engineFlags, ...(o.options.agentFlags ?? [])]
    this.agent = new Process(['nsenter', `--net=/run/netns/${this.netns}`, ...programs.nodeAgent, '--server', `https://${this.hostIp}:${o.apiPort}`, '--log-level', 'debug', ...this.#agentFlags], join(o.dir, 'node-agent.log'))
  }

  /** Starts everything and waits until the node is Ready. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const dir = options.folder === undefined ? await testFolder('cluster') : join(options.folder, 'cluster')
    await mkdir(dir, { recursive: true })
    const at = options.folder === undefined ? undefined : join(options.folder, 'engine')
    const engine = options.runtime === 'docker' ? await startDockerd(at) : await startContainerd(at)
    const cluster = new Cluster({ dir, apiPort: await freePort(), mqttPort: await freePort(), engine, options, slot })
    try {
      await cluster.#network()
      await mkdir(join(dir, 'agent/images'), { recursive: true })
      await writeTestImage(join(dir, 'agent/images/test.tar'))
      await cluster.startControlPlane()
      await cluster.startAgent()
      await cluster.nodeReady()
      return cluster
    } catch (e) {
      const [cp, agent] = await Promise.all([cluster.controlPlane.log().catch(String), cluster.agent.log().catch(String)])
      // What cannot be cleaned up must not hide why.
      const left = await cluster.stop().then(() => '', (error: unknown) => ` (and then: ${(error as Error).message})`)
      throw new Error(`the cluster did not start: ${(e as Error).message}${left}\n-- control plane\n${cp.slice(-4000)}\n-- agent\n${agent.slice(-4000)}`, { cause: e })
    }
  }

  async #network(): Promise<void> {
    const [outside, inside] = [`${this.netns}h`, `${this.netns}n`]
    await run(['ip', 'netns', 'del', this.netns])
    await run(['ip', 'link', 'del', outside])
    await runOk(['ip', 'netns', 'add', this.netns])
    await runOk(['ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', this.netns])
    await runOk(['ip', 'addr', 'add', `${this.hostIp}/24`, 'dev', outside])
    await runOk(['ip', 'link', 'set', outside, 'up'])
    await runOk(['ip', '-n', this.netns, 'addr', 'add', `${this.nodeIp}/24`, 'dev', inside])
    await runOk(['ip', '-n', this.netns, 'link', 'set', inside, 'up'])
    await runOk(['ip', '-n', this.netns, 'link', 'set', 'lo', 'up'])
    await runOk(['ip', '-n', this.netns, 'route', 'add', 'default', 'via', this.hostIp])
  }

  async startControlPlane(): Promise<void> {
    await this.controlPlane.start()
    await eventually('the API is ready', async () => {
      if (!this.controlPlane.alive) throw new Error('the control plane ended')
      return await readIfThere(this.kubeconfig) !== undefined && (await this.bramble(['ready'])).exitCode === 0
    }, 90_000)
  }

  async startAgent(): Promise<void> {
    const joined = await readIfThere(join(this.dir, 'agent/link/node.pem')) !== undefined
    await this.agent.start([], joined ? {} : { BRAMBLE_TOKEN: (await runOk(this.cli(['token', 'create']))).toString().trim() })
  }

  nodeReady(): Promise<true> {
    return eventually('the node is Ready', async () => {
      if (!this.agent.alive) throw new Error('the agent ended')
      const result = await this.bramble(['get', 'nodes', this.nodeName, '-o', 'json'])
      if (result.exitCode !== 0) return undefined
      const { status } = JSON.parse(result.stdout.toString()) as { status?: { conditions?: { type: string; status: string }[] } }
      return status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ? true : undefined
    }, 60_000)
  }

  cli(args: readonly string[]): string[] { return [node, join(root, 'control-plane/cli/main.ts'), '--kubeconfig', this.kubeconfig, ...args] }
  bramble(args: readonly string[]) { return run(this.cli(args)) }
  async kubectl(version?: string): Promise<Kubectl> {
    const [binary] = await kubectls(version ? [version] : ['1.33'])
    if (!binary) throw new Error(`no kubectl ${version}`)
    return new Kubectl(binary, this.kubeconfig)
  }

  /** Runs a command in the node's network namespace. */
  onNode(argv: readonly string[]) { return run(['nsenter', `--net=/run/netns/${this.netns}`, ...argv], { timeout: 20_000 }) }
  async curl(url: string): Promise<string> {
    const result = await this.onNode(['curl', '-sS', '--max-time', '3', url])
    if (result.exitCode !== 0) throw new Error(result.stderr.toString())
    return result.stdout.toString()
  }

  /** Programs the agent has started that still run. */
  async childrenOfAgent(): Promise<number[]> {
    const { pid } = this.agent
    const lists = await Promise.all((await readdir(`/proc/${pid}/task`)).map((t) => readFile(`/proc/${pid}/task/${t}/children`, 'utf8').catch(() => '')))
    return lists.flatMap((l) => l.trim().split(' ').filter(Boolean).map(Number))
  }

  /** Containers of ours on the engine, running ones only, pause containers not counted. */
  async runningContainers(): Promise<string[]> {
    const text = this.options.runtime === 'docker'
      ? await runOk(['docker', '-H', this.engine.address, 'ps', '-q', '--no-trunc', '--filter', 'label=bramble.kind=container'])
      : await runOk(['ctr', '--address', this.engine.address, '-n', 'bramble', 'tasks', 'ls'])
    const lines = text.toString().trim().split('\n').filter(Boolean)
    return this.options.runtime === 'docker' ? lines : lines.slice(1).filter((l) => / RUNNING$/.test(l.trim())).map((l) => l.split(/\s+/)[0] as string)
  }

  /**
   * What a power cut leaves: no process of any container, no rule, no bridge, no namespace. Files stay. The engine is started anew by
   * its supervisor, so it goes on running here. Call with agent and control plane killed.
   */
  async powerCut(): Promise<void> {
    if (this.options.runtime === 'docker') {
      const ids = (await runOk(['docker', '-H', this.engine.address, 'ps', '-q', '--filter', 'label=bramble.kind'])).toString().trim().split('\n').filter(Boolean)
      if (ids.length) await runOk(['docker', '-H', this.engine.address, 'kill', ...ids])
    } else {
      const ctr = (...args: string[]) => runOk(['ctr', '--address', this.engine.address, '-n', 'bramble', ...args])
      const tasks = (await ctr('tasks', 'ls', '-q')).toString().trim().split('\n').filter(Boolean)
      if (tasks.length) await Promise.all(tasks.map((id) => run(['ctr', '--address', this.engine.address, '-n', 'bramble', 'tasks', 'kill', '-s', 'SIGKILL', id])))
      await eventually('every task has ended', async () => (await this.runningContainers()).length === 0, 20_000)
    }
    // What lives in memory: the pods' namespaces (their links end with them) and everything below /run.
    const state = `/run/bramble/${createHash('sha256').update(join(this.dir, 'agent')).digest('hex').slice(0, 8)}`
    const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((l) => l.split(' ')[4] ?? '').filter((m) => m.startsWith(`${state}/`) || m.startsWith(`${this.dir}/agent/`))
    const namespaces = (await readdir(join(this.dir, 'agent/runtime/sandboxes')).catch(() => [])).map((id) => `/run/netns/bramble-${id.slice(0, 16)}`)
    const mounted = [...mounts.toReversed(), ...namespaces]
    if (mounted.length) await run(['umount', '-l', '--', ...mounted])
    for (const path of [state, ...namespaces]) await rm(path, { recursive: true, force: true })
    for (const table of ['nat', 'filter']) await this.onNode(['iptables', '-t', table, '-F'])
    for (const table of ['nat', 'filter']) await this.onNode(['iptables', '-t', table, '-X'])
    await this.onNode(['ip', 'link', 'del', 'bramble0'])
    const links = (await this.onNode(['ip', '-br', 'link', 'show', 'type', 'veth'])).stdout.toString().split('\n').map((l) => l.split(/[@ ]/)[0] ?? '').filter((l) => l && !l.startsWith(this.netns))
    for (const link of links) await this.onNode(['ip', 'link', 'del', link])
  }

  /** Ends the processes and removes every container, mount, namespace, link and file. */
  async stop(): Promise<void> {
    await this.agent.kill('SIGTERM')
    await this.controlPlane.kill('SIGTERM')
    const programs = this.options.programs ?? sources
    const cleaned = await run(['nsenter', `--net=/run/netns/${this.netns}`, ...programs.nodeAgent, 'clean', ...this.#agentFlags], { timeout: 240_000 })
    await this.engine.stop()
    await run(['ip', 'netns', 'del', this.netns])
    await run(['ip', 'link', 'del', `${this.netns}h`])
    if (process.env.BRAMBLE_KEEP === undefined) await rm(this.dir, { recursive: true, force: true })
    if (cleaned.exitCode !== 0) throw new Error(`clean failed: ${cleaned.stderr.toString()}`)
  }

  /** Keeps both logs beside the tests' output for a failure that must be read. */
  async saveLogs(prefix: string): Promise<void> {
    await writeFile(`${prefix}-control-plane.log`, await this.controlPlane.log())
    await writeFile(`${prefix}-node-agent.log`, await this.agent.log())
  }
}
