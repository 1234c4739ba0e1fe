/**
 * `npm run up` and `npm run down` as a newcomer types them, in a copy of the repository, in the network namespace the test runs in: what they
 * print, what they start, and that nothing of it is left.
 */
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ignore } from '../../shared/base/ignore.ts'
import { run, runOk, type ExecResult } from '../../shared/host/exec.ts'
import { eventually, freePort } from '../testbed/cluster.ts'

const root = join(import.meta.dirname, '../..')
let folder: string
let copy: string
let data: string
let flags: string[]
let before: Machine

/** What must be as it was. Names of the testbed (`brt…`) and its folder belong to other tests, which clean up after themselves. */
interface Machine { readonly rules: string[]; readonly links: string[]; readonly namespaces: string[]; readonly mounts: string[]; readonly run: string[] }

const linesOf = async (argv: string[]): Promise<string[]> => (await runOk(argv)).toString().split('\n').filter(Boolean)

async function machine(): Promise<Machine> {
  const foreign = /\bbrt\d+|\/bramble-test\//
  return {
    // Rules and chains of anybody's; the built-in chains of a table are there from its first use on, and count packets.
    rules: (await linesOf(['iptables-save'])).filter((l) => l.startsWith('-') || / - \[/.test(l)),
    links: (await linesOf(['ip', '-br', 'link'])).map((l) => l.split(/[\s@]/)[0] as string).filter((l) => !foreign.test(l)),
    namespaces: (await linesOf(['ip', 'netns'])).filter((l) => !foreign.test(l)),
    mounts: (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((l) => l.split(' ')[4] ?? '').filter((m) => m && !foreign.test(m)).toSorted(),
    run: await ignore(readdir('/run/bramble'), 'ENOENT: no agent on this machine') ?? [],
  }
}

/** Processes of ours: those that run from the copy or name it, its data or its sockets in their arguments. */
async function processes(): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await readdir('/proc')).filter((n) => /^\d+$/.test(n))) {
    const line = (await ignore(readFile(`/proc/${pid}/cmdline`, 'utf8'), 'it ended while we looked') ?? '').replaceAll('\0', ' ')
    const exe = await ignore(readlink(`/proc/${pid}/exe`), 'it ended while we looked') ?? ''
    if (line.includes(folder) || line.includes(runDir()) || exe.startsWith(folder)) found.push(`${pid} ${line}`)
  }
  return found
}

/** Where the copy keeps its sockets, which is known from where it is. */
const runDir = (): string => `/run/bramble/up-${createHash('sha256').update(join(copy, '.bramble')).digest('hex').slice(0, 8)}`

const npm = (script: string, ...args: string[]): Promise<ExecResult> => run(['npm', 'run', '--silent', script, '--', ...args], { cwd: copy, timeout: 170_000, env: { ...process.env, INIT_CWD: copy } })
const outputOf = (result: ExecResult): string => result.stdout.toString() + result.stderr.toString()
const bramble = async (...args: string[]): Promise<string> => (await runOk(['npm', 'run', '--silent', 'bramble', '--', '--kubeconfig', join(copy, '.bramble/kubeconfig'), ...args], { cwd: copy })).toString()
/** The answer that `up` waits for comes from the first pod that is ready. */
const wholeAgain = (): Promise<boolean> => eventually('both pods are ready', async () => /hello\s+2\/2/.test(await bramble('get', 'deployments')), 90_000)
const pidOf = async (name: string): Promise<number> => Number((await readFile(join(copy, `.bramble/run/${name}.pid`), 'utf8')).split(' ')[0])
const services = ['containerd', 'control-plane', 'node-agent'] as const
const pids = (names: readonly string[] = services): Promise<number[]> => Promise.all(names.map(pidOf))

/** The packages as hard links: a copy in a second that no `npm install` in it can spoil. */
async function copyRepository(): Promise<void> {
  const files = (await runOk(['git', '-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'])).toString().split('\0').filter(Boolean)
  for (const file of files) {
    const there = await stat(join(root, file)).then(() => true, () => false)
    if (!there) continue
    await mkdir(dirname(join(copy, file)), { recursive: true })
    await cp(join(root, file), join(copy, file))
  }
  const linked = await run(['cp', '-al', join(root, 'node_modules'), join(copy, 'node_modules')])
  if (linked.exitCode !== 0) {
    await rm(join(copy, 'node_modules'), { recursive: true, force: true })
    await runOk(['cp', '-a', join(root, 'node_modules'), join(copy, 'node_modules')])
  }
  const stamp = join(copy, 'node_modules/.bramble-installed')
  await rm(stamp, { force: true })
  await writeFile(stamp, createHash('sha256').update(await readFile(join(copy, 'package-lock.json'))).update(process.arch).digest('hex'))
}

beforeAll(async () => {
  await mkdir('/var/tmp/bramble-test', { recursive: true })
  folder = await mkdtemp('/var/tmp/bramble-test/up-')
  copy = join(folder, 'bramble')
  data = join(folder, 'data')
  await mkdir(data)
  await writeFile(join(data, 'somebody-elses'), 'stays')
  await copyRepository()
  flags = ['--api-port', String(await freePort()), '--mqtt-port', String(await freePort()), '--data-dir', data]
  before = await machine()
})

afterAll(async () => {
  await npm('down', '--purge')
  await rm(folder, { recursive: true, force: true })
})

describe('a newcomer', () => {
  it('is refused a flag that does not exist, before anything is done', async () => {
    const result = await npm('up', '--api-prot', '1')
    expect(outputOf(result)).toContain("Unknown option '--api-prot'")
    expect(result.exitCode).toBe(1)
    expect(await readdir(copy)).not.toContain('.bramble')
  })

  it('types `npm run up` and has a Service that answers', async () => {
    const result = await npm('up', ...flags)
    const text = outputOf(result)
    expect(result.exitCode, text).toBe(0)
    for (const part of [/bundled/, /containerd started, our own/, /control plane: https:\/\/127\.0\.0\.1:\d+/, /node \S+ is Ready \(containerd\)/, /deployment|pods\/hello-/, /export KUBECONFIG=\S+\.bramble\/kubeconfig/, /npm run down/]) expect(text).toMatch(part)
    const url = /curl (http:\/\/[\d.]+\/)/.exec(text)?.[1] as string
    expect((await runOk(['curl', '-sS', '--max-time', '3', url])).toString()).toMatch(/^Hello from hello-\S+ on \S+\n$/)
    expect((await runOk(['curl', '-sS', '--max-time', '3', 'http://127.0.0.1:30080/'])).toString()).toMatch(/^Hello from hello-/)
    expect(await bramble('get', 'nodes')).toMatch(/ Ready /)
    expect((await stat(join(copy, '.bramble/kubeconfig'))).mode & 0o777).toBe(0o600)
  })

  it('types it again: nothing is started anew', async () => {
    const running = await pids()
    const result = await npm('up', ...flags)
    expect(result.exitCode, outputOf(result)).toBe(0)
    expect(outputOf(result)).toContain('a cluster is running here')
    expect(await pids()).toEqual(running)
  })

  it('is told by name which options differ from the running cluster\'s', async () => {
    const running = await pids()
    const result = await npm('up', '--api-port', '16443', ...flags.slice(2), '--no-demo')
    expect(result.exitCode).toBe(1)
    expect(outputOf(result)).toContain(`a cluster with other options is running here: --api-port is ${flags[1]}, not 16443.`)
    expect(await pids()).toEqual(running)
  })

  it('types it after a crash of everything of ours: it runs again, with what there was', async () => {
    await bramble('delete', 'service', 'hello')
    for (const pid of await pids()) process.kill(pid, 'SIGKILL')
    const result = await npm('up', ...flags, '--no-demo')
    expect(result.exitCode, outputOf(result)).toBe(0)
    // Young pods: that they were ready may not have been on disk yet. They run, and are probed again.
    await wholeAgain()
    expect(await bramble('get', 'pods')).toMatch(/^(NAME.*\n)(hello-\S+ +1\/1 +Running +0 +\S+ *\n?){2}$/)
    expect((await bramble('get', 'services')).includes('hello')).toBe(false)
  })

  it('types `npm run down`: the machine is as before, the data is kept', async () => {
    const result = await npm('down')
    expect(result.exitCode, outputOf(result)).toBe(0)
    for (const part of ['node-agent stopped', 'control-plane stopped', 'iptables rules removed', 'containerd stopped', `data kept in ${data}`]) expect(outputOf(result)).toContain(part)
    await eventually('every process of ours has ended', async () => (await processes()).length === 0, 30_000)
    await expectAsBefore()
    expect(await readdir(data)).toContain('control-plane')
  })

  it('types `npm run up` once more and finds its Deployment, then removes all with --purge', async () => {
    const up = await npm('up', ...flags)
    expect(up.exitCode, outputOf(up)).toBe(0)
    await wholeAgain()
    // The engine dies under its containers: they must be found all the same.
    process.kill((await pids(['containerd']))[0] as number, 'SIGKILL')
    const down = await npm('down', '--purge')
    expect(down.exitCode, outputOf(down)).toBe(0)
    expect(outputOf(down)).toContain('data removed')
    await eventually('every process of ours has ended', async () => (await processes()).length === 0, 10_000)
    await expectAsBefore()
    expect(await readdir(data)).toEqual(['somebody-elses'])
    expect(await readdir(copy)).not.toContain('.bramble')
    expect(outputOf(await npm('down'))).toContain('nothing was started from here')
  })
})

/** Nothing is there that was not: what ended meanwhile was not ours. */
async function expectAsBefore(): Promise<void> {
  const after = await machine()
  const added = Object.fromEntries(Object.keys(before).map((key) => [key, after[key as keyof Machine].filter((line) => !before[key as keyof Machine].includes(line))]))
  expect(added).toEqual({ rules: [], links: [], namespaces: [], mounts: [], run: [] })
}
