/**
 * Container engines of a test's own: on private sockets and directories, ended by their process id, leaving no mount or shim behind.
 */
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { watch } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { run, start } from '../../shared/host/exec.ts'
import { cgroupDriverOf } from '../../node-agent/runtime/docker/cgroup-driver.ts'
import type { CgroupDriver } from '../../shared/host/cgroup-names.ts'
import { ignore } from '../../shared/base/ignore.ts'

export interface Daemon {
  /** Its folder: sockets, state, data, log. */
  readonly dir: string
  /** `/…/containerd.sock`, or `unix:///…/docker.sock`. */
  readonly address: string
  readonly pid: number
  /** SIGKILL, as a crash; its containers live on. */
  kill(): Promise<void>
  /** Kills with it its inner daemon, its shims, whatever it has started. As a power cut would; nothing has a file in its folder open then. */
  killAll(): Promise<void>
  /** Starts it again after {@link kill}, on the same state. */
  restart(): Promise<void>
  /** Ends it and every process and mount under its folder, and removes the folder. */
  stop(): Promise<void>
  /** Of a dockerd: the one that it takes by itself on this machine, which under systemd and cgroup v2 is another than elsewhere. */
  readonly cgroupDriver?: CgroupDriver
}

const waitFor = async (what: string, check: () => Promise<boolean>, folder: string, died: Promise<number>): Promise<void> => {
  const abort = new AbortController()
  let look: PromiseWithResolvers<void> | undefined
  const watcher = watch(folder, { signal: abort.signal })
  watcher.on('change', () => look?.resolve())
  watcher.on('error', () => undefined)
  const deadline = setTimeout(() => abort.abort(new Error(`${what} was not ready within 60 s`)), 60_000)
  const gone = died.then((code) => { throw new Error(`${what} ended with ${code} before it was ready; see its log in ${folder}`) })
  try {
    while (!(await check())) {
      const changed = Promise.withResolvers<void>()
      look = changed
      // A socket file appears a moment before the daemon accepts on it: the connection is tried again, as there is no event for that.
      setTimeout(changed.resolve, 20)
      await Promise.race([changed.promise, gone])
      abort.signal.throwIfAborted()
    }
  } finally {
    void ignore(gone, 'awaited above')
    clearTimeout(deadline)
    watcher.close()
  }
}

const accepts = (path: string): Promise<boolean> => new Promise((resolve) => {
  const socket = connect(path)
  socket.once('connect', () => { socket.destroy(); resolve(true) })
  socket.once('error', () => resolve(false))
})

async function daemon(options: { name: string; dir: string; argv: readonly string[]; socket: string; address: string; inner?: Daemon }): Promise<Daemon> {
  let pid = 0
  let exited: Promise<number> = Promise.resolve(0)
  const launch = async (): Promise<void> => {
    const log = await open(join(options.dir, `${options.name}.log`), 'a')
    const child = start(options.argv, { stdio: ['ignore', log.fd, log.fd], detached: true })
    exited = new Promise((resolve, reject) => { child.once('exit', (code, signal) => resolve(code ?? (signal ? 128 : 0))); child.once('error', reject) })
    void ignore(exited, 'awaited where it is ended')
    pid = child.pid ?? 0
    await log.close()
    await waitFor(options.name, () => accepts(options.socket), options.dir, exited)
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    try { process.kill(pid, signal) } catch (e) { if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e }
    await exited
  }
  await launch()
  return {
    dir: options.dir, address: options.address, get pid() { return pid },
    kill: async () => { await end('SIGKILL'); await rm(options.socket, { force: true }) },
    killAll: async () => {
      // A layer being unpacked is a process of its own, in the store.
      const children = await allChildrenOf(pid)
      await end('SIGKILL')
      await rm(options.socket, { force: true })
      await options.inner?.killAll()
      for (const child of children) killQuietly(child)
      await Promise.all(children.map(gone))
      await sweep(options.dir)
    },
    restart: launch,
    stop: async () => {
      await end('SIGTERM')
      await options.inner?.stop()
      await sweep(options.dir)
      await rm(options.dir, { recursive: true, force: true })
    },
  }
}

/**
 * Ends the processes that name the folder on their command line (shims, their containers' init), has runc forget their containers, then
 * unmounts what is mounted in it. runc's state and cgroups lie outside of the folder: left there, the next container of the name could not start.
 */
async function sweep(dir: string): Promise<void> {
  const killed: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const args = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (!args.includes('containerd-shim') || !args.includes(`${dir}/`)) continue
    const pids = [...await childrenOf(name), Number(name)]
    for (const pid of pids) killQuietly(pid)
    killed.push(...pids)
    const argv = args.split('\0')
    const after = (flag: string): string => argv[argv.indexOf(flag) + 1] ?? ''
    const [namespace, id] = [after('-namespace'), after('-id')]
    if (namespace && id) await run(['runc', '--root', `/run/containerd/runc/${namespace}`, 'delete', '--force', id])
  }
  // What they had open can be taken away then.
  await Promise.all(killed.map(gone))
  await unmountUnder(dir)
}

const childrenOf = async (pid: string): Promise<number[]> => (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).trim().split(' ').filter(Boolean).map(Number)

/** Whichever thread has started them. */
async function allChildrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
  return (await Promise.all(tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')))).flatMap((text) => text.trim().split(' ').filter(Boolean).map(Number))
}

/** Nobody tells of the end of a process that is not ours: looked for. */
async function gone(pid: number): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State: Z'))) {
    if (performance.now() > deadline) throw new Error(`process ${pid} was killed and does not end`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function killQuietly(pid: number): void {
  try { process.kill(pid, 'SIGKILL') } catch (e) { if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e }
}

/** Unmounts everything mounted below a folder, innermost first. */
export async function unmountUnder(dir: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(`${dir}/`))
  if (mounts.length > 0) await run(['umount', '-l', '--', ...mounts.reverse()])
}

/** A folder for a test, on a real file system (overlay cannot lie on overlay). */
export async function testFolder(name: string): Promise<string> {
  await mkdir('/var/tmp/bramble-test', { recursive: true })
  return mkdtemp(`/var/tmp/bramble-test/${name}-`)
}

/** A containerd without CRI, in `at` or a folder of its own. */
export async function startContainerd(at?: string): Promise<Daemon> {
  const dir = await folderFor('containerd', at)
  const socket = join(dir, 'c.sock')
  await writeFile(join(dir, 'config.toml'), `version = 2
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${socket}"
[debug]
  level = "warn"
`)
  return daemon({ name: 'containerd', dir, argv: ['containerd', '-c', join(dir, 'config.toml')], socket, address: socket })
}

async function folderFor(name: string, at: string | undefined): Promise<string> {
  if (at === undefined) return testFolder(name)
  await mkdir(at, { recursive: true })
  return at
}

/**
 * A dockerd without bridge or iptables, in `at` or a folder of its own. It has a containerd beside it, as Debian's package does: one that it
 * started itself would die with it, and its containers be lost when it is killed.
 */
export async function startDockerd(at?: string): Promise<Daemon> {
  const dir = await folderFor('dockerd', at)
  const inner = await startContainerd(join(dir, 'containerd'))
  const socket = join(dir, 'd.sock')
  const argv = [
    'dockerd', '-H', `unix://${socket}`, '--containerd', inner.address, '--data-root', join(dir, 'root'), '--exec-root', join(dir, 'exec'), '--pidfile', join(dir, 'd.pid'), '--bridge', 'none', '--iptables=false', '--ip6tables=false',
    '--ip-forward=false', '--ip-masq=false', '--live-restore', '--log-level', 'warn', '--config-file', join(dir, 'none.json'),
  ]
  await writeFile(join(dir, 'none.json'), '{}')
  const address = `unix://${socket}`
  const dockerd = await daemon({ name: 'dockerd', dir, argv, socket, address, inner })
  return Object.assign(dockerd, { cgroupDriver: await cgroupDriverOf(address) })
}
