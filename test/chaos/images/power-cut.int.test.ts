/**
 * Power cuts around a pull, on a real file system: the engine's store is a small ext4 of its own, and a copy of its device is the disk after a cut.
 * Needs root. What the engines take for whole after a cut, and is not, is counted: no container starts from it. CHAOS_SEED, CHAOS_ROUNDS.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ignore } from '../../../shared/base/ignore.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { runOk } from '../../../shared/host/exec.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { busyboxEntries, type ArchiveEntry } from '../../../shared/host/oci-archive.ts'
import { openImageGuard, type ImageGuard } from '../../../node-agent/kubelet/images/durability/guard.ts'
import { guardedPuller } from '../../../node-agent/kubelet/images/durability/guarded-puller.ts'
import { createPuller, type PullResult } from '../../../node-agent/kubelet/images/puller.ts'
import { ContainerdRuntime } from '../../../node-agent/runtime/containerd/driver.ts'
import { DockerRuntime } from '../../../node-agent/runtime/docker/driver.ts'
import type { Runtime } from '../../../node-agent/runtime/runtime.ts'
import { startRegistry, type CountedRegistry } from '../../testbed/counted-registry.ts'
import { startContainerd, startDockerd, testFolder, unmountUnder, type Daemon } from '../../testbed/daemons.ts'
import { LoopDisk } from '../store/loop-disk.ts'
import { seeded } from '../store/seeded.ts'

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000)
const rounds = Number(process.env.CHAOS_ROUNDS ?? 1)
const never = new AbortController().signal
const files = 60
/** Programs and small files, none like the other. */
const application = (): ArchiveEntry[] => Array.from({ length: files }, (_, i) => ({ kind: 'file', path: `app-${i}`, data: randomBytes(3000 + 500 * i), mode: 0o755 }))
const command = ['sh', '-c', 'cat /app-* | sha256sum']

interface Pushed { readonly reference: string; /** Over all files in the order a shell lists them. */ readonly digest: string; readonly files: ReadonlySet<string> }
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

let dir: string
let registry: CountedRegistry
let base: ArchiveEntry[]
beforeAll(async () => {
  dir = await testFolder('power-cut')
  registry = await startRegistry(dir)
  base = busyboxEntries(readFileSync('/bin/busybox'))
})
afterAll(async () => { await registry?.close(); rmSync(dir, { recursive: true, force: true }) })

/** How an engine is started, driven, and asked for the images that it takes for whole. */
const engines: [string, (at: string) => Promise<Daemon>, (engine: Daemon, state: string) => Runtime, (engine: Daemon) => string[]][] = [
  ['containerd', (at) => startContainerd(at), (engine, state) => new ContainerdRuntime({ address: engine.address, namespace: 'cut', dataDir: join(engine.dir, 'data'), stateDir: state, clock: systemClock, log: silentLog }), (engine) => ['ctr', '--address', engine.address, '--namespace', 'cut', 'images', 'ls', '-q']],
  ['docker', (at) => startDockerd(at), (engine, state) => new DockerRuntime({ host: engine.address, cgroupDriver: engine.cgroupDriver, owner: 'cut', stateDir: state, clock: systemClock, log: silentLog }), (engine) => ['docker', '--host', engine.address, 'images', '--format', '{{.Repository}}:{{.Tag}}']],
]

describe.each(engines)('%s', (name, startEngine, drive, imagesOf) => {
  let folder: string
  let disk: LoopDisk
  let engine: Daemon
  let runtime: Runtime
  let guard: ImageGuard
  let boot = 0
  let events: string[] = []
  /** A pull that the cut ends. */
  let cutOff: Promise<unknown> = Promise.resolve()

  const power = async (): Promise<void> => {
    engine = await startEngine(join(disk.mount, 'engine'))
    await drivenBy()
  }
  const drivenBy = async (): Promise<void> => {
    runtime = drive(engine, join(folder, `state-${boot}`))
    guard = await openImageGuard({ runtime, clock: systemClock, log: silentLog, file: join(disk.mount, 'images.json'), bootId: `boot-${boot++}`, archiveOf: async () => undefined })
    events = []
  }
  /** Whether the engine believes in the image afterwards though files of it are lost: looked at before anything of ours does. */
  const cut = async (image: Pushed): Promise<boolean> => {
    // Killed as the power takes it: nothing is written on the way out.
    await engine.killAll()
    await cutOff
    await runtime.close()
    await unmountUnder(join(disk.mount, 'engine'))
    disk.cutPower()
    engine = await startEngine(join(disk.mount, 'engine'))
    const believed = (await runOk(imagesOf(engine))).toString().split('\n').includes(image.reference)
    const isLost = believed && await onDisk(image) < files
    await drivenBy()
    return isLost
  }
  beforeEach(async () => {
    folder = mkdtempSync(join(dir, `${name}-`))
    disk = new LoopDisk(folder, 160)
    mkdirSync(join(disk.mount, 'engine'))
    await power()
  })
  afterEach(async () => {
    await runtime?.close()
    await engine?.stop()
    disk?.unmount()
    rmSync(folder, { recursive: true, force: true })
  })

  const request = (image: string): Parameters<ReturnType<typeof createPuller>['ensure']>[0] => ({ container: { name: 'main', image, imagePullPolicy: 'IfNotPresent' }, secrets: [], ranBefore: false, event: (_, reason, message) => { events.push(`${reason} ${message}`) } })
  const puller = (): ReturnType<typeof createPuller> => createPuller({ runtime, clock: systemClock, log: silentLog, parallel: 2, plainHttp: [registry.host], nodeKeyring: async () => [] })
  const ensure = (image: string): Promise<PullResult> => guardedPuller(puller(), guard).ensure(request(image), never)

  /** Runs the image: the digest over all its files, seen from inside. */
  const digestInside = async (image: string): Promise<string> => {
    const podUid = `00000000-0000-4000-a000-${String(process.pid).padStart(6, '0')}${String(boot).padStart(6, '0')}`
    const sandbox = await runtime.runSandbox({ podUid, podName: 'p', podNamespace: 'default', attempt: 0, hostname: 'p', hostNetwork: true, hostPID: false, hostIPC: false, shareProcessNamespace: false, sysctls: {}, cgroupParent: `/bramble-cut-${process.pid}` }, never)
    const container = await runtime.startContainer(sandbox.id, {
      name: 'main', attempt: 0, image, imageName: image, command: ['sleep', '100'], args: undefined, workingDir: undefined, env: [], mounts: [], devices: [], resources: {}, oomScoreAdj: 0, stdin: false, stdinOnce: false, tty: false, logPath: join(folder, 'log'),
      security: { supplementalGroups: [], privileged: false, readOnlyRootfs: false, noNewPrivileges: false, addCapabilities: [], dropCapabilities: [], seccomp: { type: 'unconfined' } },
    }, never)
    const { stdout } = await runtime.execSync(container.id, command, 20_000, 1000)
    await runtime.removeSandbox(sandbox.id)
    return stdout.toString().split(' ')[0]!
  }

  const push = async (image: string): Promise<Pushed> => {
    const layer = application()
    await registry.push(image, [base, layer])
    const contents = layer.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map((e) => (e.kind === 'file' ? e.data : Buffer.alloc(0)))
    return { reference: `${registry.host}/${image}`, digest: sha256(Buffer.concat(contents)), files: new Set(contents.map(sha256)) }
  }

  /** How many of the image's files the disk has now, looked for by nobody's rules. */
  const onDisk = async (image: Pushed): Promise<number> => {
    const paths = (await runOk(['find', disk.mount, '-xdev', '-type', 'f', '-name', 'app-*'])).toString().split('\n').filter(Boolean)
    return new Set(paths.map((path) => sha256(readFileSync(path))).filter((sum) => image.files.has(sum))).size
  }

  const moments: readonly [string, (image: Pushed, random: () => number) => Promise<void>][] = [
    ['first-blob', async ({ reference }) => { const asked = registry.nextFetch(); cutOff = ignore(ensure(reference), 'cut off'); await asked }],
    ['on-the-way', async ({ reference }, random) => { const asked = registry.nextFetch(); cutOff = ignore(ensure(reference), 'cut off'); await asked; await systemClock.sleep(Math.floor(random() * 250)) }],
    ['engine-has-it', async ({ reference }) => { expect(await puller().ensure(request(reference), never)).toMatchObject({ ok: true }) }],
    ['acknowledged', async ({ reference }) => { expect(await ensure(reference)).toMatchObject({ ok: true }) }],
  ]

  it(`starts no container from what a cut has damaged, and needs no registry for what was acknowledged (seed ${seed}, ${rounds} rounds)`, { timeout: 180_000 + 120_000 * rounds }, async () => {
    const random = seeded(seed)
    const tally = { cuts: 0, lost: 0, damaged: 0 }
    for (let round = 0; round < rounds; round++) {
      for (const [moment, before] of moments) {
        const image = await push(`${moment}-${round}:1`)
        await before(image, random)
        if (await cut(image)) tally.lost++
        tally.cuts++
        // What was acknowledged needs nobody any more.
        registry.plugged = moment !== 'acknowledged'
        try {
          const result = await ensure(image.reference)
          if (!result.ok) throw new Error(`${moment}: ${result.message}`)
          expect(await digestInside(result.image.id), moment).toBe(image.digest)
          if (events.some((e) => e.startsWith('ImageDamaged'))) tally.damaged++
          if (moment === 'acknowledged') expect(events.some((e) => e.startsWith('ImageDamaged'))).toBe(false)
          await runtime.removeImage(result.image.id)
          guard.forget(result.image.id)
        } finally { registry.plugged = true }
      }
    }
    console.log(`image power-cut test, ${name}: CHAOS_SEED=${seed}`, tally)
    // An engine that lost nothing would make this no proof.
    expect(tally.lost + tally.damaged).toBeGreaterThan(0)
  })
})
