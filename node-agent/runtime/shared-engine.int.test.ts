/** Two agents on one engine, and a user who has made things by hand: each keeps to its own. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ignore } from '../../shared/base/ignore.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { runOk } from '../../shared/host/exec.ts'
import { silentLog } from '../../shared/host/log.ts'
import { eventually } from '../../test/testbed/cluster.ts'
import { startContainerd, startDockerd, type Daemon } from '../../test/testbed/daemons.ts'
import { testImage, writeTestImage } from '../../test/testbed/images.ts'
import { sandboxSpec } from './conformance/world.ts'
import { claimantOf } from './containerd/claim.ts'
import { ContainerdRuntime } from './containerd/driver.ts'
import { containerId } from './containerd/records.ts'
import { DockerRuntime } from './docker/driver.ts'
import type { ContainerSpec, Runtime, RuntimeEvent } from './runtime.ts'

const never = new AbortController().signal
const container = (image: string, logPath: string): ContainerSpec => ({
  name: 'main', attempt: 0, image, imageName: 'as/it:asked', command: ['sleep', '1000000'], args: undefined, workingDir: undefined, env: [], mounts: [], devices: [], resources: {}, oomScoreAdj: 0, stdin: false, stdinOnce: false, tty: false, logPath,
  security: { supplementalGroups: [], privileged: false, readOnlyRootfs: false, noNewPrivileges: false, addCapabilities: [], dropCapabilities: [], seccomp: { type: 'unconfined' } },
})

const containersIn = async (engine: Daemon, namespace: string): Promise<string[]> => (await runOk(['ctr', '--address', engine.address, '--namespace', namespace, 'containers', 'ls', '-q'])).toString().split('\n').filter(Boolean)
async function shimsOf(engine: Daemon): Promise<string[]> {
  const all = await Promise.all((await readdir('/proc')).filter((n) => /^\d+$/.test(n)).map((n) => readFile(`/proc/${n}/cmdline`, 'utf8').catch(() => '')))
  return all.filter((argv) => argv.includes('containerd-shim') && argv.includes(`${engine.dir}/`))
}

describe('containerd', () => {
  let engine: Daemon
  let image: string
  let tar: string
  const driver = (namespace: string, folder: string): ContainerdRuntime => new ContainerdRuntime({ address: engine.address, namespace, dataDir: join(engine.dir, folder), stateDir: join(engine.dir, `run-${folder.length}`), clock: systemClock, log: silentLog })
  beforeAll(async () => { engine = await startContainerd(); tar = join(engine.dir, 'image.tar'); image = await writeTestImage(tar) })
  afterAll(async () => { await engine?.stop() })

  it('refuses a namespace that another agent has, and leaves what runs there alone', async () => {
    const first = driver('shared', 'a,b c')
    await first.importImage(tar)
    const sandbox = await first.runSandbox(sandboxSpec(), never)
    const made = await first.startContainer(sandbox.id, container(image, join(engine.dir, 'a.log')), never)
    const second = driver('shared', 'other')
    await expect(second.list()).rejects.toThrow(/namespace "shared" is that of the agent with its state in .*\/a,b c: give this one another \(--containerd-namespace\)/)
    await second.close()
    const third = driver('apart', 'other')
    expect(await third.list()).toEqual({ sandboxes: [], containers: [] })
    await third.close()
    await first.close()
    const again = driver('shared', 'a,b c')
    expect((await again.list()).containers.map((c) => [c.id, c.state])).toEqual([[made.id, 'running']])
    await again.removeSandbox(sandbox.id)
    await again.close()
  })

  it('clears a place that is taken by what a start left that was answered with an error, and starts at once', async () => {
    const runtime = driver('torn', 'torn')
    await runtime.importImage(tar)
    const sandbox = await runtime.runSandbox(sandboxSpec(), never)
    await runOk(['ctr', '--address', engine.address, '--namespace', 'torn', 'run', '--detach', testImage, containerId(sandbox.id, 'main', 0), 'sleep', '1000000'])
    const seen: RuntimeEvent[] = []
    const watching = new AbortController()
    const watched = (async () => { for await (const event of runtime.events(watching.signal)) seen.push(event) })()
    const made = await runtime.startContainer(sandbox.id, container(image, join(engine.dir, 'torn.log')), never)
    expect(made.state).toBe('running')
    // Whoever had listed the first try knows that it came to nothing.
    await eventually('the first try is told as gone', () => Promise.resolve(seen.some((e) => e.type === 'removed' && e.containerId === containerId(sandbox.id, 'main', 0))), 5000)
    watching.abort()
    await watched
    expect((await runtime.list()).containers.map((c) => [c.id, c.state])).toEqual([[made.id, 'running']])
    expect(await containersIn(engine, 'torn')).toEqual([made.id])
    await runtime.removeSandbox(sandbox.id)
    await runtime.close()
  })

  it('reads whose a namespace is from the engine\'s own list', () => {
    const listing = 'NAME    LABELS                                                        \nbramble bramble.data-dir=%2Fvar%2Flib%2Fa%2Cb,bramble.sync=17-1 \ndefault                                                               \n'
    expect([claimantOf(listing, 'bramble'), claimantOf(listing, 'default'), claimantOf(listing, 'none')]).toEqual(['/var/lib/a,b', undefined, undefined])
  })
})

describe('containerd that is killed while it creates a task', () => {
  let engine: Daemon
  let [folder, path] = ['', process.env.PATH ?? '']
  const slow = (): string => join(folder, 'slow')
  /** A runc that creates nothing while the file `slow` is there, and then fails. */
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bramble-runc-'))
    const real = (await runOk(['which', 'runc'])).toString().trim()
    await writeFile(join(folder, 'runc'), `#!/bin/sh\ncase "$*" in *" create "*) if [ -e '${slow()}' ]; then mktemp '${folder}/asked-XXXXXX'; while [ -e '${slow()}' ]; do sleep 0.1; done; exit 1; fi;; esac\nexec ${real} "$@"\n`, { mode: 0o755 })
    process.env.PATH = `${folder}:${path}`
    engine = await startContainerd()
  })
  afterAll(async () => {
    process.env.PATH = path
    await engine?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('counts the id as taken ever after: the container has another, and no shim stays', async () => {
    // Of this run alone: the names of network namespaces are of the machine.
    const namespace = `spoilt${process.pid}`
    const driver = (): Runtime => new ContainerdRuntime({ address: engine.address, namespace, dataDir: join(engine.dir, 'data'), stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog })
    const runtime = driver()
    const tar = join(engine.dir, 'image.tar')
    const image = await writeTestImage(tar)
    await runtime.importImage(tar)
    const served = await runtime.runSandbox(sandboxSpec(), never)
    const deleted = await runtime.runSandbox({ ...sandboxSpec(), podUid: 'deleted' }, never)
    const start = (by: Runtime, sandbox: string, signal = never) => by.startContainer(sandbox, container(image, join(engine.dir, `${sandbox}.log`)), signal)
    const deletion = new AbortController()
    await writeFile(slow(), '')
    const cutOff = [ignore(start(runtime, served.id), 'it may start after all: a try is made again'), start(runtime, deleted.id, deletion.signal)]
    await eventually('both are being created', async () => (await readdir(folder)).filter((n) => n.startsWith('asked-')).length === 2)
    await engine.kill()
    deletion.abort(new Error('the pod is deleted'))
    await rm(slow())
    await engine.restart()
    await expect(cutOff[1]).rejects.toThrow('the pod is deleted')
    await cutOff[0]
    expect(await shimsOf(engine)).toHaveLength(2)
    await eventually('the engine is seen again', () => ignore(runtime.list(), 'not yet'))
    const made = await start(runtime, served.id)
    expect((await runtime.list()).containers.map((c) => [c.id, c.state])).toEqual([[made.id, 'running']])
    expect(await start(runtime, served.id)).toEqual(made)
    await runtime.removeSandbox(deleted.id)
    await eventually('the shim that served nothing is gone', async () => (await shimsOf(engine)).length === 1)
    // An agent that comes after finds it under its name.
    await runtime.close()
    const again = driver()
    expect((await start(again, served.id)).id).toBe(made.id)
    await again.removeSandbox(served.id)
    expect(await containersIn(engine, namespace)).toEqual([])
    await eventually('no shim is left', async () => (await shimsOf(engine)).length === 0)
    await again.close()
  })
})

describe('docker', () => {
  let engine: Daemon
  let image: string
  const docker = async (...args: string[]): Promise<string> => (await runOk(['docker', '--host', engine.address, ...args])).toString().trim()
  const driver = (owner: string, cgroupDriver = engine.cgroupDriver): Runtime => new DockerRuntime({ host: engine.address, cgroupDriver, owner, stateDir: join(engine.dir, `run-${owner}`), clock: systemClock, log: silentLog })
  beforeAll(async () => { engine = await startDockerd(); const tar = join(engine.dir, 'image.tar'); image = await writeTestImage(tar); await docker('load', '--input', tar) })
  afterAll(async () => { await engine?.stop() })

  it('shows each of two agents its own', async () => {
    const [one, two] = [driver('pi-1'), driver('pi-2')]
    const [a, b] = [await one.runSandbox(sandboxSpec(), never), await two.runSandbox(sandboxSpec(), never)]
    await two.startContainer(b.id, container(image, ''), never)
    expect([(await one.list()).sandboxes.map((s) => s.id), (await two.list()).sandboxes.map((s) => s.id)]).toEqual([[a.id], [b.id]])
    await one.removeSandbox(b.id)
    await one.removeSandbox(a.id)
    expect((await two.list()).containers.map((c) => c.state)).toEqual(['running'])
    await two.removeSandbox(b.id)
    await one.close()
    await two.close()
  })

  it('does not take a container that a user has given a name of ours, nor removes it', async () => {
    const runtime = driver('pi-3')
    const spec = sandboxSpec()
    const digest = (...parts: (string | number)[]): string => createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 40)
    const pause = `bramble-${digest('pi-3', spec.podUid, 0)}`
    const theirs = await docker('run', '--detach', '--network=none', `--name=${pause}`, testImage, 'sleep', '1000000')
    await expect(runtime.runSandbox(spec, never)).rejects.toThrow(`the name ${pause} is taken by a container that is not ours`)
    const sandbox = await runtime.runSandbox({ ...spec, attempt: 1 }, never)
    const main = `bramble-${digest(sandbox.id, 'main', 0)}`
    const other = await docker('run', '--detach', '--network=none', `--name=${main}`, testImage, 'sleep', '1000000')
    await expect(runtime.startContainer(sandbox.id, container(image, ''), never)).rejects.toThrow(`the name ${main} is taken by a container that is not ours`)
    expect(await docker('ps', '--no-trunc', '--format={{.ID}}', `--filter=name=${main}`)).toBe(other)
    await runtime.removeSandbox(sandbox.id)
    expect((await docker('inspect', '--format={{.State.Running}}', theirs, other)).split('\n')).toEqual(['true', 'true'])
    await docker('rm', '--force', theirs, other)
    await runtime.close()
  })

  it('says so where the daemon has another cgroup driver than the agent began with', async () => {
    const [its, ours] = engine.cgroupDriver === 'systemd' ? ['systemd', 'cgroupfs'] as const : ['cgroupfs', 'systemd'] as const
    const runtime = driver('pi-4', ours)
    await expect(runtime.list()).rejects.toThrow(`its cgroup driver is ${its} now; the agent began with ${ours} and has to be restarted`)
    await expect(runtime.runSandbox(sandboxSpec(), never)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await docker('ps', '--all', '--quiet', '--filter=label=bramble.owner=pi-4')).toBe('')
    await runtime.close()
  })
})
