/** Command lines of `docker`: request in, argv out. Pure. */
import { sliceOf, type CgroupDriver } from '../../../shared/host/cgroup-names.ts'
import type { ContainerSpec, SandboxSpec } from '../runtime.ts'

export interface Engine {
  /** `unix:///var/run/docker.sock`. */
  readonly host: string
  /** Marks what is ours on an engine that others use too. */
  readonly owner: string
  /** The daemon's; cgroupfs where it is left out. */
  readonly cgroupDriver?: CgroupDriver
}

export const ownerLabel = 'bramble.owner'
const docker = (e: Engine, ...args: readonly string[]): string[] => ['docker', '--host', e.host, ...args]
const labels = (all: Readonly<Record<string, string>>): string[] => Object.entries(all).map(([k, v]) => `--label=${k}=${v}`)

export const cgroupFacts = (e: Engine): string[] => docker(e, 'info', '--format', '{{.CgroupDriver}} {{.CgroupVersion}} {{.ServerVersion}}')
export const version = (e: Engine): string[] => docker(e, 'version', '--format', '{{.Server.Version}}')
/** From `since` on, so that nothing is lost between a listing and the stream. */
export const events = (e: Engine, since: string): string[] => docker(e, 'events', '--since', since, '--format', '{{json .}}',
  ...['create', 'start', 'die', 'oom', 'destroy', 'load', 'pull', 'tag', 'untag', 'delete', 'import'].map((name) => `--filter=event=${name}`))
export const ids = (e: Engine): string[] => docker(e, 'ps', '--all', '--quiet', '--no-trunc', `--filter=label=${ownerLabel}=${e.owner}`)
export const inspect = (e: Engine, names: readonly string[]): string[] => docker(e, 'inspect', '--type', 'container', ...names)
export const remove = (e: Engine, names: readonly string[]): string[] => docker(e, 'rm', '--force', '--volumes', ...names)
export const kill = (e: Engine, names: readonly string[]): string[] => docker(e, 'kill', ...names)
export const stop = (e: Engine, name: string, seconds: number): string[] => docker(e, 'stop', '--time', String(seconds), name)
export const logs = (e: Engine, name: string, o: { follow: boolean; tail: number | undefined; since: string | undefined }): string[] => docker(e, 'logs', '--timestamps',
  ...(o.follow ? ['--follow'] : []), ...(o.tail === undefined ? [] : [`--tail=${o.tail}`]), ...(o.since === undefined ? [] : [`--since=${o.since}`]), name)
export const exec = (e: Engine, r: { id: string; stdin: boolean; tty: boolean; argv: readonly string[] }): string[] => docker(e, 'exec', ...(r.stdin ? ['--interactive'] : []), ...(r.tty ? ['--tty'] : []), r.id, ...r.argv)
export const attach = (e: Engine, r: { id: string; stdin: boolean }): string[] => docker(e, 'attach', '--sig-proxy=false', '--detach-keys=', ...(r.stdin ? [] : ['--no-stdin']), r.id)
export const images = (e: Engine): string[] => docker(e, 'image', 'ls', '--quiet', '--no-trunc')
export const inspectImages = (e: Engine, names: readonly string[]): string[] => docker(e, 'image', 'inspect', ...names)
export const load = (e: Engine, tarPath: string): string[] => docker(e, 'image', 'load', '--input', tarPath)
/** `configDir` holds the credentials, so that they never show on a command line. */
export const registryConfig = (e: Engine): string[] => docker(e, 'info', '--format', '{{json .RegistryConfig}}')
export const pull = (e: Engine, reference: string, configDir: string | undefined): string[] => ['docker', ...(configDir === undefined ? [] : ['--config', configDir]), '--host', e.host, 'pull', reference]
export const forceRemoveImage = (e: Engine, names: readonly string[]): string[] => docker(e, 'image', 'rm', '--force', ...names)
export const tag = (e: Engine, id: string, name: string): string[] => docker(e, 'image', 'tag', id, name)
export const listImages = (e: Engine): string[] => docker(e, 'image', 'ls', '--no-trunc', '--digests', '--format', '{{.ID}}\t{{.Repository}}\t{{.Tag}}\t{{.Digest}}')
export const imagesNamed = (e: Engine, repository: string): string[] => docker(e, 'image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', repository)
export const info = (e: Engine): string[] => docker(e, 'info', '--format', '{{json .}}')
/** Containers of an image, and of images built on it. */
export const containersOf = (e: Engine, image: string): string[] => docker(e, 'ps', '--all', '--no-trunc', `--filter=ancestor=${image}`, '--format', `{{.ID}}\t{{.State}}\t{{.Label "${ownerLabel}"}}\t{{.Names}}`)
export const removeImage = (e: Engine, names: readonly string[]): string[] => docker(e, 'image', 'rm', ...names)

const runtimeOf = (spec: SandboxSpec): string[] => (spec.runtimeHandler === undefined ? [] : [`--runtime=${spec.runtimeHandler}`])

const cgroupParent = (e: Engine, spec: SandboxSpec): string => `--cgroup-parent=${e.cgroupDriver === 'systemd' ? sliceOf(spec.cgroupParent) : spec.cgroupParent}`

/** The container that holds a pod's namespaces. */
export function runPause(e: Engine, r: { name: string; image: string; spec: SandboxSpec; labels: Readonly<Record<string, string>> }): string[] {
  const { spec } = r
  return docker(e, 'run', '--detach', '--pull=never', ...runtimeOf(spec), `--name=${r.name}`, ...labels(r.labels), cgroupParent(e, spec), '--log-driver=none', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges',
    ...(spec.hostNetwork ? ['--network=host', '--uts=host'] : ['--network=none', `--hostname=${spec.hostname}`]), spec.hostIPC ? '--ipc=host' : '--ipc=shareable', ...(spec.hostPID ? ['--pid=host'] : []),
    ...Object.entries(spec.sysctls).map(([k, v]) => `--sysctl=${k}=${v}`), r.image,
    // As first process of a shared process namespace it must reap what others leave behind: a shell that waits does.
    ...(spec.shareProcessNamespace ? ['sh', '-c', 'while :; do sleep 2147483647 & wait; done'] : ['sleep', '2147483647']))
}

export interface RunRequest {
  readonly name: string
  readonly pause: string
  readonly sandbox: SandboxSpec
  readonly spec: ContainerSpec
  readonly labels: Readonly<Record<string, string>>
  readonly oomScoreAdj: number
  readonly logLimits: { readonly maxBytes: number; readonly maxFiles: number }
  /** What a privileged container has where the machine itself lacks capabilities, which the engine's own `--privileged` would ask for in vain. */
  readonly limited?: { readonly capabilities: readonly string[]; readonly devices: readonly string[] } | undefined
}

export function runContainer(e: Engine, r: RunRequest): string[] {
  const { spec, sandbox } = r
  const { security, resources } = spec
  const [entry, ...rest] = spec.command ?? []
  const words = entry === undefined ? spec.args ?? [] : [...rest, ...(spec.args ?? [])]
  // Input that ends with its first client: only a container that is created apart from its start keeps that.
  const verb = isStdinOnce(spec) ? ['create'] : ['run', '--detach']
  return docker(e, ...verb, '--pull=never', ...runtimeOf(sandbox), `--name=${r.name}`, ...labels(r.labels), cgroupParent(e, sandbox), '--log-driver=json-file', `--log-opt=max-size=${r.logLimits.maxBytes}`, `--log-opt=max-file=${r.logLimits.maxFiles}`,
    ...(sandbox.hostNetwork ? ['--network=host', '--uts=host'] : [`--network=container:${r.pause}`]), sandbox.hostIPC ? '--ipc=host' : `--ipc=container:${r.pause}`,
    ...(sandbox.hostPID ? ['--pid=host'] : spec.pidOf !== undefined ? [`--pid=container:${spec.pidOf}`] : sandbox.shareProcessNamespace ? [`--pid=container:${r.pause}`] : []),
    ...(entry === undefined ? [] : [`--entrypoint=${entry}`]), ...(spec.workingDir ? [`--workdir=${spec.workingDir}`] : []), ...spec.env.map(({ name, value }) => `--env=${name}=${value}`),
    ...spec.mounts.map(mountFlag), ...spec.devices.map((d) => `--device=${d.hostPath}:${d.containerPath}:${d.permissions}`),
    ...limits(resources), `--oom-score-adj=${r.oomScoreAdj}`, ...securityFlags(security, limitedOf(r)), ...(spec.stdin ? ['--interactive'] : []), ...(spec.tty ? ['--tty'] : []), spec.image, ...words)
}

export const isStdinOnce = (spec: ContainerSpec): boolean => spec.stdin && spec.stdinOnce && !spec.tty
export const startContainer = (e: Engine, name: string): string[] => docker(e, 'start', name)

/** Without it Docker 25 makes what is below read-only where the kernel can, and goes on where it cannot; with it, it refuses. */
const bindRecursive = (m: ContainerSpec['mounts'][number]): string[] => (m.recursiveReadOnly ? ['bind-recursive=readonly'] : [])

/** `--mount` is a line of CSV. */
function mountFlag(m: ContainerSpec['mounts'][number]): string {
  const field = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  // Private is Docker's default; said in words it is refused for a folder that holds Docker's own, as the node's root does (`kubectl debug node`).
  return `--mount=${['type=bind', field(`source=${m.source}`), field(`target=${m.target}`), ...(m.propagation === 'private' ? [] : [`bind-propagation=${m.propagation}`]), ...(m.readOnly ? ['readonly', ...bindRecursive(m)] : [])].join(',')}`
}

function limits(r: ContainerSpec['resources']): string[] {
  return [
    ...(r.memoryBytes === undefined ? [] : [`--memory=${r.memoryBytes}`, `--memory-swap=${r.memoryBytes}`]), ...(r.cpuShares === undefined ? [] : [`--cpu-shares=${r.cpuShares}`]),
    ...(r.cpuQuota === undefined ? [] : [`--cpu-quota=${r.cpuQuota}`]), ...(r.cpuPeriod === undefined ? [] : [`--cpu-period=${r.cpuPeriod}`]), ...(r.pids === undefined ? [] : [`--pids-limit=${r.pids}`]),
  ]
}

/** A device that is asked for by name is there already. */
const limitedOf = ({ limited, spec }: RunRequest): RunRequest['limited'] => limited && { ...limited, devices: limited.devices.filter((path) => !spec.devices.some((d) => d.containerPath === path)) }

function privilegedFlags(limited: RunRequest['limited']): string[] {
  if (!limited) return ['--privileged']
  return [
    ...limited.capabilities.map((c) => `--cap-add=${c}`), ...['seccomp', 'apparmor', 'systempaths'].map((o) => `--security-opt=${o}=unconfined`), '--device-cgroup-rule=a *:* rwm',
    ...limited.devices.map((d) => `--device=${d}`),
  ]
}

function securityFlags(s: ContainerSpec['security'], limited: RunRequest['limited']): string[] {
  const user = s.uid === undefined ? [] : [`--user=${s.uid}${s.gid === undefined ? '' : `:${s.gid}`}`]
  const seccomp = s.seccomp.type === 'unconfined' ? ['--security-opt=seccomp=unconfined'] : s.seccomp.type === 'localhost' ? [`--security-opt=seccomp=${s.seccomp.path}`] : []
  return [
    ...user, ...s.supplementalGroups.map((g) => `--group-add=${g}`), ...(s.privileged ? privilegedFlags(limited) : []), ...(s.readOnlyRootfs ? ['--read-only'] : []), ...(s.noNewPrivileges ? ['--security-opt=no-new-privileges'] : []),
    ...s.addCapabilities.map((c) => `--cap-add=${c}`), ...s.dropCapabilities.map((c) => `--cap-drop=${c}`), ...(s.privileged ? [] : seccomp),
  ]
}
