/** Command lines of `ctr`, `runc`, `mount` and `unshare`: request in, argv out. Pure. Fits containerd 1.6 (Debian 12) and 1.7 (Debian 13). */

export interface Engine {
  /** Socket of containerd. */
  readonly address: string
  /** containerd's namespace, which keeps our containers apart from everybody else's. */
  readonly namespace: string
  /** Where runc keeps its state, so that `runc exec` finds what the shim made. */
  readonly runcRoot: string
}

const ownerLabel = 'bramble.owner'
const owner = 'node-agent'

const ctr = (e: Engine, ...args: readonly string[]): string[] => ['ctr', '--address', e.address, '--namespace', e.namespace, ...args]

export const version = (e: Engine): string[] => ctr(e, 'version')
export const events = (e: Engine): string[] => ctr(e, 'events')
export const createNamespace = (e: Engine): string[] => ctr(e, 'namespaces', 'create', e.namespace)
export const namespaces = (e: Engine): string[] => ctr(e, 'namespaces', 'ls')
/** Says whose the namespace is. */
export const claimNamespace = (e: Engine, claim: string): string[] => ctr(e, 'namespaces', 'label', e.namespace, claim)
/** Changes a label: its event tells that the event stream is connected. */
export const markNamespace = (e: Engine, nonce: string): string[] => ctr(e, 'namespaces', 'label', e.namespace, `bramble.sync=${nonce}`)
export const tasks = (e: Engine): string[] => ctr(e, 'tasks', 'ls')
export const containers = (e: Engine): string[] => ctr(e, 'containers', 'ls', '-q', `labels."${ownerLabel}"==${owner}`)

/** Creates and starts; returns once it runs. The shim appends output to `logPath` itself. */
const runtimeOf = (handler: string | undefined): string[] => (handler === undefined ? [] : ['--runtime', `io.containerd.${handler}.v2`])
export const runContainer = (e: Engine, r: { id: string; configPath: string; logPath: string; pidFile: string; handler: string | undefined }): string[] => ctr(e, 'run', '--detach', ...runtimeOf(r.handler), '--runc-root', e.runcRoot,
  '--label', `${ownerLabel}=${owner}`, '--config', r.configPath, '--log-uri', `file://${r.logPath.split('/').map(encodeURIComponent).join('/')}`, '--pid-file', r.pidFile, r.id)

/** Stays until the container ends: its input and output are this command's own. */
export const runHeld = (e: Engine, r: { id: string; configPath: string; pidFile: string; tty: boolean; handler: string | undefined }): string[] => ctr(e, 'run', ...runtimeOf(r.handler), '--runc-root', e.runcRoot,
  '--label', `${ownerLabel}=${owner}`, '--config', r.configPath, '--pid-file', r.pidFile, ...(r.tty ? ['--tty'] : []), r.id)
/** The same for a container that runs already and has lost its holder. */
export const attachTask = (e: Engine, id: string): string[] => ctr(e, 'tasks', 'attach', id)

/** Removes container and ended task in one go. */
export const removeContainers = (e: Engine, ids: readonly string[]): string[] => ctr(e, 'containers', 'delete', ...ids)
export const killTask = (e: Engine, id: string): string[] => ctr(e, 'tasks', 'kill', '--signal', 'SIGKILL', '--all', id)

export const images = (e: Engine): string[] => ctr(e, 'images', 'ls')
export const content = (e: Engine, digest: string): string[] => ctr(e, 'content', 'get', digest)
export const removeContent = (e: Engine, digests: readonly string[]): string[] => ctr(e, 'content', 'rm', ...digests)
/** An empty value removes the label. */
export const labelContent = (e: Engine, digest: string, label: string, value: string): string[] => ctr(e, 'content', 'label', digest, `${label}=${value}`)
export const labelSnapshot = (e: Engine, key: string, label: string, value: string): string[] => ctr(e, 'snapshots', 'label', key, `${label}=${value}`)
export const createLease = (e: Engine, id: string): string[] => ctr(e, 'leases', 'create', '--id', id)
/** Returns when the engine has collected what nobody refers to. */
export const removeLease = (e: Engine, id: string): string[] => ctr(e, 'leases', 'delete', '--sync', id)
export const importImage = (e: Engine, tarPath: string): string[] => ctr(e, 'images', 'import', tarPath)
export const pullImage = (e: Engine, reference: string, o: { plainHttp: boolean; username: string | undefined; hostsDir: string | undefined }): string[] => ctr(e, 'images', 'pull',
  ...(o.plainHttp ? ['--plain-http'] : []), ...(o.hostsDir === undefined ? [] : ['--hosts-dir', o.hostsDir]), ...(o.username === undefined ? [] : [`--user=${o.username}`]), reference)
/** Downloads under way: name, size, age. */
export const activeContent = (e: Engine): string[] => ctr(e, 'content', 'active')
export const removeImages = (e: Engine, references: readonly string[]): string[] => ctr(e, 'images', 'rm', '--sync', ...references)
/** A read-only snapshot of an image's top layer, which tells where the layers are; the engine may collect it. */
export const viewSnapshot = (e: Engine, key: string, chainId: string): string[] => ctr(e, 'snapshots', 'view', '--mounts', key, chainId)
export const snapshots = (e: Engine): string[] => ctr(e, 'snapshots', 'ls')
export const snapshotMounts = (e: Engine, key: string): string[] => ctr(e, 'snapshots', 'mounts', '/', key)
/** Unpacks the image whose target `digest` is from what was downloaded of it; layers that are there stay. */
export const unpack = (e: Engine, digest: string): string[] => ctr(e, 'snapshots', 'unpack', digest)
export const removeSnapshot = (e: Engine, key: string): string[] => ctr(e, 'snapshots', 'rm', key)

/** Ends what runs of it and removes it from runc's state, also where it was never whole. */
export const deleteInRunc = (e: Engine, id: string): string[] => ['runc', '--root', runcState(e), 'delete', '--force', id]
/** A folder for each container. */
export const runcState = (e: Engine): string => `${e.runcRoot}/${e.namespace}`

/** `runc exec` takes environment, user and folder from the container, and is twice as fast as `ctr tasks exec` (21 ms to 44 ms). */
export const exec = (e: Engine, r: { id: string; pidFile: string; tty: boolean; argv: readonly string[] }): string[] => [
  'runc', '--root', runcState(e), 'exec', ...(r.tty ? ['--tty', '--env', 'TERM=xterm'] : []), '--pid-file', r.pidFile, r.id, ...r.argv]

/** Makes a pod's namespaces, each held open by a bind mount on a file, and brings up the loopback in the new network. */
export function unshare(paths: { readonly net: string | undefined; readonly ipc: string | undefined; readonly uts: string | undefined }): string[] {
  const flags = Object.entries(paths).flatMap(([kind, path]) => (path === undefined ? [] : [`--${kind}=${path}`]))
  return ['unshare', ...flags, '--', ...(paths.net === undefined ? ['true'] : ['ip', 'link', 'set', 'lo', 'up'])]
}

/** Relative lower folders keep many layers within the page of options that mount(2) takes. */
export const mountOverlay = (r: { lower: readonly string[]; upper: string; work: string; target: string }): string[] => [
  'mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=${r.lower.map(escaped).join(':')},upperdir=${escaped(r.upper)},workdir=${escaped(r.work)}`, r.target]
const escaped = (path: string): string => path.replace(/[\\:,]/g, (c) => `\\${c}`)

export const mountShm = (target: string): string[] => ['mount', '-t', 'tmpfs', '-o', 'nosuid,nodev,noexec,mode=1777,size=65536k', 'shm', target]
export const unmount = (paths: readonly string[]): string[] => ['umount', '-l', '--', ...paths]
export const bindToItself = (path: string): string[] => ['mount', '--bind', '--make-shared', path, path]
