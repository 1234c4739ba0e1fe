/**
 * The agent killed at every effect boundary of a pod's start and stop: each program it starts, each change of a file. The next agent finishes what was begun, with
 * one container of each name, and leaves nothing behind; so does one of many that are killed at random in one pod's life. On containerd after every effect, on Docker after every fifth; CHAOS_STEP=1 for every boundary, before and after; CHAOS_SEED for another series.
 */
import { readdir, readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { run, runOk, start } from '../../shared/host/exec.ts'
import { sandboxId } from '../../node-agent/runtime/containerd/records.ts'
import { startContainerd, startDockerd } from '../testbed/daemons.ts'
import { writeTestImage } from '../testbed/images.ts'

type Kind = 'containerd' | 'docker'

/** One machine: an engine, a network namespace, a folder; agents come and go on it. */
class Bench {
  readonly kind: Kind
  readonly tag: string
  readonly netns: string
  readonly engine: Awaited<ReturnType<typeof startContainerd>>
  #round = 0
  #before: ReadonlySet<string> = new Set()
  private constructor(kind: Kind, engine: Bench['engine']) {
    this.kind = kind
    this.engine = engine
    this.tag = `chaos${kind[0]}${process.pid}`
    this.netns = `brx${kind[0]}${process.pid % 10_000}`
  }

  static async open(kind: Kind): Promise<Bench> {
    const bench = new Bench(kind, kind === 'docker' ? await startDockerd() : await startContainerd())
    // Of an interrupted run whose process had this number.
    await run(['ip', 'netns', 'del', bench.netns])
    await runOk(['ip', 'netns', 'add', bench.netns])
    await runOk(['ip', '-n', bench.netns, 'link', 'set', 'lo', 'up'])
    const tar = join(bench.engine.dir, 'image.tar')
    await writeTestImage(tar)
    await runOk(kind === 'docker' ? ['docker', '--host', bench.engine.address, 'load', '--input', tar] : ['ctr', '--address', bench.engine.address, '--namespace', bench.tag, 'images', 'import', tar])
    return bench
  }

  get uid(): string { return `${this.tag}-${this.#round}` }
  /** What is there of this machine's pods, by kind. */
  async traces(): Promise<string[]> {
    const list = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])
    const { dir } = this.engine
    // Other agents of this machine have theirs.
    const ours = new Set([0, 1, 2, 3, 4, 5].map((attempt) => `bramble-${sandboxId(this.tag, this.uid, attempt).slice(0, 16)}`))
    const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((l) => l.split(' ')[4] ?? '').filter((m) => m.startsWith(join(dir, 'agent')) || m.startsWith(`/run/bramble-chaos-${this.tag}`) || ours.has(m.slice('/run/netns/'.length)))
    const links = (await runOk(['ip', '-n', this.netns, '-o', 'link', 'show', 'type', 'veth'])).toString().split('\n').map((l) => l.split(':')[1]?.trim() ?? '').filter(Boolean)
    const folders = await Promise.all(['agent/kubelet/pods', 'agent/kubelet/logs', 'agent/kubelet/memory', 'agent/runtime/containers', 'agent/runtime/sandboxes'].map(async (f) => (await list(join(dir, f))).map((n) => `${f}/${n}`)))
    const state = await Promise.all(['pods', 'io', 'exec'].map(async (f) => (await list(`/run/bramble-chaos-${this.tag}/${f}`)).map((n) => `run/${f}/${n}`)))
    const root = existsSync('/sys/fs/cgroup/memory') ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup'
    const cgroups = (await Promise.all(['', '/besteffort', '/burstable'].map((q) => list(`${root}/${this.tag}${q}`)))).flat().filter((n) => n.startsWith('pod'))
    return [...mounts.map((m) => `mount ${m}`), ...(await list('/run/netns')).filter((n) => ours.has(n)).map((n) => `netns ${n}`), ...links.map((l) => `veth ${l}`), ...folders.flat(), ...state.flat(), ...cgroups.map((c) => `cgroup ${c}`), ...await this.containers()].sort()
  }

  async containers(): Promise<string[]> {
    const argv = this.kind === 'docker' ? ['docker', '--host', this.engine.address, 'ps', '--all', '--quiet', '--filter', `label=bramble.owner=${this.tag}`] : ['ctr', '--address', this.engine.address, '--namespace', this.tag, 'containers', 'ls', '-q']
    return (await runOk(argv)).toString().split('\n').filter(Boolean).map((id) => `container ${id.slice(0, 12)}`)
  }

  /** Processes named `sleep SECONDS` of this pod: as many as containers of the name run. A container runs before its shell has got that far: the first is waited for. */
  async mains(seconds = 1_000_000): Promise<number> {
    const deadline = performance.now() + 60_000
    for (;;) {
      const count = await this.#sleepers(seconds)
      if (count > 0 || performance.now() > deadline) return count
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async #sleepers(seconds: number): Promise<number> {
    const root = existsSync('/sys/fs/cgroup/pids') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup'
    const classes = ['besteffort', 'burstable'].map((q) => `${root}/${this.tag}/${q}/pod${this.uid}`)
    const groups = (await Promise.all(classes.map(async (pod) => (await readdir(pod, { withFileTypes: true }).catch(() => [])).filter((e) => e.isDirectory()).map((e) => join(pod, e.name))))).flat()
    const lines = await Promise.all(groups.map(async (g) => (await readFile(join(g, 'cgroup.procs'), 'utf8').catch(() => '')).split('\n').filter(Boolean)))
    const commands = await Promise.all(lines.flat().map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
    return commands.filter((c) => c.startsWith(`sleep\u0000${seconds}`)).length
  }

  async begin(): Promise<void> { this.#round++; this.#before = new Set(await this.traces()) }
  /** What was not there at the beginning of the round. */
  async leaked(): Promise<string[]> { return (await this.traces()).filter((t) => !this.#before.has(t)) }

  agent(rich = false): Agent { return new Agent(this, rich) }

  async close(): Promise<void> {
    await run(['ip', 'netns', 'del', this.netns])
    await run(['umount', join(this.engine.dir, 'agent/kubelet/memory')])
    await this.engine.stop()
  }
}

class Agent {
  readonly #child
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>
  #errors = ''
  constructor(bench: Bench, rich: boolean) {
    const setting = { runtime: bench.kind, address: bench.engine.address, dir: join(bench.engine.dir, 'agent'), tag: bench.tag, uid: bench.uid, rich }
    this.#child = start(['nsenter', `--net=/run/netns/${bench.netns}`, process.execPath, '--import', join(import.meta.dirname, 'kill-at.ts'), join(import.meta.dirname, 'one-pod-agent.ts'), JSON.stringify(setting)], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stderr?.on('data', (d: Buffer) => { this.#errors = (this.#errors + d.toString()).slice(-4000) })
    // Killed at any time, also between two orders: that it does not answer says so.
    this.#child.stdin?.on('error', () => undefined)
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  /** The answer, or undefined where it was killed on the way. */
  async tell(line: string): Promise<string | undefined> {
    this.#child.stdin?.write(`${line}\n`)
    const next = await this.#lines.next()
    if (!next.done) return next.value
    await this.#ended
    if (this.#child.signalCode !== 'SIGKILL' && this.#child.exitCode !== 137) throw new Error(`the agent ended by itself: ${this.#errors}`)
    return undefined
  }

  async end(): Promise<void> {
    this.#child.stdin?.end('end\n')
    await this.#ended
  }
}

let bench: Bench | undefined
afterEach(async () => { await bench?.close(); bench = undefined })

/** One life with a kill on the way up and one on the way down. Answers whether either happened. */
async function life(b: Bench, at: number): Promise<boolean> {
  await b.begin()
  const first = b.agent()
  const killedUp = await first.tell(`start ${at}`) === undefined
  const second = killedUp ? b.agent() : first
  if (killedUp) expect(await second.tell('start -'), `start after a kill at ${at}`).toMatch(/^ready/)
  expect(await b.mains(), `running containers after a kill at ${at} of the start`).toBe(1)
  const killedDown = await second.tell(`stop ${at}`) === undefined
  const third = killedDown ? b.agent() : second
  if (killedDown) expect(await third.tell('stop -'), `stop after a kill at ${at}`).toMatch(/^gone/)
  if (at < 1_000_000) expect(await b.leaked(), `left behind after a kill at ${at} of start or stop`).toEqual([])
  await third.end()
  return killedUp || killedDown
}

/** A life of a pod with everything, each of its turns done by as many agents as it takes: each but the last is killed at a boundary drawn by lot. Answers how many were. */
async function hardLife(b: Bench, draw: (below: number) => number): Promise<number> {
  await b.begin()
  let kills = 0
  let agent = b.agent(true)
  const history: string[] = []
  const turn = async (verb: string): Promise<void> => {
    for (let left = 1 + draw(3); ; left--) {
      const line = `${verb} ${left > 0 ? draw(verb === 'start' ? 60 : 24) : '-'}`
      history.push(line)
      const said = await agent.tell(line)
      if (said !== undefined) { expect(said, history.join(', ')).toMatch(verb === 'stop' ? /^gone/ : /^ready/); return }
      kills++
      agent = b.agent(true)
      if (verb === 'restart' || verb === 'resize') expect(await agent.tell('start -'), history.join(', ')).toMatch(/^ready/)
    }
  }
  for (const verb of ['start', 'restart', 'resize', 'stop']) {
    await turn(verb)
    if (verb !== 'stop') expect([await b.mains(), await b.mains(2_000_000)], history.join(', ')).toEqual([1, 1])
  }
  expect(await b.leaked(), history.join(', ')).toEqual([])
  await agent.end()
  return kills
}

describe('many agents killed in one pod\'s life', () => {
  it.each(['containerd', 'docker'] as const)('on %s leave one container of each name, and nothing in the end', async (kind) => {
    bench = await Bench.open(kind)
    await runOk(['mkdir', '-p', join(bench.engine.dir, 'agent')])
    await life(bench, 1_000_000)
    const seed = Number(process.env['CHAOS_SEED'] ?? 20_261_129)
    let state = seed
    // A linear congruential generator: the series of a seed is the same everywhere.
    const draw = (below: number): number => { state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; return Math.floor((state / 2 ** 32) * below) }
    let kills = 0
    const lives = Number(process.env['CHAOS_LIVES'] ?? 1)
    for (let i = 0; i < lives; i++) kills += await hardLife(bench, draw)
    expect(kills).toBeGreaterThan(0)
    console.info(`${kind}: ${kills} kills in ${lives} lives, seed ${seed}`)
  }, 1_800_000)
})

describe('the agent killed at any boundary', () => {
  it.each([['containerd', 2], ['docker', 10]] as const)('on %s starts and stops its pod once, and leaves nothing', async (kind, step) => {
    bench = await Bench.open(kind)
    await runOk(['mkdir', '-p', join(bench.engine.dir, 'agent')])
    const stride = Number(process.env['CHAOS_STEP'] ?? step)
    // What an agent makes once for the machine (its bridge, a tmpfs) is there after a first, undisturbed life.
    await life(bench, 1_000_000)
    let kills = 0
    for (let at = stride === 1 ? 0 : 1; await life(bench, at); at += stride) kills++
    expect(kills).toBeGreaterThan(20 / stride)
    console.info(`${kind}: killed at ${kills} boundaries of start and stop`)
  }, 1_800_000)
})
