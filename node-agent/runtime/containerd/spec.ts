/**
 * The OCI runtime spec of a container: what containerd's CRI plugin would give runc for the same pod
 * (`pkg/cri/server/container_create_linux.go` for the defaults). Pure: what must be looked up on the host is handed in.
 */
import { capabilityNamed } from './capabilities.ts'
import type { DeviceNode } from '../../../shared/host/tree.ts'
import type { ContainerSpec, SandboxSpec } from '../runtime.ts'
import type { ImageConfig } from './parse.ts'
import { deniedSyscalls } from './seccomp.ts'
import type { ResolvedUser } from '../user.ts'

export interface SpecInput {
  readonly sandbox: SandboxSpec
  readonly container: ContainerSpec
  readonly image: ImageConfig
  readonly user: ResolvedUser
  /** Absolute, mounted. */
  readonly rootfs: string
  readonly cgroupsPath: string
  /** Containers with the same group share a shim. */
  readonly group: string
  readonly namespaces: { readonly net: string | undefined; readonly ipc: string | undefined; readonly uts: string | undefined }
  /** The process namespace to join; undefined makes one. */
  readonly pidNamespace?: string | undefined
  /** The pod's /dev/shm; undefined shares the host's. */
  readonly shm: string | undefined
  readonly hostnameFile: string
  /** Device nodes named by the container; all of the host's for a privileged one. */
  readonly devices: readonly (DeviceNode & { readonly permissions: string })[]
  /** The profile of a `localhost` seccomp, read. */
  readonly seccompProfile: unknown
  readonly host: HostFacts
}

/** What the agent itself may do: it cannot give a container more. */
export interface HostFacts {
  /** With the `CAP_` prefix. */
  readonly capabilities: readonly string[]
  readonly oomScoreAdj: number
  /** The kernel counts swap with memory (cgroup v1 `memory.memsw`, v2 `memory.swap`). */
  readonly swapAccounting: boolean
  /** One tree of cgroups, version 2. */
  readonly unifiedCgroups: boolean
}

/** Docker's and containerd's default set. */
const defaultCapabilities = ['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP', 'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'].map((c) => `CAP_${c}`)
const maskedPaths = ['/proc/acpi', '/proc/asound', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/devices/virtual/powercap']
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

export function capabilitiesOf(security: ContainerSpec['security'], available: readonly string[]): string[] {
  if (security.privileged) return [...available]
  const [add, drop] = [security.addCapabilities.map((n) => capabilityNamed(n, 'CapAdd')), security.dropCapabilities.map((n) => capabilityNamed(n, 'CapDrop'))]
  const base = add.includes('ALL') ? [...available] : drop.includes('ALL') ? [] : defaultCapabilities
  const kept = base.filter((c) => !drop.includes(c))
  return [...new Set([...kept, ...add.filter((c) => c !== 'ALL')])].filter((c) => available.includes(c)).sort()
}

/** Kubernetes' rule: `command` replaces the entrypoint and drops the image's arguments; `args` alone keeps the entrypoint. */
export function argvOf(container: Pick<ContainerSpec, 'command' | 'args'>, image: Pick<ImageConfig, 'entrypoint' | 'cmd'>): string[] {
  if (container.command?.length) return [...container.command, ...(container.args ?? [])]
  return [...image.entrypoint, ...(container.args?.length ? container.args : image.cmd)]
}

/** Image's, then the pod's; of one name the last value at the first place. */
export function environmentOf(input: Pick<SpecInput, 'image' | 'container' | 'sandbox'>): string[] {
  const env = new Map<string, string>([['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], ['HOSTNAME', input.sandbox.hostname]])
  if (input.container.tty) env.set('TERM', 'xterm')
  for (const entry of input.image.env) {
    const at = entry.indexOf('=')
    env.set(at < 0 ? entry : entry.slice(0, at), at < 0 ? '' : entry.slice(at + 1))
  }
  for (const { name, value } of input.container.env) env.set(name, value)
  return [...env].map(([name, value]) => `${name}=${value}`)
}

export function ociSpec(input: SpecInput): object {
  const { container, sandbox, host, user } = input
  const { security } = container
  const capabilities = capabilitiesOf(security, host.capabilities)
  const mayLower = host.capabilities.includes('CAP_SYS_RESOURCE')
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: container.tty, user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] }, args: argvOf(container, input.image), env: environmentOf(input),
      cwd: container.workingDir || input.image.workingDir || '/', noNewPrivileges: security.noNewPrivileges,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      oomScoreAdj: mayLower ? container.oomScoreAdj : Math.max(container.oomScoreAdj, host.oomScoreAdj),
    },
    root: { path: input.rootfs, readonly: security.readOnlyRootfs },
    ...(sandbox.hostNetwork ? {} : { hostname: sandbox.hostname }),
    mounts: mountsOf(input),
    annotations: { 'io.containerd.runc.v2.group': input.group },
    linux: {
      namespaces: namespacesOf(input), cgroupsPath: input.cgroupsPath, resources: resourcesOf(input), sysctl: { ...sandbox.sysctls },
      devices: input.devices.map(({ permissions: _permissions, mode, ...d }) => ({ ...d, fileMode: mode })),
      ...(security.privileged ? {} : { maskedPaths, readonlyPaths }),
      ...rootPropagation(container),
      ...seccompOf(input),
    },
  }
}

function namespacesOf({ sandbox, namespaces, pidNamespace, host, container }: SpecInput): object[] {
  const joined = (type: string, path: string | undefined): object[] => (path === undefined ? [] : [{ type, path }])
  // In the one tree a container would else see the machine's cgroups in place of its own.
  return [{ type: 'mount' }, ...(host.unifiedCgroups && !container.security.privileged ? [{ type: 'cgroup' }] : []), ...(sandbox.hostPID ? [] : [{ type: 'pid', ...(pidNamespace === undefined ? {} : { path: pidNamespace }) }]), ...joined('network', namespaces.net), ...joined('ipc', namespaces.ipc), ...joined('uts', namespaces.uts)]
}

function mountsOf({ container, shm, hostnameFile, sandbox }: SpecInput): object[] {
  const asked = new Set(container.mounts.map((m) => m.target))
  const rw = container.security.privileged ? 'rw' : 'ro'
  const own: { destination: string; type: string; source: string; options: string[] }[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', rw] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'relatime', rw] },
    { destination: '/dev/shm', type: 'bind', source: shm ?? '/dev/shm', options: ['rbind', 'rw'] },
    ...(sandbox.hostNetwork ? [] : [{ destination: '/etc/hostname', type: 'bind', source: hostnameFile, options: ['rbind', 'rprivate', 'rw'] }]),
  ]
  const volumes = container.mounts.map((m) => ({
    destination: m.target, type: 'bind', source: m.source, options: ['rbind', m.readOnly ? (m.recursiveReadOnly ? 'rro' : 'ro') : 'rw', m.propagation === 'private' ? 'rprivate' : m.propagation],
  }))
  // A volume on a folder comes after one on its parent, or it would be hidden.
  volumes.sort((a, b) => a.destination.split('/').length - b.destination.split('/').length)
  return [...own.filter((m) => !asked.has(m.destination)), ...volumes]
}

function rootPropagation(container: ContainerSpec): object {
  const modes = new Set(container.mounts.map((m) => m.propagation))
  return modes.has('rshared') ? { rootfsPropagation: 'rshared' } : modes.has('rslave') ? { rootfsPropagation: 'rslave' } : {}
}

function resourcesOf({ container, devices, host }: SpecInput): object {
  const r = container.resources
  const access = container.security.privileged ? [{ allow: true, access: 'rwm' }]
    : [{ allow: false, access: 'rwm' }, ...devices.map((d) => ({ allow: true, type: d.type, major: d.major, minor: d.minor, access: d.permissions }))]
  return {
    devices: access,
    cpu: { ...(r.cpuShares === undefined ? {} : { shares: r.cpuShares }), ...(r.cpuQuota === undefined ? {} : { quota: r.cpuQuota }), ...(r.cpuPeriod === undefined ? {} : { period: r.cpuPeriod }) },
    // The same limit for memory and swap together is none for swap alone, as the kubelet has it.
    ...(r.memoryBytes === undefined ? {} : { memory: { limit: r.memoryBytes, ...(host.swapAccounting ? { swap: r.memoryBytes } : {}) } }),
    ...(r.pids === undefined ? {} : { pids: { limit: r.pids } }),
    // A container that runs out of memory ends as a whole: upstream's default, which only version 2 can keep.
    ...(host.unifiedCgroups ? { unified: { 'memory.oom.group': '1' } } : {}),
  }
}

function seccompOf({ container, seccompProfile, host }: SpecInput): object {
  const { seccomp, privileged } = container.security
  if (privileged || seccomp.type === 'unconfined') return {}
  if (seccomp.type === 'localhost') return { seccomp: seccompProfile }
  return { seccomp: deniedSyscalls(capabilitiesOf(container.security, host.capabilities)) }
}
