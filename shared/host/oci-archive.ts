/**
 * Container images made by ourselves, without a builder or a registry: a tar that both `docker load` and `ctr images import` read
 * (`docker save`'s layout). The same input gives the same bytes and so the same image id.
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'

export type ArchiveEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'file'; readonly path: string; readonly data: Buffer; readonly mode?: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }

/** The part of the OCI image config that says how to run. */
export interface ImageRunConfig {
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Env?: readonly string[]
  readonly User?: string
  readonly WorkingDir?: string
  readonly StopSignal?: string
}

export interface ImageRequest {
  /** Whole name with tag: `bramble.test/busybox:1`. */
  readonly reference: string
  /** Go's name: `amd64`, `arm64`. */
  readonly architecture: string
  /** Folders before what they hold. */
  readonly entries: readonly ArchiveEntry[]
  readonly config: ImageRunConfig
}

export interface ImageArchive { readonly tar: Buffer; /** `sha256:...` of the config: the id both engines give it. */ readonly id: string }

/** Go's name of the architecture that this program runs on. */
export const goArchitecture = (nodeArch: string): string => (nodeArch === 'x64' ? 'amd64' : nodeArch)

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

export function buildImage(request: ImageRequest): ImageArchive {
  const layer = tar(request.entries)
  const config = Buffer.from(JSON.stringify({
    architecture: request.architecture, os: 'linux', created: '1970-01-01T00:00:00Z', config: request.config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] }, history: [{ created: '1970-01-01T00:00:00Z', created_by: 'bramble' }],
  }))
  const id = sha256(config)
  const layerPath = `${sha256(layer)}.tar`
  const manifest = Buffer.from(JSON.stringify([{ Config: `${id}.json`, RepoTags: [request.reference], Layers: [layerPath] }]))
  const files: ArchiveEntry[] = [
    { kind: 'file', path: layerPath, data: layer }, { kind: 'file', path: `${id}.json`, data: config }, { kind: 'file', path: 'manifest.json', data: manifest },
  ]
  return { tar: tar(files), id: `sha256:${id}` }
}

/** An archive of an image whose layers the engine must have: it names them and holds none. */
export function layerlessArchive(reference: string, diffIds: readonly string[]): Buffer {
  const config = Buffer.from(JSON.stringify({ architecture: goArchitecture(process.arch), os: 'linux', created: '1970-01-01T00:00:00Z', config: {}, rootfs: { type: 'layers', diff_ids: diffIds } }))
  const id = sha256(config)
  return tar([
    { kind: 'file', path: `${id}.json`, data: config },
    { kind: 'file', path: 'manifest.json', data: Buffer.from(JSON.stringify([{ Config: `${id}.json`, RepoTags: [reference], Layers: diffIds.map((_, i) => `${i}.tar`) }])) },
  ])
}

const block = 512

/** A POSIX ustar archive: owner root, time zero. Refuses names over 100 bytes. */
export function tar(entries: readonly ArchiveEntry[]): Buffer {
  const parts: Buffer[] = []
  for (const entry of entries) {
    const data = entry.kind === 'file' ? entry.data : Buffer.alloc(0)
    parts.push(header(entry, data.length), data, Buffer.alloc((block - (data.length % block)) % block))
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

function header(entry: ArchiveEntry, size: number): Buffer {
  const h = Buffer.alloc(block)
  const name = Buffer.from(entry.kind === 'directory' ? `${entry.path.replace(/\/$/, '')}/` : entry.path)
  const target = Buffer.from(entry.kind === 'symlink' ? entry.target : '')
  if (name.length > 100 || target.length > 100) throw new Error(`archive name over 100 bytes: ${entry.path}`)
  const mode = entry.kind === 'symlink' ? 0o777 : entry.mode ?? (entry.kind === 'directory' ? 0o755 : 0o644)
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`
  name.copy(h, 0)
  h.write(octal(mode, 8), 100)
  h.write(octal(0, 8), 108)
  h.write(octal(0, 8), 116)
  h.write(octal(size, 12), 124)
  h.write(octal(0, 12), 136)
  h.write('        ', 148)
  h.write({ directory: '5', file: '0', symlink: '2' }[entry.kind], 156)
  target.copy(h, 157)
  h.write('ustar\x0000', 257)
  const sum = h.reduce((a, b) => a + b, 0)
  h.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return h
}

/** Commands that a busybox image offers under their own names. */
export const busyboxApplets: readonly string[] = [
  'sh', 'ash', 'awk', 'basename', 'cat', 'chmod', 'chown', 'cp', 'cut', 'date', 'dd', 'df', 'dirname', 'du', 'echo', 'env', 'expr', 'false', 'find', 'free', 'grep', 'gunzip', 'gzip',
  'head', 'hostname', 'httpd', 'id', 'ifconfig', 'ip', 'ipcs', 'kill', 'killall', 'ln', 'ls', 'md5sum', 'mkdir', 'mkfifo', 'mount', 'mv', 'nc', 'netstat', 'nproc', 'nslookup', 'od', 'pgrep', 'ping',
  'pkill', 'printf', 'ps', 'pwd', 'readlink', 'realpath', 'rm', 'rmdir', 'sed', 'seq', 'setsid', 'sha256sum', 'sleep', 'sort', 'stat', 'stty', 'su', 'sync', 'sysctl', 'tail', 'tar', 'tee', 'telnet', 'test',
  'timeout', 'top', 'touch', 'tr', 'traceroute', 'true', 'tty', 'umount', 'uname', 'uniq', 'uptime', 'usleep', 'vi', 'wc', 'wget', 'which', 'whoami', 'xargs', 'yes',
]

/** A small Linux around one static busybox: commands in /bin, users root and nobody and app (1000), an empty /tmp. */
export function busyboxEntries(busybox: Buffer, more: readonly ArchiveEntry[] = []): ArchiveEntry[] {
  const folders = ['bin', 'dev', 'etc', 'home', 'proc', 'root', 'run', 'sys', 'usr', 'var', 'www']
  return [
    ...folders.map((path): ArchiveEntry => ({ kind: 'directory', path })),
    { kind: 'directory', path: 'tmp', mode: 0o1777 },
    { kind: 'file', path: 'bin/busybox', data: busybox, mode: 0o755 },
    ...busyboxApplets.map((name): ArchiveEntry => ({ kind: 'symlink', path: `bin/${name}`, target: 'busybox' })),
    { kind: 'file', path: 'etc/passwd', data: Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\napp:x:1000:1001:app:/home:/bin/sh\n') },
    { kind: 'file', path: 'etc/group', data: Buffer.from('root:x:0:\nnogroup:x:65534:\napp:x:1001:\nextra:x:2000:app\n') },
    ...more,
  ]
}

/** Writes an image of this machine's static busybox (`/bin/busybox` of Debian's busybox-static) as a tar; returns its id. */
export async function writeBusyboxImage(tarPath: string, reference: string, options: { config?: ImageRunConfig; entries?: readonly ArchiveEntry[] } = {}): Promise<string> {
  const busybox = await readFile('/bin/busybox')
  const image = buildImage({
    reference, architecture: goArchitecture(process.arch), entries: busyboxEntries(busybox, options.entries), config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'], ...options.config },
  })
  await writeFile(tarPath, image.tar)
  return image.id
}
