/** Real registries (`docker-registry`) over one folder of images: open, behind a password, or with TLS of a CA of the test's own. */
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk, start } from '../../shared/host/exec.ts'
import { goArchitecture } from '../../shared/host/oci-archive.ts'
import { freePort } from './cluster.ts'
import { writeTestImage } from './images.ts'

export interface Registry {
  /** `127.0.0.1:5000` */
  readonly address: string
  readonly port: number
  /** Everything it said, requests among it. */
  log(): string
  stop(): void
}

export interface RegistryOptions {
  /** Where it keeps its images; several may share it. */
  readonly folder: string
  /** By which it is spoken of; 127.0.0.1 by default. */
  readonly host?: string
  /** Where it listens, if not at `host`. */
  readonly listen?: string
  readonly password?: boolean
  readonly tls?: { readonly cert: string; readonly key: string }
}

/** Who is let in where {@link RegistryOptions.password} is set. */
export const registryUser = { username: 'me', password: 'p w$(x)"1' } as const
/** bcrypt of the above, cost 4. */
const htpasswd = 'me:$2b$04$DaMEHi7utrGPqBn04lGTGeK29zpUaowxguSGZTKMCwBm16yMHTP4u\n'

export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const port = await freePort()
  const address = `${options.host ?? '127.0.0.1'}:${port}`
  const own = join(options.folder, String(port))
  await mkdir(own, { recursive: true })
  const lines = ['version: 0.1', `storage: { filesystem: { rootdirectory: "${options.folder}/data" } }`, 'http:', `  addr: "${options.listen ?? options.host ?? '127.0.0.1'}:${port}"`]
  if (options.tls) {
    await writeFile(join(own, 'cert.pem'), options.tls.cert)
    await writeFile(join(own, 'key.pem'), options.tls.key)
    lines.push(`  tls: { certificate: "${own}/cert.pem", key: "${own}/key.pem" }`)
  }
  if (options.password) {
    await writeFile(join(own, 'htpasswd'), htpasswd)
    lines.push(`auth: { htpasswd: { realm: test, path: "${own}/htpasswd" } }`)
  }
  await writeFile(join(own, 'config.yml'), `${lines.join('\n')}\n`)
  const child = start(['docker-registry', 'serve', join(own, 'config.yml')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const keep = (d: Buffer): void => { said = (said + d.toString()).slice(-1_000_000) }
  child.stdout?.on('data', keep)
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`registry ended: ${code}\n${said}`)))
    child.stderr!.on('data', (d: Buffer) => { keep(d); if (d.toString().includes('listening on')) resolve() })
  })
  return { address, port, log: () => said, stop: () => { child.kill('SIGKILL') } }
}

/** Puts the image of an archive into an open registry. */
export const pushArchive = (archive: string, address: string, name: string): Promise<Buffer> =>
  runOk(['skopeo', 'copy', '--insecure-policy', '--dest-tls-verify=false', `docker-archive:${archive}`, `docker://${address}/${name}`])

/** Puts a small image there; returns its id. */
export async function pushTestImage(registry: Registry, folder: string, name: string): Promise<string> {
  const archive = join(folder, 'image.tar')
  const id = await writeTestImage(archive, { reference: 'x/y:1', entries: [{ kind: 'file', path: 'name', data: Buffer.from(name) }] })
  await pushArchive(archive, registry.address, name)
  return id
}

/** An image that does not compress, in one layer of so many bytes. */
export async function pushLargeImage(registry: Registry, folder: string, name: string, bytes: number): Promise<string> {
  const archive = join(folder, 'large.tar')
  const id = await writeTestImage(archive, { reference: 'x/y:1', entries: [{ kind: 'file', path: 'filling', data: randomBytes(bytes) }] })
  await pushArchive(archive, registry.address, name)
  return id
}

/** Go's name of an architecture that this machine has not. */
export const otherArchitecture = goArchitecture(process.arch) === 'arm64' ? 'amd64' : 'arm64'

/** A list of one manifest that is there already, said to be for `architecture`. */
export async function pushIndex(registry: Registry, repository: string, tag: string, as: string, architecture: string): Promise<void> {
  const mediaType = 'application/vnd.docker.distribution.manifest.v2+json'
  const of = (name: string): string => `http://${registry.address}/v2/${repository}/manifests/${name}`
  const manifest = await fetch(of(tag), { headers: { accept: mediaType } })
  const list = { schemaVersion: 2, mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json', manifests: [{ mediaType, digest: manifest.headers.get('docker-content-digest'), size: (await manifest.text()).length, platform: { os: 'linux', architecture } }] }
  const put = await fetch(of(as), { method: 'PUT', headers: { 'content-type': list.mediaType }, body: JSON.stringify(list) })
  if (!put.ok) throw new Error(`the registry refused a list: ${put.status} ${await put.text()}`)
}
