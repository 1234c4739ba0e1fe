/** Pulling from real registries: open, behind a password, with a private CA, through a mirror; by both drivers. */
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../shared/host/clock.ts'
import { runOk } from '../../shared/host/exec.ts'
import { silentLog } from '../../shared/host/log.ts'
import { createCa, issueCertificate } from '../../shared/pki/certificates.ts'
import { startContainerd, startDockerd, testFolder, type Daemon } from '../../test/testbed/daemons.ts'
import { openFlakyLink, type FlakyLink } from '../../test/testbed/flaky-link.ts'
import { otherArchitecture, pushIndex, pushTestImage, registryUser, startRegistry, type Registry } from '../../test/testbed/registry.ts'
import { ContainerdRuntime } from './containerd/driver.ts'
import { DockerRuntime } from './docker/driver.ts'
import type { Runtime } from './runtime.ts'

const never = new AbortController().signal
const hour = 3_600_000
/** An address of this machine that Docker does not take for insecure, as it does all of 127.0.0.0/8. */
const address = `10.204.${1 + process.pid % 250}.1`
let dir: string
let [open, guarded, secure]: Registry[] = []
let link: FlakyLink
let caPem: string
let imageId: string

beforeAll(async () => {
  dir = await testFolder('registry')
  await runOk(['ip', 'addr', 'replace', `${address}/32`, 'dev', 'lo'])
  const ca = await createCa({ commonName: 'a CA of our own' }, { now: Date.now(), ttl: hour })
  caPem = ca.certPem
  const { certPem, keyPem } = await issueCertificate(ca, { commonName: address }, { now: Date.now(), ttl: hour, usages: ['server'], ips: [address] })
  open = await startRegistry({ folder: dir })
  guarded = await startRegistry({ folder: dir, password: true })
  secure = await startRegistry({ folder: dir, host: address, tls: { cert: certPem, key: keyPem } })
  link = await openFlakyLink({ host: '127.0.0.1', port: guarded.port })
  imageId = await pushTestImage(open, dir, 'x/app:1')
  await pushIndex(open, 'x/app', '1', 'elsewhere', otherArchitecture)
})
afterAll(async () => {
  await link?.close()
  for (const registry of [open, guarded, secure]) registry?.stop()
  await runOk(['ip', 'addr', 'del', `${address}/32`, 'dev', 'lo'])
  await rm(dir, { recursive: true, force: true })
})

const drivers: [string, () => Promise<{ runtime: Runtime; engine: Daemon }>][] = [
  ['containerd', async () => {
    const engine = await startContainerd()
    return { engine, runtime: new ContainerdRuntime({ address: engine.address, namespace: 'pull', dataDir: join(engine.dir, 'data'), stateDir: join(engine.dir, 'run'), hostsDir: join(dir, 'certs.d'), clock: systemClock, log: silentLog }) }
  }],
  ['docker', async () => {
    const engine = await startDockerd()
    return { engine, runtime: new DockerRuntime({ host: engine.address, cgroupDriver: engine.cgroupDriver, owner: 'pull', stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog }) }
  }],
]

const running = new Map<string, { runtime: Runtime; engine: Daemon }>()
beforeAll(async () => { for (const [name, make] of drivers) running.set(name, await make()) })
afterAll(async () => { for (const d of running.values()) { await d.runtime.close(); await d.engine.stop() } })

describe.each(drivers.map(([name]) => name))('%s', (engineName) => {
  let d: { runtime: Runtime; engine: Daemon }
  beforeAll(() => { d = running.get(engineName)! })
  const pull = (reference: string, auth?: { username: string; password: string }, plainHttp = true) => d.runtime.pullImage(reference, auth, { plainHttp }, never, () => undefined)

  test('an open registry; the image is then there; removed it is not', async () => {
    const name = `${open!.address}/x/app:1`
    expect(await d.runtime.image(name)).toBeUndefined()
    expect(await pull(name)).toMatchObject({ id: imageId, tags: [name] })
    const image = await d.runtime.image(name)
    expect((await d.runtime.image(image!.digests[0]!))?.id).toBe(imageId)
    await d.runtime.removeImage(imageId)
    expect(await d.runtime.image(name)).toBeUndefined()
  })

  test('by digest, which wins over a tag beside it', async () => {
    const digest = (await pull(`${open!.address}/x/app:1`)).digests[0]!.split('@')[1]!
    await d.runtime.removeImage(imageId)
    expect(await pull(`${open!.address}/x/app@${digest}`)).toMatchObject({ id: imageId })
    await d.runtime.removeImage(imageId)
    expect(await pull(`${open!.address}/x/app:no-such-tag@${digest}`)).toMatchObject({ id: imageId })
    await d.runtime.removeImage(imageId)
    await expect(pull(`${open!.address}/x/app@sha256:${randomBytes(32).toString('hex')}`)).rejects.toMatchObject({ code: 'image-not-found' })
  })

  test('what is not there, what is not for this machine, and nobody listening', async () => {
    await expect(pull(`${open!.address}/x/app:2`)).rejects.toMatchObject({ code: 'image-not-found' })
    await expect(pull(`${open!.address}/x/app:elsewhere`)).rejects.toMatchObject({ code: 'image-not-found', message: expect.stringMatching(/no match for platform|no matching manifest for linux/) })
    await expect(pull('127.0.0.1:1/x/app:1')).rejects.toMatchObject({ code: 'pull-failed' })
  })

  test('a password: wrong is denied, right is let in, and none is seen in the list of processes', async () => {
    const name = `127.0.0.1:${link.port}/x/app:1`
    await expect(pull(name)).rejects.toMatchObject({ code: 'pull-denied' })
    const wrong = await pull(name, { username: 'me', password: 'wrong' }).catch((e: unknown) => e)
    expect(wrong).toMatchObject({ code: 'pull-denied' })
    expect((wrong as Error).message).not.toContain('wrong')
    const seen: string[] = []
    link.onRequest = async () => { for (const pid of await readdir('/proc')) if (/^\d+$/.test(pid)) seen.push(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) }
    expect((await pull(name, registryUser)).id).toBe(imageId)
    expect(seen.some((line) => line.includes(`:${link.port}/x/app:1`))).toBe(true)
    expect(seen.some((line) => line.includes(registryUser.password))).toBe(false)
    await d.runtime.removeImage(imageId)
  })

  test('a registry whose certificate comes from a CA of one\'s own: refused until the CA is put where it belongs', async () => {
    const name = `${secure!.address}/x/app:1`
    await expect(pull(name, undefined, false)).rejects.toMatchObject({ code: 'pull-failed', message: expect.stringMatching(engineName === 'docker' ? /x509.*\/etc\/docker\/certs\.d\/[\d.:]+\/ca\.crt/ : /x509/) })
    const folder = engineName === 'docker' ? `/etc/docker/certs.d/${secure!.address}` : join(dir, 'certs.d', secure!.address)
    await mkdir(folder, { recursive: true })
    try {
      await writeFile(join(folder, 'ca.crt'), caPem)
      if (engineName === 'containerd') await writeFile(join(folder, 'hosts.toml'), `server = "https://${secure!.address}"\n[host."https://${secure!.address}"]\n  ca = "${folder}/ca.crt"\n`)
      expect((await pull(name, undefined, false)).id).toBe(imageId)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    await d.runtime.removeImage(imageId)
  })
})

describe('containerd alone', () => {
  test('through a mirror, and past one that is gone; the image has the name that the pod wrote', async () => {
    const folder = join(dir, 'certs.d/registry.example')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'hosts.toml'), `server = "https://registry.example"\n[host."http://127.0.0.1:1"]\n  capabilities = ["pull", "resolve"]\n[host."http://${open!.address}"]\n  capabilities = ["pull", "resolve"]\n`)
    const { runtime } = running.get('containerd')!
    const image = await runtime.pullImage('registry.example/x/app:1', undefined, { plainHttp: false }, never, () => undefined)
    expect(image).toMatchObject({ id: imageId, tags: ['registry.example/x/app:1'] })
    expect(await runtime.image('registry.example/x/app:1')).toMatchObject({ id: imageId })
  })
})

describe('docker alone', () => {
  test('a registry that is to be spoken to without TLS, which the daemon would not do, is refused by name', async () => {
    await expect(running.get('docker')!.runtime.pullImage(`${address}:5000/x/app:1`, undefined, { plainHttp: true }, never, () => undefined)).rejects.toMatchObject({
      code: 'pull-failed', message: `registry ${address}:5000 is to be spoken to over plain HTTP, which the Docker daemon does only for those in its "insecure-registries" (daemon.json)`,
    })
  })

  test('credentials that an agent left which was killed in the middle of a pull are removed by the next', async () => {
    const { engine } = running.get('docker')!
    const stateDir = join(engine.dir, 'run-of-the-next')
    await mkdir(join(stateDir, 'auth-1-0'), { recursive: true })
    await writeFile(join(stateDir, 'auth-1-0/config.json'), '{}')
    const next = new DockerRuntime({ host: engine.address, cgroupDriver: engine.cgroupDriver, owner: 'pull', stateDir, clock: systemClock, log: silentLog })
    await next.list()
    await next.close()
    expect(await readdir(stateDir)).toEqual([])
  })
})
