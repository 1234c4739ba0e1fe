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
/** The pause before a pull is gone on with is a tenth of what it is. */
const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 10, signal) }
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
async function pull(runtime: Runtime, tag: string, o: { stallAfter?: number; tellEvery?: number; signal?: AbortSignal; moved?: () => void } = {}): Promise<{ result: PullResult; events: string[] }> {
  const events: string[] = []
  const puller = createPuller({
    clock, log: silentLog, parallel: 1, plainHttp: [`127.0.0.1:${link.port}`], nodeKeyring: async () => [], ...(o.stallAfter ? { stallAfter: o.stallAfter } : {}), ...(o.tellEvery ? { tellEvery: o.tellEvery } : {}),
    runtime: { image: (r) => runtime.image(r), pullImage: (r, auth, options, signal, progress) => runtime.pullImage(r, auth, options, signal, (at) => { progress(at); o.moved?.() }) },
  })
  const result = await puller.ensure({ container: { name: 'main', image: `127.0.0.1:${link.port}/big/app:${tag}`, imagePullPolicy: 'Always' }, secrets: [], ranBefore: false, event: (_, reason, message) => { events.push(`${reason} ${message}`) } }, o.signal ?? never)
  return { result, events }
}

const idOf = (result: PullResult): string => { if (!result.ok) throw new Error(result.message); return result.image.id }
const containerd = (engine: Daemon): Runtime => new ContainerdRuntime({ address: engine.address, namespace: 'pull', dataDir: join(engine.dir, 'data'), stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog })

describe('containerd', () => {
  let engine: Daemon
  let runtime: Runtime
  beforeAll(async () => { engine = await startContainerd(); runtime = containerd(engine) })
  afterAll(async () => { await runtime?.close(); await engine?.stop() })
  const leases = async (): Promise<string> => (await runOk(['ctr', '--address', engine.address, '-n', 'pull', 'leases', 'ls', '-q'])).toString().trim()

  it.each(['close', 'reset'] as const)('64 MiB over a link that breaks (%s) every 8 MiB are downloaded once', async (cut) => {
    Object.assign(link, { cut, cutEvery: 8 * MiB, rate: 80 * MiB })
    const { result, events } = await pull(runtime, '64')
    expect(result).toMatchObject({ ok: true })
    const ratio = link.bytes / (64 * MiB)
    console.log(`containerd, ${cut}: ${link.bytes} bytes of blobs for an image of 64 MiB and its busybox: ${ratio.toFixed(3)}, ${link.requests} requests`)
    expect(ratio).toBeLessThan(1.05)
    expect(link.ranges).toBeGreaterThanOrEqual(7)
    expect(events.map((e) => e.split(' ')[0])).toEqual(['Pulling', 'Pulled'])
    expect(await leases()).toBe('')
    await runtime.removeImage(idOf(result))
  })

  it('what an agent that was ended had downloaded is there for the next one', async () => {
    link.rate = 40 * MiB
    const killed = new AbortController()
    const first = pull(runtime, '16', { signal: killed.signal, moved: () => { if (link.bytes > 8 * MiB) killed.abort(new Error('killed')) } })
    await expect(first).rejects.toThrow('killed')
    await runtime.close()
    runtime = containerd(engine)
    // Whatever containerd collects, it collects now.
    await runOk(['ctr', '--address', engine.address, '-n', 'pull', 'content', 'prune', 'references'])
    const { result } = await pull(runtime, '16')
    expect(link.ranges).toBe(1)
    expect(link.bytes / (16 * MiB)).toBeLessThan(1.2)
    await runtime.removeImage(idOf(result))
  })
})

describe('docker', () => {
  let engine: Daemon
  let runtime: Runtime
  beforeAll(async () => { engine = await startDockerd(); runtime = new DockerRuntime({ host: engine.address, owner: 'pull', stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog }) })
  afterAll(async () => { await runtime?.close(); await engine?.stop() })

  it('goes on by itself after a break', async () => {
    link.cutEvery = 12 * MiB
    const { result } = await pull(runtime, '16')
    expect(link.ranges).toBe(1)
    expect(link.bytes / (16 * MiB)).toBeLessThan(1.1)
    await runtime.removeImage(idOf(result))
  })
})

describe.each(['containerd', 'docker'] as const)('%s', (name) => {
  let engine: Daemon
  let runtime: Runtime
  beforeAll(async () => {
    engine = name === 'docker' ? await startDockerd() : await startContainerd()
    runtime = name === 'docker' ? new DockerRuntime({ host: engine.address, owner: 'pull', stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog }) : containerd(engine)
  })
  afterAll(async () => { await runtime?.close(); await engine?.stop() })

  it('a pull that stands still is cut off, and gone on with', async () => {
    link.stallAfter = 4 * MiB
    const pulling = pull(runtime, '16', { stallAfter: 1500, moved: () => { if (link.bytes >= 4 * MiB) link.stallAfter = 0 } })
    const { result } = await pulling
    expect(result).toMatchObject({ ok: true })
    expect(link.requests).toBeGreaterThan(2)
    await runtime.removeImage(idOf(result))
  })

  it('a slow pull tells how far it is', async () => {
    link.rate = 8 * MiB
    const { result, events } = await pull(runtime, '16', { tellEvery: 200 })
    const told = events.flatMap((e) => /^Pulling Pulling image "127[^"]+": ([\d.]+) MiB of ([\d.]+) MiB \((\d+) %\)$/.exec(e)?.slice(1).map(Number) ?? [])
    expect(told.length).toBeGreaterThanOrEqual(9)
    expect(told.length).toBeLessThanOrEqual(30)
    expect(told.filter((_, i) => i % 3 === 1).every((total) => total > 15 && total < 18)).toBe(true)
    const percents = told.filter((_, i) => i % 3 === 2)
    expect(percents).toEqual(percents.toSorted((a, b) => a - b))
    await runtime.removeImage(idOf(result))
  })
})
