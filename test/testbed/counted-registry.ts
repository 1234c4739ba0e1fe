/** A registry of a test's own behind a proxy that remembers which blobs were fetched, and can be unplugged. */
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { runOk, start } from '../../shared/host/exec.ts'
import { goArchitecture, tar, type ArchiveEntry } from '../../shared/host/oci-archive.ts'

export interface CountedRegistry {
  /** `127.0.0.1:PORT`; plain HTTP. */
  readonly host: string
  /** Digests of blobs that were asked for since the last call, in order. */
  fetched(): string[]
  /** Resolves when the next blob is asked for. */
  nextFetch(): Promise<void>
  /** `false`: nobody answers with anything but 503. */
  plugged: boolean
  /** Pushes an image of these layers, the lowest first, as `host/name`, compressed; returns its id. */
  push(name: string, layers: readonly (readonly ArchiveEntry[])[]): Promise<string>
  close(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/** `docker save`'s layout; returns the image's id. */
export async function writeLayeredImage(path: string, reference: string, layers: readonly (readonly ArchiveEntry[])[]): Promise<string> {
  const tars = layers.map((entries) => tar(entries))
  const config = Buffer.from(JSON.stringify({ architecture: goArchitecture(process.arch), os: 'linux', created: '1970-01-01T00:00:00Z', config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] }, rootfs: { type: 'layers', diff_ids: tars.map((t) => `sha256:${sha256(t)}`) } }))
  const id = sha256(config)
  await writeFile(path, tar([
    ...tars.map((data, i): ArchiveEntry => ({ kind: 'file', path: `${i}.tar`, data })), { kind: 'file', path: `${id}.json`, data: config },
    { kind: 'file', path: 'manifest.json', data: Buffer.from(JSON.stringify([{ Config: `${id}.json`, RepoTags: [reference], Layers: tars.map((_, i) => `${i}.tar`) }])) },
  ]))
  return `sha256:${id}`
}

export async function startRegistry(dir: string): Promise<CountedRegistry> {
  const port = await freePort()
  await writeFile(join(dir, 'registry.yml'), `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${dir}/registry\nhttp:\n  addr: 127.0.0.1:${port}\n`)
  const registry = start(['docker-registry', 'serve', join(dir, 'registry.yml')], { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    registry.once('exit', (code) => reject(new Error(`registry ended: ${code}`)))
    registry.stderr!.on('data', (d: Buffer) => { if (d.toString().includes('listening on')) resolve() })
  })
  let blobs: string[] = []
  const waiting: (() => void)[] = []
  const proxy = createServer((req, res) => {
    if (!self.plugged) { req.resume(); res.writeHead(503).end(); return }
    const blob = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(req.url ?? '')
    if (blob && req.method === 'GET') { blobs.push(blob[1]!); for (const wake of waiting.splice(0)) wake() }
    const onward = request({ port, host: '127.0.0.1', path: req.url, method: req.method, headers: req.headers }, (r) => { res.writeHead(r.statusCode ?? 500, r.headers); r.pipe(res) })
    onward.on('error', () => res.destroy())
    req.pipe(onward)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => proxy.once('listening', resolve))
  const self: CountedRegistry = {
    host: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, plugged: true,
    fetched: () => blobs.splice(0),
    nextFetch: () => new Promise((resolve) => { waiting.push(resolve) }),
    async push(name, layers) {
      const path = join(dir, 'pushed.tar')
      const id = await writeLayeredImage(path, name, layers)
      await runOk(['skopeo', 'copy', '--insecure-policy', '--dest-tls-verify=false', `docker-archive:${path}`, `docker://${self.host}/${name}`])
      blobs = []
      return id
    },
    async close() {
      proxy.closeAllConnections()
      await new Promise((resolve) => proxy.close(resolve))
      registry.kill('SIGKILL')
    },
  }
  return self
}
