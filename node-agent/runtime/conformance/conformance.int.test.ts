import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '../../../shared/host/log.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { run, runOk } from '../../../shared/host/exec.ts'
import { startContainerd, startDockerd } from '../../../test/testbed/daemons.ts'
import { testImage, writeTestImage } from '../../../test/testbed/images.ts'
import { runtimeConformance } from './conformance.ts'
import type { Fixture } from './world.ts'
import { ContainerdRuntime } from '../containerd/driver.ts'
import { DockerRuntime } from '../docker/driver.ts'
import { FakeRuntime, type Script } from '../fake.ts'

runtimeConformance('fake', 'fake', async (): Promise<Fixture> => {
  const script = (command: readonly string[]): Script => {
    const text = command.join(' ')
    const exit = /^sh -c exit (\d+)$/.exec(text)?.[1]
    if (exit) return { runFor: 1, exitCode: Number(exit) }
    if (text.includes('trap "" TERM')) return { termTakes: 'ignored' }
    if (text.includes('trap "exit 42" TERM')) return { termExitCode: 42 }
    if (text.startsWith('/no/')) return { failStart: { code: 'start-failed', message: 'not found', exitCode: 127 } }
    return {}
  }
  const runtime = new FakeRuntime({ clock: systemClock, images: [testImage], script: (spec) => script(spec.command ?? []) })
  const dir = await mkdtemp(join(tmpdir(), 'fake-'))
  return { runtime: () => runtime, dir, image: (await runtime.image(testImage))!.id, stop: () => rm(dir, { recursive: true }) }
})

runtimeConformance('containerd', 'engine', async (): Promise<Fixture> => {
  const engine = await startContainerd()
  const namespace = `t${process.pid}`
  const make = (): ContainerdRuntime => new ContainerdRuntime({ address: engine.address, namespace, dataDir: join(engine.dir, 'data'), stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog })
  let runtime = make()
  const tar = join(engine.dir, 'image.tar')
  const image = await writeTestImage(tar)
  await runtime.importImage(tar)
  const other = (...args: string[]): string[] => ['ctr', '--address', engine.address, '--namespace', 'other', ...args]
  // runc's state is the machine's: an interrupted run may have left another of a fixed name.
  const theirs = `theirs-${process.pid}`
  return {
    runtime: () => runtime, dir: engine.dir, image,
    restartAgent: async () => { const old = runtime; await old.abandon(); runtime = make() },
    restartEngine: async () => { await engine.kill(); await engine.restart() },
    foreign: {
      make: async () => { await runOk(other('images', 'import', tar)); await runOk(other('run', '--detach', testImage, theirs, 'sleep', '1000')) },
      runs: async () => /^theirs-\d+\s+\d+\s+RUNNING/m.test((await runOk(other('tasks', 'ls'))).toString()),
      remove: async () => { await run(other('tasks', 'delete', '--force', theirs)); await run(other('containers', 'delete', theirs)) },
    },
    stop: async () => { await runtime.close(); await engine.stop() },
  }
})

runtimeConformance('docker', 'engine', async (): Promise<Fixture> => {
  const engine = await startDockerd()
  const make = (): DockerRuntime => new DockerRuntime({ host: engine.address, cgroupDriver: engine.cgroupDriver, owner: 'test-node', stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog })
  let runtime = make()
  const tar = join(engine.dir, 'image.tar')
  const image = await writeTestImage(tar)
  await runtime.importImage(tar)
  const other = (...args: string[]): string[] => ['docker', '--host', engine.address, ...args]
  return {
    runtime: () => runtime, dir: engine.dir, image,
    restartAgent: async () => { await runtime.close(); runtime = make() },
    restartEngine: async () => { await engine.kill(); await engine.restart() },
    foreign: {
      make: async () => { await runOk(other('run', '--detach', '--network=none', '--name=theirs', testImage, 'sleep', '1000')) },
      runs: async () => (await runOk(other('inspect', '--format', '{{.State.Running}}', 'theirs'))).toString().trim() === 'true',
      remove: async () => { await run(other('rm', '--force', 'theirs')) },
    },
    stop: async () => { await runtime.close(); await engine.stop() },
  }
})
