/** The node agent's flags. */
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { LogLevel } from '../shared/host/log.ts'
import { parseDuration } from '../shared/values/duration.ts'
import { parseQuantity, QuantityError, quantityValue } from '../shared/values/quantity.ts'
import { deviceClasses, DeviceFlagError, type DeviceClass } from './kubelet/devices/classes.ts'
import { defaultHard, parseThresholds, ThresholdError, withMinimumReclaim, type Threshold } from './kubelet/eviction/signals.ts'
import type { Watermarks } from './kubelet/images/gc/plan.ts'
import type { Enforcement } from './kubelet/resources/node-allocatable.ts'
import { cgroupRootOf, enforcementOf, FlagError, podPidsOf, reservedOf, watermarksOf, type Reserved } from './resource-flags.ts'

export interface AgentConfig {
  readonly command: 'run' | 'clean'
  readonly serverUrl: string
  /** Undefined: what the API server says. */
  readonly mqttUrl: string | undefined
  readonly joinToken: string | undefined
  readonly dataDir: string
  readonly nodeName: string
  /** Undefined: the address from which the server is reached. */
  readonly nodeIp: string | undefined
  readonly runtime: 'auto' | 'docker' | 'containerd'
  readonly containerdAddress: string
  readonly containerdNamespace: string
  readonly dockerHost: string
  readonly bridge: string
  readonly clusterDns: string | undefined
  readonly clusterDomain: string
  readonly labels: Readonly<Record<string, string>>
  readonly plainHttpRegistries: readonly string[]
  readonly images: { readonly maxParallelPulls: number; /** Files of credentials: the first that is there counts. */ readonly credentials: readonly string[]; /** Folder of `HOST/hosts.toml`. */ readonly hostsDir: string }
  /** Names, or `PREFIX*`. */
  readonly unsafeSysctls: readonly string[]
  readonly eviction: { readonly thresholds: readonly Threshold[]; /** Milliseconds. */ readonly transition: number; /** Milliseconds a pod has at most by a soft threshold; undefined for its own. */ readonly softGrace: number | undefined }
  /** What pods may not have, and how many pods there may be. */
  readonly reserve: Reserved & { readonly maxPods: number }
  readonly enforceAllocatable: Enforcement
  /** Process ids of one pod; undefined for no limit. */
  readonly podPids: number | undefined
  /** Name of the cgroup of all pods. */
  readonly cgroupRoot: string
  readonly imageWatermarks: Watermarks
  readonly logLimits: { readonly maxBytes: number; readonly maxFiles: number }
  /** Device nodes that pods may ask for. */
  readonly devices: readonly DeviceClass[]
  /** Folder of static pods; undefined for none. */
  readonly staticPodPath: string | undefined
  /** Where Prometheus may read; undefined for nowhere. */
  readonly metricsAddress: { readonly host: string; readonly port: number } | undefined
  readonly logLevel: LogLevel
}

export const usage = `bramble-node-agent: runs this machine's share of a bramble

  --server URL               API server, https://HOST:6443 (needed to join; remembered afterwards)
  --token TOKEN              join token from "bramble token create", needed once
                             (better: in the environment as BRAMBLE_TOKEN, where others cannot see it)
  --node-name NAME           name of this node (default: the host name)
  --node-ip IP               address of this node (default: the one the server is reached from)
  --label KEY=VALUE          a label of this node (repeatable)
  --data-dir DIR             state of this node (default /var/lib/bramble/node-agent)
  --runtime NAME             docker, containerd or auto (default auto: docker where it answers)
  --containerd-address SOCK  default /run/containerd/containerd.sock
  --containerd-namespace N   default bramble
  --docker-host HOST         default unix:///run/docker.sock
  --mqtt-url URL             default: what the API server says
  --bridge NAME              bridge of the pod network (default bramble0)
  --cluster-dns IP           name server written into pods (default: the node's own)
  --cluster-domain NAME      default cluster.local
  --plain-http-registry HOST a registry (host:port) spoken to without TLS (repeatable; Docker: in its
                             daemon's insecure-registries too)
  --registry-config FILE     the node's credentials, a docker config.json (default registry/config.json in
                             the data folder, else /root/.docker/config.json)
  --registry-hosts-dir DIR   mirrors and private CAs, HOST/hosts.toml as containerd has it (default
                             registry/certs.d in the data folder; containerd only)
  --max-parallel-image-pulls N  default 2
  --pod-manifest-path DIR    pods whose manifests lie there run here, with or without a control plane
  --system-reserved R        cpu=250m,memory=128Mi,ephemeral-storage=1Gi,pid=500: what pods may not have (default: nothing) ...
  --kube-reserved R          ... and the same for the agent and the engine
  --enforce-node-allocatable E  pods (default): all pods together get no more than that leaves; or none
  --pod-max-pids N           process ids of one pod (default -1: no limit)
  --cgroup-root NAME         cgroup of all pods (default bramble)
  --max-pods N               default 110
  --eviction-hard T          pods are ended, one at a time, below these (default ${defaultHard})
  --eviction-soft T          the same once they have been met for a while ...
  --eviction-soft-grace-period G  ... for each: memory.available=1m30s
  --eviction-minimum-reclaim R  memory.available=50Mi: a shortage is over with as much more than its threshold
  --eviction-max-pod-grace-period S  seconds that a pod has at most to end by a soft threshold (default: its own)
  --eviction-pressure-transition-period D  a shortage is told of for as long after it (default 5m)
  --image-gc-high-threshold P  percent of the disk in use above which images make room (default 85; 100 never) ...
  --image-gc-low-threshold P  ... until it is down to this (default 80)
  --minimum-image-ttl-duration D  an image is kept for as long after it came (default 2m)
  --container-log-max-size Q kept of a container's log, in pieces of this (default 10Mi) ...
  --container-log-max-files N ... and as many of them (default 5, at least 2)
  --allowed-unsafe-sysctls L sysctls that pods may set beside the safe ones: names or PREFIX*, by commas
  --device NAME=PATH[,PATH]  device nodes (with * and ?) offered to pods as bramble.dev/NAME, one container each; with ,shared=N to N at a time.
                             NAME=exclusive, =shared=N or =off changes what is offered anyway: docs/devices.md (repeatable)
  --metrics-address IP:PORT  /metrics for Prometheus, unauthenticated: 127.0.0.1:9100 (default: nothing listens)
  --log-level LEVEL          debug, info, warn or error (default info)
  --version, --help

bramble-node-agent clean     removes every container, mount, namespace, cgroup and rule of ours, then ends
`

/** A flag that cannot be used, in a sentence for the person who typed it. */
export class UsageError extends Error { override readonly name = 'UsageError' }

const text = { type: 'string' } as const
const options = {
  server: text, token: text, 'node-name': text, 'node-ip': text, label: { type: 'string', multiple: true }, 'plain-http-registry': { type: 'string', multiple: true }, device: { type: 'string', multiple: true }, 'registry-config': text, 'registry-hosts-dir': text, 'max-parallel-image-pulls': text, 'data-dir': text, runtime: text, 'containerd-address': text, 'containerd-namespace': text,
  'docker-host': text, 'mqtt-url': text, bridge: text, 'cluster-dns': text, 'cluster-domain': text, 'log-level': text, 'metrics-address': text, 'allowed-unsafe-sysctls': text, 'pod-manifest-path': text, 'eviction-hard': text, 'eviction-soft': text, 'eviction-soft-grace-period': text, 'eviction-pressure-transition-period': text, 'system-reserved': text, 'kube-reserved': text, 'enforce-node-allocatable': text, 'pod-max-pids': text, 'cgroup-root': text, 'eviction-minimum-reclaim': text, 'eviction-max-pod-grace-period': text, 'image-gc-high-threshold': text, 'image-gc-low-threshold': text, 'minimum-image-ttl-duration': text, 'max-pods': text, 'container-log-max-size': text, 'container-log-max-files': text, version: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
} as const

function url(flag: string, value: string, protocols: readonly string[]): string {
  const parsed = URL.canParse(value) ? new URL(value) : undefined
  if (!parsed || !protocols.includes(parsed.protocol)) throw new UsageError(`--${flag} ${value}: a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`)
  return value.replace(/\/$/, '')
}

function labelsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(pairs.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 1) throw new UsageError(`--label ${pair}: KEY=VALUE`)
    return [pair.slice(0, at), pair.slice(at + 1)]
  }))
}

function sysctlsOf(list = ''): string[] {
  const patterns = list.split(',').filter(Boolean).map((p) => p.replaceAll('/', '.'))
  const bad = patterns.find((p) => !/^(kernel\.(shm|msg|sem)|fs\.mqueue\.|net\.)[a-z0-9_.-]*\*?$/.test(p))
  if (bad !== undefined) throw new UsageError(`--allowed-unsafe-sysctls ${bad}: names or PREFIX* of sysctls that are a pod's own (kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*, net.*)`)
  return patterns
}

function logLimitsOf(size = '10Mi', files = '5'): AgentConfig['logLimits'] {
  let bytes = 0
  try { bytes = quantityValue(parseQuantity(size)) } catch (e) { if (!(e instanceof QuantityError)) throw e }
  if (!(bytes >= 65_536 && bytes <= 2 ** 40)) throw new UsageError(`--container-log-max-size ${size}: a quantity from 64Ki to 1Ti`)
  if (!/^\d{1,4}$/.test(files) || Number(files) < 2) throw new UsageError(`--container-log-max-files ${files}: a number from 2 to 9999`)
  return { maxBytes: bytes, maxFiles: Number(files) }
}

function durationOf(flag: string, text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms < 0) throw new UsageError(`--${flag} ${text}: a duration like 90s or 1m30s`)
  return ms
}

function devicesOf(flags: readonly string[]): DeviceClass[] {
  try { return deviceClasses(flags) } catch (e) { throw e instanceof DeviceFlagError ? new UsageError(`--device ${e.message}`) : e }
}

function addressOf(text: string): { host: string; port: number } {
  const at = text.lastIndexOf(':')
  const [address, port] = [text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), text.slice(at + 1)]
  if (!isIP(address) || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new UsageError(`--metrics-address ${text}: an address and a port, 127.0.0.1:9100 or [::1]:9100`)
  return { host: address, port: Number(port) }
}

function countOf(flag: string, text: string, least: number, most: number): number {
  const n = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (!(n >= least && n <= most)) throw new UsageError(`--${flag} ${text}: a number from ${least} to ${most}`)
  return n
}

function evictionOf(v: Readonly<Partial<Record<`eviction-${'hard' | 'soft' | 'soft-grace-period' | 'minimum-reclaim' | 'max-pod-grace-period' | 'pressure-transition-period'}`, string | undefined>>>): AgentConfig['eviction'] {
  try {
    const longest = v['eviction-max-pod-grace-period']
    const grace = (text: string): number => durationOf('eviction-soft-grace-period', text)
    return {
      thresholds: withMinimumReclaim(parseThresholds(v['eviction-hard'] ?? defaultHard, v['eviction-soft'] ?? '', v['eviction-soft-grace-period'] ?? '', grace), v['eviction-minimum-reclaim'] ?? ''),
      softGrace: longest === undefined ? undefined : countOf('eviction-max-pod-grace-period', longest, 0, 999_999_999) * 1000, transition: durationOf('eviction-pressure-transition-period', v['eviction-pressure-transition-period'] ?? '5m'),
    }
  } catch (e) {
    throw e instanceof ThresholdError ? new UsageError(`--eviction: ${e.message}`) : e
  }
}

function resourcesOf(v: Readonly<Record<string, unknown>>): Pick<AgentConfig, 'reserve' | 'enforceAllocatable' | 'podPids' | 'cgroupRoot' | 'imageWatermarks'> {
  const of = (flag: string): string | undefined => v[flag] as string | undefined
  try {
    return {
      reserve: { ...reservedOf(of('system-reserved'), of('kube-reserved')), maxPods: countOf('max-pods', of('max-pods') ?? '110', 1, 10_000) }, enforceAllocatable: enforcementOf(of('enforce-node-allocatable')),
      podPids: podPidsOf(of('pod-max-pids')), cgroupRoot: cgroupRootOf(of('cgroup-root')), imageWatermarks: watermarksOf(of('image-gc-high-threshold'), of('image-gc-low-threshold'), of('minimum-image-ttl-duration')),
    }
  } catch (e) {
    throw e instanceof FlagError ? new UsageError(e.message) : e
  }
}

const dataDirOf = (flag: string | undefined): string => resolve(flag ?? '/var/lib/bramble/node-agent')

function imagesOf(v: { 'data-dir'?: string | undefined; 'registry-config'?: string | undefined; 'registry-hosts-dir'?: string | undefined; 'max-parallel-image-pulls'?: string | undefined }): AgentConfig['images'] {
  const folder = join(dataDirOf(v['data-dir']), 'registry')
  return {
    maxParallelPulls: countOf('max-parallel-image-pulls', v['max-parallel-image-pulls'] ?? '2', 1, 100),
    credentials: v['registry-config'] === undefined ? [join(folder, 'config.json'), '/root/.docker/config.json'] : [resolve(v['registry-config'])],
    hostsDir: v['registry-hosts-dir'] === undefined ? join(folder, 'certs.d') : resolve(v['registry-hosts-dir']),
  }
}

export function parseConfig(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): AgentConfig | 'help' | 'version' {
  let parsed
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true })
  } catch (e) {
    throw new UsageError((e as Error).message)
  }
  const { values, positionals } = parsed
  if (values.help) return 'help'
  if (values.version) return 'version'
  const [command = 'run', ...rest] = positionals
  if ((command !== 'run' && command !== 'clean') || rest.length) throw new UsageError(`unknown command "${positionals.join(' ')}": clean, or none`)
  const runtime = values.runtime ?? 'auto'
  if (runtime !== 'auto' && runtime !== 'docker' && runtime !== 'containerd') throw new UsageError(`--runtime ${runtime}: docker, containerd or auto`)
  const level = values['log-level'] ?? 'info'
  if (!['debug', 'info', 'warn', 'error'].includes(level)) throw new UsageError(`--log-level ${level}: debug, info, warn or error`)
  if (command === 'run' && values.server === undefined) throw new UsageError('--server is needed: the URL of the API server, https://HOST:6443')
  const nodeName = values['node-name'] ?? hostname().toLowerCase()
  if (nodeName.length > 253 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(nodeName)) throw new UsageError(`--node-name ${nodeName}: lower-case letters, digits, "-" and "." only`)
  const bridge = values.bridge ?? 'bramble0'
  if (!/^[a-z][a-z0-9-]{0,9}$/.test(bridge)) throw new UsageError(`--bridge ${bridge}: at most 10 letters, digits and "-"`)
  return {
    command, serverUrl: values.server === undefined ? '' : url('server', values.server, ['https:']), mqttUrl: values['mqtt-url'] === undefined ? undefined : url('mqtt-url', values['mqtt-url'], ['mqtts:', 'wss:']),
    joinToken: values.token ?? env.BRAMBLE_TOKEN, dataDir: dataDirOf(values['data-dir']), nodeName, nodeIp: values['node-ip'], runtime,
    containerdAddress: values['containerd-address'] ?? '/run/containerd/containerd.sock', containerdNamespace: values['containerd-namespace'] ?? 'bramble', dockerHost: values['docker-host'] ?? 'unix:///run/docker.sock',
    bridge, clusterDns: values['cluster-dns'], clusterDomain: values['cluster-domain'] ?? 'cluster.local', labels: labelsOf(values.label ?? []), plainHttpRegistries: values['plain-http-registry'] ?? [], images: imagesOf(values), devices: devicesOf(values.device ?? []), eviction: evictionOf(values), ...resourcesOf(values), logLimits: logLimitsOf(values['container-log-max-size'], values['container-log-max-files']), unsafeSysctls: sysctlsOf(values['allowed-unsafe-sysctls']), staticPodPath: values['pod-manifest-path'] === undefined ? undefined : resolve(values['pod-manifest-path']), metricsAddress: values['metrics-address'] === undefined ? undefined : addressOf(values['metrics-address']), logLevel: level as LogLevel,
  }
}
