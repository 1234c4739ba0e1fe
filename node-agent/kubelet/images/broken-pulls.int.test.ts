/** Pulls over links that break, stand still or are slow, by both drivers: what is downloaded twice, and what is told of it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../shared/base/host.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { runOk } from '../../../shared/host/exec.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { startContainerd, startDockerd, testFolder, type Daemon } from '../../../test/testbed/daemons.ts'
import { openFlakyLink, type FlakyLink } from '../../../test/testbed/flaky-link.ts'
import { pushLargeImage, startRegistry, type Registry } from '../../../test/testbed/registry.ts'
import { ContainerdRuntime } from '../../runtime/containerd/driver.ts'
import { DockerRuntime } from '../../runtime/docker/driver.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { createPuller, type PullResult } from './puller.ts'

const never = new AbortController().signal
const MiB = 2 ** 20
/** At least so many bytes of each image are the busybox that it is made of, compressed. */
const busyboxBytes = 900_000
/** The pause before a pull is gone on with is a tenth of what it is. */
const quick: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 10, signal) }
let dir: string
let registry: Registry
let link: FlakyLink

beforeAll(async () => {
  dir = await testFolder('broken-pulls')
  registry = await startRegistry({ folder: dir })
  await pushLargeImage(registry, dir, 'big/app:64', 64 * MiB)
  await pushLargeImage(registry, dir, 'big/app:16', 16 * MiB)
  link = await openFlakyLink({ host: '127.0.0.1', port: registry.port })
})
afterAll(async () => { await link?.close(); registry?.stop(); await rm(dir, { recursive: true, force: true }) })
beforeEach(() => link.reset())

/** Pulls and tells of it as the agent does. */
async function pull(runtime: Runtime, tag: string, o: { stallAfter?: number; tellEvery?: number; clock?: Clock; signal?: AbortSignal; moved?: () => void } = {}): Promise<{ result: PullResult; events: string[] }> {
  const events: string[] = []
  const puller = createPuller({
    clock: o.clock ?? quick, log: silentLog, parallel: 1, plainHttp: [`127.0.0.1:${link.port}`], nodeKeyring: async () => [], ...(o.stallAfter ? { stallAfter: o.stallAfter } : {}), ...(o.tellEvery ? { tellEvery: o.tellEvery } : {}),
    runtime: { image: (r) => runtime.image(r), pullImage: (r, auth, options, signal, progress) => runtime.pullImage(r, auth, options, signal, (at) => { progress(at); o.moved?.() }) },
  })
  const result = await puller.ensure({ container: { name: 'main', image: `127.0.0.1:${link.port}/big/app:${tag}`, imagePullPolicy: 'Always' }, secrets: [], ranBefore: false, event: (_, reason, message) => { events.push(`${reason} ${message}`) } }, o.signal ?? never)
  return { result, events }
}

const idOf = (result: PullResult): string => { if (!result.ok) throw new Error(result.message); return result.image.id }
const containerd = (engine: Daemon): Runtime => new ContainerdRuntime({ address: engine.address, namespace: 'pull', dataDir: join(engine.dir, 'data'), stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog })

let engines: { containerd: Daemon; docker: Daemon }
let runtimes: { containerd: Runtime; docker: Runtime }
beforeAll(async () => {
  engines = { containerd: await startContainerd(), docker: await startDockerd() }
  runtimes = { containerd: containerd(engines.containerd), docker: new DockerRuntime({ host: engines.docker.address, cgroupDriver: engines.docker.cgroupDriver, owner: 'pull', stateDir: join(engines.docker.dir, 'run'), clock: systemClock, log: silentLog }) }
})
afterAll(async () => {
  for (const runtime of Object.values(runtimes ?? {})) await runtime.close()
  for (const engine of Object.values(engines ?? {})) await engine.stop()
})

describe('containerd alone', () => {
  const leases = async (): Promise<string> => (await runOk(['ctr', '--address', engines.containerd.address, '-n', 'pull', 'leases', 'ls', '-q'])).toString().trim()

  it.each([['close', 16, 2], ['reset', 64, 8]] as const)('over a link that breaks (%s) %i MiB, each time after %i MiB, are downloaded once', async (cut, size, every) => {
    Object.assign(link, { cut, cutEvery: every * MiB, rate: 80 * MiB })
    const { result, events } = await pull(runtimes.containerd, String(size))
    expect(result, JSON.stringify([result, link, events])).toMatchObject({ ok: true })
    const ratio = (link.bytes - busyboxBytes) / (size * MiB)
    // What was on its way at each of seven cuts comes again; all of it, would nothing be kept.
    expect(ratio).toBeLessThan(1.5)
    expect(link.ranges).toBeGreaterThanOrEqual(7)
    expect(events.map((e) => e.split(' ')[0])).toEqual(['Pulling', 'Pulled'])
    expect(await leases()).toBe('')
    await runtimes.containerd.removeImage(idOf(result))
  })

  it('what an agent that was ended had downloaded is there for the next one', async () => {
    link.rate = 4 * MiB
    const killed = new AbortController()
    const first = pull(runtimes.containerd, '16', { signal: killed.signal, moved: () => { if (link.bytes > 8 * MiB) killed.abort(new Error('killed')) } })
    await expect(first).rejects.toThrow('killed')
    await runtimes.containerd.close()
    runtimes.containerd = containerd(engines.containerd)
    // Whatever containerd collects, it collects now.
    await runOk(['ctr', '--address', engines.containerd.address, '-n', 'pull', 'content', 'prune', 'references'])
    link.rate = 0
    const { result } = await pull(runtimes.containerd, '16')
    expect(link.ranges).toBe(1)
    expect(link.bytes / (16 * MiB)).toBeLessThan(1.4)
    // Not even that of the `ctr` that was killed: a removed image gives its room back at once.
    expect(await leases()).toBe('')
    await runtimes.containerd.removeImage(idOf(result))
  })
})

describe('docker alone', () => {
  it('goes on by itself after a break', async () => {
    link.cutEvery = 12 * MiB
    const { result } = await pull(runtimes.docker, '16')
    expect(link.ranges).toBe(1)
    // What was on its way when it broke comes again.
    expect(link.bytes / (16 * MiB)).toBeLessThan(1.4)
    await runtimes.docker.removeImage(idOf(result))
  })
})

describe.each(['containerd', 'docker'] as const)('%s', (name) => {
  it('a pull that stands still is cut off, and gone on with', async () => {
    link.stallAfter = 4 * MiB
    const pulling = pull(runtimes[name], '16', { stallAfter: 5000, clock: systemClock, moved: () => { if (link.bytes >= 4 * MiB) link.stallAfter = 0 } })
    const { result } = await pulling
    expect(result, JSON.stringify([result, link])).toMatchObject({ ok: true })
    expect(link.requests).toBeGreaterThan(2)
    await runtimes[name].removeImage(idOf(result))
  })

  it('a slow pull tells how far it is', async () => {
    link.rate = 8 * MiB
    const { result, events } = await pull(runtimes[name], '16', { tellEvery: 200 })
    const told = events.map((e) => /^Pulling Pulling image "127[^"]+": ([\d.]+) MiB of ([\d.]+) MiB \((\d+) %\)$/.exec(e)?.slice(1).map(Number) ?? []).filter((n) => n.length > 0)
    expect(told.length).toBeLessThanOrEqual(10)
    // Of the small layer it may be told before the size of the large one is known.
    const whole = told.filter(([, total]) => total! > 15 && total! < 18)
    expect(whole.length).toBeGreaterThanOrEqual(3)
    const percents = whole.map(([, , percent]) => percent!)
    expect(percents).toEqual(percents.toSorted((a, b) => a - b))
    await runtimes[name].removeImage(idOf(result))
  })
})
