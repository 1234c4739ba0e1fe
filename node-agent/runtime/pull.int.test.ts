/** Pulling from a registry on loopback, open and behind a password, by both drivers. */
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../shared/host/clock.ts'
import { runOk, start } from '../../shared/host/exec.ts'
import { silentLog } from '../../shared/host/log.ts'
import { startContainerd, startDockerd, testFolder, type Daemon } from '../../test/testbed/daemons.ts'
import { writeTestImage } from '../../test/testbed/images.ts'
import { ContainerdRuntime } from './containerd/driver.ts'
import { DockerRuntime } from './docker/driver.ts'
import type { Runtime } from './runtime.ts'

const never = new AbortController().signal
const password = 'p w$(x)"1'
let registry: ChildProcess
let guard: Server
let guarded: number
let open: number
let imageId: string
let dir: string

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

beforeAll(async () => {
  dir = await testFolder('registry')
  open = await freePort()
  await writeFile(join(dir, 'config.yml'), `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${dir}/data\nhttp:\n  addr: 127.0.0.1:${open}\n`)
  registry = start(['docker-registry', 'serve', join(dir, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    registry.once('exit', (code) => reject(new Error(`registry ended: ${code}`)))
    registry.stderr!.on('data', (d: Buffer) => { if (d.toString().includes('listening on')) resolve() })
  })
  imageId = await writeTestImage(join(dir, 'image.tar'), { reference: 'x/app:1' })
  await runOk(['skopeo', 'copy', '--insecure-policy', '--dest-tls-verify=false', `docker-archive:${join(dir, 'image.tar')}`, `docker://127.0.0.1:${open}/x/app:1`])
  guard = createServer((req, res) => {
    if (req.headers.authorization !== `Basic ${Buffer.from(`me:${password}`).toString('base64')}`) { res.writeHead(401, { 'WWW-Authenticate': 'Basic realm="registry"' }).end('{}'); return }
    const { authorization: _, ...headers } = req.headers
    req.pipe(httpRequest({ port: open, host: '127.0.0.1', path: req.url, method: req.method, headers }, (r) => { res.writeHead(r.statusCode ?? 500, r.headers); r.pipe(res) }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => guard.once('listening', resolve))
  guarded = (guard.address() as AddressInfo).port
})
afterAll(async () => { registry?.kill('SIGKILL'); guard?.close(); await rm(dir, { recursive: true, force: true }) })

const drivers: [string, () => Promise<{ runtime: Runtime; engine: Daemon }>][] = [
  ['containerd', async () => {
    const engine = await startContainerd()
    return { engine, runtime: new ContainerdRuntime({ address: engine.address, namespace: 'pull', dataDir: join(engine.dir, 'data'), stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog }) }
  }],
  ['docker', async () => {
    const engine = await startDockerd()
    return { engine, runtime: new DockerRuntime({ host: engine.address, owner: 'pull', stateDir: join(engine.dir, 'run'), clock: systemClock, log: silentLog }) }
  }],
]

describe.each(drivers)('%s', (_, make) => {
  let d: { runtime: Runtime; engine: Daemon }
  beforeAll(async () => { d = await make() })
  afterAll(async () => { await d?.runtime.close(); await d?.engine.stop() })
  const pull = (reference: string, auth?: { username: string; password: string }) => d.runtime.pullImage(reference, auth, { plainHttp: true }, never, () => undefined)

  test('an open registry; the image is then there; removed it is not', async () => {
    const name = `127.0.0.1:${open}/x/app:1`
    expect(await d.runtime.image(name)).toBeUndefined()
    expect(await pull(name)).toMatchObject({ id: imageId, tags: [name] })
    const image = await d.runtime.image(name)
    expect((await d.runtime.image(image!.digests[0]!))?.id).toBe(imageId)
    await d.runtime.removeImage(imageId)
    expect(await d.runtime.image(name)).toBeUndefined()
  })

  test('what is not there, and nobody listening', async () => {
    await expect(pull(`127.0.0.1:${open}/x/app:2`)).rejects.toMatchObject({ code: 'image-not-found' })
    await expect(pull('127.0.0.1:1/x/app:1')).rejects.toMatchObject({ code: 'pull-failed' })
  })

  test('a password: wrong is denied, right is let in, and none is seen in the list of processes', async () => {
    const name = `127.0.0.1:${guarded}/x/app:1`
    await expect(pull(name)).rejects.toMatchObject({ code: 'pull-denied' })
    const wrong = await pull(name, { username: 'me', password: 'wrong' }).catch((e: unknown) => e)
    expect(wrong).toMatchObject({ code: 'pull-denied' })
    const seen: string[] = []
    guard.on('request', () => {
      void (async () => { for (const pid of await readdir('/proc')) if (/^\d+$/.test(pid)) seen.push(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) })()
    })
    expect((await pull(name, { username: 'me', password })).id).toBe(imageId)
    expect(seen.some((line) => line.includes(`:${guarded}/x/app:1`))).toBe(true)
    expect(seen.some((line) => line.includes(password))).toBe(false)
  })
})
