/** The node agent's flags. */
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { LogLevel } from '../shared/host/log.ts'
import { parseDuration } from '../shared/values/duration.ts'
import { parseQuantity, QuantityError, quantityMilli, quantityValue } from '../shared/values/quantity.ts'
import { defaultHard, parseThresholds, ThresholdError, type Threshold } from './kubelet/eviction/signals.ts'

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
  /** Names, or `PREFIX*`. */
  readonly unsafeSysctls: readonly string[]
  readonly eviction: { readonly thresholds: readonly Threshold[]; /** Milliseconds. */ readonly transition: number }
  /** Millicores and bytes that pods may not have, and how many pods there may be. */
  readonly reserve: { readonly cpuMilli: number; readonly memoryBytes: number; readonly maxPods: number }
  readonly logLimits: { readonly maxBytes: number; readonly maxFiles: number }
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
  --plain-http-registry HOST a registry (host:port) spoken to without TLS (repeatable; containerd only)
  --pod-manifest-path DIR    pods whose manifests lie there run here, with or without a control plane
  --system-reserved R        cpu=250m,memory=128Mi: what pods may not have (default: nothing)
  --max-pods N               default 110
  --eviction-hard T          pods are ended, one at a time, below these (default ${defaultHard})
  --eviction-soft T          the same once they have been met for a while ...
  --eviction-soft-grace-period G  ... for each: memory.available=1m30s
  --eviction-pressure-transition-period D  a shortage is told of for as long after it (default 5m)
  --container-log-max-size Q kept of a container's log, in pieces of this (default 10Mi) ...
  --container-log-max-files N ... and as many of them (default 5, at least 2)
  --allowed-unsafe-sysctls L sysctls that pods may set beside the safe ones: names or PREFIX*, by commas
  --metrics-address IP:PORT  /metrics for Prometheus, unauthenticated: 127.0.0.1:9100 (default: nothing listens)
  --log-level LEVEL          debug, info, warn or error (default info)
  --version, --help

bramble-node-agent clean     removes every container, mount, namespace and rule of ours, then ends
`

/** A flag that cannot be used, in a sentence for the person who typed it. */
export class UsageError extends Error { override readonly name = 'UsageError' }

const text = { type: 'string' } as const
const options = {
  server: text, token: text, 'node-name': text, 'node-ip': text, label: { type: 'string', multiple: true }, 'plain-http-registry': { type: 'string', multiple: true }, 'data-dir': text, runtime: text, 'containerd-address': text, 'containerd-namespace': text,
  'docker-host': text, 'mqtt-url': text, bridge: text, 'cluster-dns': text, 'cluster-domain': text, 'log-level': text, 'metrics-address': text, 'allowed-unsafe-sysctls': text, 'pod-manifest-path': text, 'eviction-hard': text, 'eviction-soft': text, 'eviction-soft-grace-period': text, 'eviction-pressure-transition-period': text, 'system-reserved': text, 'max-pods': text, 'container-log-max-size': text, 'container-log-max-files': text, version: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
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

function evictionOf(v: { 'eviction-hard'?: string | undefined; 'eviction-soft'?: string | undefined; 'eviction-soft-grace-period'?: string | undefined; 'eviction-pressure-transition-period'?: string | undefined }): AgentConfig['eviction'] {
  try {
    const grace = (text: string): number => durationOf('eviction-soft-grace-period', text)
    return { thresholds: parseThresholds(v['eviction-hard'] ?? defaultHard, v['eviction-soft'] ?? '', v['eviction-soft-grace-period'] ?? '', grace), transition: durationOf('eviction-pressure-transition-period', v['eviction-pressure-transition-period'] ?? '5m') }
  } catch (e) {
    throw e instanceof ThresholdError ? new UsageError(`--eviction: ${e.message}`) : e
  }
}

function reservedOf(list = ''): { cpuMilli: number; memoryBytes: number } {
  const out = { cpuMilli: 0, memoryBytes: 0 }
  for (const entry of list.split(',').filter(Boolean)) {
    const [name, text = ''] = entry.split('=')
    let amount
    try { amount = parseQuantity(text) } catch (e) { if (!(e instanceof QuantityError)) throw e }
    if (!amount || amount.nano < 0n || (name !== 'cpu' && name !== 'memory')) throw new UsageError(`--system-reserved ${entry}: cpu=QUANTITY or memory=QUANTITY`)
    if (name === 'cpu') out.cpuMilli = quantityMilli(amount)
    else out.memoryBytes = quantityValue(amount)
  }
  return out
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
    joinToken: values.token ?? env.BRAMBLE_TOKEN, dataDir: resolve(values['data-dir'] ?? '/var/lib/bramble/node-agent'), nodeName, nodeIp: values['node-ip'], runtime,
    containerdAddress: values['containerd-address'] ?? '/run/containerd/containerd.sock', containerdNamespace: values['containerd-namespace'] ?? 'bramble', dockerHost: values['docker-host'] ?? 'unix:///run/docker.sock',
    bridge, clusterDns: values['cluster-dns'], clusterDomain: values['cluster-domain'] ?? 'cluster.local', labels: labelsOf(values.label ?? []), plainHttpRegistries: values['plain-http-registry'] ?? [], eviction: evictionOf(values), reserve: { ...reservedOf(values['system-reserved']), maxPods: countOf('max-pods', values['max-pods'] ?? '110', 1, 10_000) }, logLimits: logLimitsOf(values['container-log-max-size'], values['container-log-max-files']), unsafeSysctls: sysctlsOf(values['allowed-unsafe-sysctls']), staticPodPath: values['pod-manifest-path'] === undefined ? undefined : resolve(values['pod-manifest-path']), metricsAddress: values['metrics-address'] === undefined ? undefined : addressOf(values['metrics-address']), logLevel: level as LogLevel,
  }
}
