/** Images that a power cut damaged, on both engines: found before a container runs from them, and repaired alone. */
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../shared/host/clock.ts'
import { runOk } from '../../../../shared/host/exec.ts'
import { silentLog } from '../../../../shared/host/log.ts'
import { busyboxEntries, type ArchiveEntry } from '../../../../shared/host/oci-archive.ts'
import { startRegistry, writeLayeredImage, type CountedRegistry } from '../../../../test/testbed/counted-registry.ts'
import { startContainerd, startDockerd, testFolder, type Daemon } from '../../../../test/testbed/daemons.ts'
import { ContainerdRuntime } from '../../../runtime/containerd/driver.ts'
import { DockerRuntime } from '../../../runtime/docker/driver.ts'
import type { ContainerSpec, Runtime } from '../../../runtime/runtime.ts'
import { createPuller, type PullResult } from '../puller.ts'
import { openImageGuard, type ImageGuard } from './guard.ts'
import { guardedPuller } from './guarded-puller.ts'

const never = new AbortController().signal
/** Cannot be compressed, so that a blob's byte flipped is one of the file. */
const noise = randomBytes(200_000)
const marked = (name: string): ArchiveEntry[] => [
  { kind: 'directory', path: name }, { kind: 'file', path: `${name}/noise`, data: Buffer.concat([Buffer.from(name), noise]) }, { kind: 'file', path: `${name}/empty`, data: Buffer.alloc(0) }, { kind: 'symlink', path: `${name}/link`, target: 'noise' },
]

let dir: string
let registry: CountedRegistry
let busybox: ArchiveEntry[]
beforeAll(async () => {
  dir = await testFolder('durability')
  registry = await startRegistry(dir)
  busybox = busyboxEntries(await readFile('/bin/busybox'))
})
afterAll(async () => { await registry?.close(); await rm(dir, { recursive: true, force: true }) })

const drivers: [string, () => Promise<{ runtime: Runtime; engine: Daemon }>][] = [
  ['containerd', async () => {
    const engine = await startContainerd()
    return { engine, runtime: new ContainerdRuntime({ address: engine.address, namespace: 'durability', dataDir: join(engine.dir, 'data'), stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog }) }
  }],
  ['docker', async () => {
    const engine = await startDockerd()
    return { engine, runtime: new DockerRuntime({ host: engine.address, cgroupDriver: engine.cgroupDriver, owner: 'durability', stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog }) }
  }],
]

describe.each(drivers)('%s', (name, make) => {
  let d: { runtime: Runtime; engine: Daemon }
  let guard: ImageGuard
  let boots = 0
  let serial = 0
  const archives = new Map<string, string>()
  const events: string[] = []

  beforeAll(async () => { d = await make(); await reboot() })
  afterAll(async () => { await d?.runtime.close(); await d?.engine.stop() })

  /** The machine comes back, after its power was cut unless `orderly`. */
  const reboot = async (how: { orderly?: boolean; same?: boolean } = {}): Promise<void> => {
    if (how.orderly) await guard.close()
    if (!how.same) boots++
    guard = await openImageGuard({ runtime: d.runtime, clock: systemClock, log: silentLog, file: join(d.engine.dir, 'images.json'), bootId: `boot-${boots}`, archiveOf: async (references) => references.map((r) => archives.get(r)).find((a) => a !== undefined) })
    events.length = 0
    registry.fetched()
  }
  const ensure = (image: string, policy = 'IfNotPresent'): Promise<PullResult> => guardedPuller(createPuller({ runtime: d.runtime, clock: systemClock, log: silentLog, parallel: 2, plainHttp: [registry.host], nodeKeyring: async () => [] }), guard)
    .ensure({ container: { name: 'main', image, imagePullPolicy: policy }, secrets: [], ranBefore: true, event: (_, reason, message) => events.push(`${reason} ${message}`) }, never)
  const pods: string[] = []
  const pod = async (image: string, command: readonly string[]): Promise<{ id: string; sandbox: string }> => {
    const n = ++serial
    const sandbox = await d.runtime.runSandbox({
      podUid: `00000000-0000-4000-9000-${String(process.pid).padStart(6, '0')}${String(n).padStart(6, '0')}`, podName: `p${n}`, podNamespace: 'default', attempt: 0, hostname: 'p', hostNetwork: true, hostPID: false, hostIPC: false, shareProcessNamespace: false, sysctls: {}, cgroupParent: `/bramble-durability-${process.pid}`,
    }, never)
    pods.push(sandbox.id)
    const spec: ContainerSpec = {
      name: 'main', attempt: 0, image, imageName: image, command, args: undefined, workingDir: undefined, env: [], mounts: [], devices: [], resources: {}, oomScoreAdj: 0, stdin: false, stdinOnce: false, tty: false, logPath: join(d.engine.dir, `log-${n}`),
      security: { supplementalGroups: [], privileged: false, readOnlyRootfs: false, noNewPrivileges: false, addCapabilities: [], dropCapabilities: [], seccomp: { type: 'unconfined' } },
    }
    return { id: (await d.runtime.startContainer(sandbox.id, spec, never)).id, sandbox: sandbox.id }
  }
  /** What a container of the image finds in a file. */
  const sees = async (image: string, file: string): Promise<string> => {
    const c = await pod(image, ['sleep', '100'])
    const { exitCode, stdout, stderr } = await d.runtime.execSync(c.id, ['sha256sum', file], 30_000, 1000)
    if (exitCode !== 0) throw new Error(`${file} cannot be read: ${stderr.toString()}`)
    await d.runtime.removeSandbox(c.sandbox)
    return stdout.toString().split(' ')[0]!
  }
  /** The one file below the engine's folder whose path ends so. */
  const onDisk = async (end: string): Promise<string> => {
    const found = (await runOk(['find', d.engine.dir, '-path', `*${end}`, '-not', '-path', '*/merged/*', '-not', '-path', '*/rootfs/*', '-not', '-path', '*/lost/*'])).toString().split('\n').filter(Boolean)
    expect(found, end).toHaveLength(1)
    return found[0]!
  }
  const flip = async (path: string): Promise<void> => { const data = await readFile(path); data[data.length >> 1]! ^= 1; await writeFile(path, data) }
  /** Damage is done where no page cache hides it: the file itself is written. */
  const zero = async (end: string): Promise<string> => { const path = await onDisk(end); await writeFile(path, ''); return path }
  const push = async (image: string, ...layers: readonly (readonly ArchiveEntry[])[]): Promise<string> => { await registry.push(image, [busybox, ...layers]); return `${registry.host}/${image}` }
  const ok = async (image: string): Promise<string> => { const r = await ensure(image); if (!r.ok) throw new Error(r.message); return r.image.id }

  test('one empty file: the layer is replaced, and no other', async () => {
    const [a, b] = [await push('one/a:1', marked('a1')), await push('one/b:1', marked('b1'))]
    const id = await ok(a)
    await ok(b)
    const whole = await sees(id, '/a1/noise')
    const other = await pod(await ok(b), ['sleep', '1000'])
    await zero('/a1/noise')
    const size = 'a1'.length + noise.length
    // The kernel goes on: nothing can have been lost, and nothing is read.
    await reboot({ same: true })
    expect(await ensure(a)).toMatchObject({ ok: true })
    expect(events.some((e) => e.startsWith('ImageDamaged'))).toBe(false)

    await reboot()
    const known = (await d.runtime.images()).length
    expect(await ok(a)).toBe(id)
    expect(events.filter((e) => e.startsWith('ImageDamaged')).join()).toContain(`a1/noise is empty instead of ${size} bytes`)
    expect(events.filter((e) => e.startsWith('ImageRepaired'))).toHaveLength(1)
    // containerd has what it downloaded; Docker has not, and fetches this layer and the config.
    const fetched = new Set(registry.fetched())
    expect(fetched.size).toBe(name === 'containerd' ? 0 : 2)
    expect(await sees(id, '/a1/noise')).toBe(whole)
    expect((await d.runtime.inspect(other.id))?.state).toBe('running')
    expect((await d.runtime.execSync(other.id, ['sha256sum', '/b1/noise'], 30_000, 1000)).exitCode).toBe(0)
    expect((await d.runtime.image(a))?.id).toBe(id)
    expect((await d.runtime.images()).length).toBe(known)
    // Whole, and known to be: not a second time in this boot, nor after an orderly end.
    await zero('/a1/noise')
    await reboot({ orderly: true })
    expect(await ensure(a)).toMatchObject({ ok: true })
    expect(events.some((e) => e.startsWith('ImageDamaged'))).toBe(false)
    await d.runtime.removeSandbox(other.sandbox)
    await reboot()
    await ok(a)
  })

  test('content of the right length but not the right content', async () => {
    const a = await push('two/a:1', marked('a2'))
    const id = await ok(a)
    const whole = await sees(id, '/a2/noise')
    await flip(await onDisk('/a2/noise'))
    await reboot()
    await ok(a)
    expect(events.find((e) => e.startsWith('ImageDamaged'))).toMatch(/a2\/noise (differs within|has another content)/)
    expect(await sees(id, '/a2/noise')).toBe(whole)
  })

  test('without a registry it waits with a reason, keeps what it has, and runs when the registry is back', async () => {
    const a = await push('three/a:1', marked('a3'))
    const id = await ok(a)
    const whole = await sees(id, '/a3/noise')
    if (name === 'containerd') await flip(await blobOf('a3'))
    else await zero('/a3/noise')
    await reboot()
    registry.plugged = false
    try {
      for (let i = 0; i < 2; i++) {
        const refused = await ensure(a)
        expect(refused).toMatchObject({ ok: false, reason: 'ImageInspectError', backOff: true })
        expect(refused.ok || refused.message).toMatch(/^image ".*three\/a:1" is damaged \((content|layer) sha256:[0-9a-f]{64}: .*\) and cannot be repaired: /)
      }
      expect((await d.runtime.images()).some((i) => i.id === id)).toBe(true)
    } finally { registry.plugged = true }
    expect(await ok(a)).toBe(id)
    // The layer that was damaged, and on Docker the config: the busybox below stays.
    expect(new Set(registry.fetched()).size).toBe(name === 'containerd' ? 1 : 2)
    expect(await sees(id, '/a3/noise')).toBe(whole)
  })

  test('a layer that two images share: both are whole again, and not while a container stands on it', async () => {
    const shared = marked('s4')
    const [a, b] = [await push('four/a:1', shared, marked('a4')), await push('four/b:1', shared, marked('b4'))]
    const [idA, idB] = [await ok(a), await ok(b)]
    const user = await pod(idB, ['sleep', '1000'])
    await zero('/s4/noise')
    await reboot()
    const refused = await ensure(a)
    expect(refused.ok || refused.message).toMatch(/running container .*four\/b:1 stands on it/)
    await d.runtime.removeSandbox(user.sandbox)
    await ok(a)
    await ok(b)
    expect(await sees(idA, '/s4/noise')).toBe(await sees(idB, '/s4/noise'))
    expect((await d.runtime.image(b))?.id).toBe(idB)
    const fetched = new Set(registry.fetched())
    expect(fetched.size).toBe(name === 'containerd' ? 0 : 5)
  })

  test('an image that came in an archive is repaired from it', async () => {
    const reference = 'bramble.test/archive:1'
    const path = join(d.engine.dir, 'archive.tar')
    const id = await writeLayeredImage(path, reference, [busybox, marked('a5')])
    await d.runtime.importImage(path)
    archives.set(reference, path)
    await ok(reference)
    if (name === 'containerd') await flip(await blobOf('a5'))
    else await zero('/a5/noise')
    await reboot()
    expect(await ok(reference)).toBe(id)
    expect(registry.fetched()).toEqual([])
    expect(events.some((e) => e.startsWith('ImageRepaired'))).toBe(true)
    expect(await sees(id, '/a5/noise')).toMatch(/^[0-9a-f]{64}$/)
  })

  test('in the background what no pod needs now is verified once', async () => {
    await reboot()
    const stop = new AbortController()
    const done = guard.run(stop.signal)
    const ledger = async (): Promise<Record<string, string>> => (JSON.parse(await readFile(join(d.engine.dir, 'images.json'), 'utf8')) as { images: Record<string, string> }).images
    const ids = (await d.runtime.images()).map((i) => i.id)
    let known: Record<string, string> = {}
    while (!ids.every((id) => known[id] === 'whole')) { known = await ledger(); await new Promise((resolve) => setTimeout(resolve, 20)) }
    stop.abort()
    await done
  })
  /** The blob of the layer that holds `marker`, as containerd downloaded it: the folder is asked for what its digest says. */
  const blobOf = async (marker: string): Promise<string> => {
    const blobs = join(d.engine.dir, 'root/io.containerd.content.v1.content/blobs/sha256')
    for (const blob of await readdir(blobs)) {
      const data = await readFile(join(blobs, blob))
      const plain = data[0] === 0x1f ? (await import('node:zlib')).gunzipSync(data) : data
      if (plain.subarray(0, marker.length + 1).toString() === `${marker}/`) return join(blobs, blob)
    }
    throw new Error(`no blob holds ${marker}`)
  }
})
