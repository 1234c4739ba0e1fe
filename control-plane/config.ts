/** The control plane's flags. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { LogLevel } from '../shared/host/log.ts'

export interface ControlPlaneConfig {
  readonly dataDir: string
  readonly address: string
  readonly apiPort: number
  readonly mqttPort: number
  /** Where nodes and users reach us, in kubeconfigs. */
  readonly advertise: string
  readonly serviceCIDR: string
  readonly podCIDR: string
  readonly nodePortRange: { readonly from: number; readonly to: number }
  readonly tlsNames: readonly string[]
  readonly lazyFlushMs: number
  /** Resources whose objects are encrypted on the disk: `secrets`, `widgets.example.com`. */
  readonly encrypted: readonly string[]
  /** Where their keys are; `pki/encryption-keys.json` in the data folder unless given. */
  readonly encryptionKeyFile?: string
  readonly logLevel: LogLevel
  /** Undefined: nothing is audited. */
  readonly audit: { readonly policyFile: string; readonly path: string; readonly maxBytes: number; readonly maxBackups: number } | undefined
}

export const usage = `bramble-control-plane: the control plane of a bramble, in one process

  --data-dir DIR           state, keys and certificates (default /var/lib/bramble/control-plane)
  --address IP             listen on this address (default 0.0.0.0)
  --api-port PORT          Kubernetes API over HTTPS (default 6443)
  --mqtt-port PORT         MQTT over TLS, for nodes and subscribers (default 8883)
  --advertise-address IP   address written into kubeconfigs (default 127.0.0.1)
  --tls-name NAME          one more name or address in the server certificate (repeatable)
  --service-cidr CIDR      addresses of Services (default 10.96.0.0/16)
  --pod-cidr CIDR          addresses of pods; each node gets a /24 of it (default 10.244.0.0/16)
  --node-port-range A-B    ports of NodePort Services (default 30000-32767)
  --status-flush-seconds N how long a status may wait in memory for the disk (default 30)
  --encrypt RESOURCES      encrypt these on the disk, comma separated, or none (default secrets)
  --encryption-key-file F  keys for that (default pki/encryption-keys.json in the data folder)
  --audit-policy-file FILE what to write down of requests: an audit.k8s.io/v1 Policy (default: nothing)
  --audit-log-path FILE    where; JSON lines (default audit.log in the data folder)
  --audit-log-maxsize MB   turned over at this size (default 20)
  --audit-log-maxbackup N  old files kept (default 5)
  --log-level LEVEL        debug, info, warn or error (default info)
  --version, --help
`

/** A flag that cannot be used, in a sentence for the person who typed it. */
export class UsageError extends Error { override readonly name = 'UsageError' }

function port(name: string, text: string): number {
  const n = Number(text)
  if (!/^\d+$/.test(text) || n > 65_535) throw new UsageError(`--${name} ${text}: a port is a number from 0 to 65535`)
  return n
}

function cidr(name: string, text: string): string {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  if (!m || m.slice(1, 5).some((p) => Number(p) > 255) || Number(m[5]) > 30) throw new UsageError(`--${name} ${text}: an IPv4 range such as 10.96.0.0/16`)
  return text
}

function resources(text: string): string[] {
  if (text === 'none') return []
  const names = text.split(',')
  const wrong = names.find((n) => !/^[a-z0-9]+(\.[-a-z0-9.]+)?$/.test(n))
  if (wrong !== undefined) throw new UsageError(`--encrypt ${text}: resources such as secrets,configmaps or widgets.example.com, or none`)
  return names
}

interface AuditFlags { 'audit-policy-file'?: string | undefined; 'audit-log-path'?: string | undefined; 'audit-log-maxsize'?: string | undefined; 'audit-log-maxbackup'?: string | undefined }

function audit(flags: AuditFlags, dataDir: string): ControlPlaneConfig['audit'] {
  const number = (name: 'audit-log-maxsize' | 'audit-log-maxbackup', otherwise: number, least: number): number => {
    const text = flags[name] ?? String(otherwise)
    if (!/^\d{1,6}$/.test(text) || Number(text) < least) throw new UsageError(`--${name} ${text}: a whole number from ${least}`)
    return Number(text)
  }
  const [size, maxBackups] = [number('audit-log-maxsize', 20, 1), number('audit-log-maxbackup', 5, 0)]
  const policyFile = flags['audit-policy-file']
  if (policyFile === undefined) {
    if (flags['audit-log-path'] !== undefined) throw new UsageError('--audit-log-path needs --audit-policy-file: without a policy nothing is written')
    return undefined
  }
  return { policyFile: resolve(policyFile), path: resolve(flags['audit-log-path'] ?? join(dataDir, 'audit.log')), maxBytes: size * 1e6, maxBackups }
}

export function parseConfig(argv: readonly string[]): ControlPlaneConfig | 'help' | 'version' {
  const text = { type: 'string' } as const
  let values
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        'data-dir': text, address: text, 'api-port': text, 'mqtt-port': text, 'advertise-address': text, 'tls-name': { type: 'string', multiple: true }, 'service-cidr': text, 'pod-cidr': text,
        'node-port-range': text, 'status-flush-seconds': text, 'log-level': text, 'audit-policy-file': text, 'audit-log-path': text, 'audit-log-maxsize': text, 'audit-log-maxbackup': text, encrypt: text, 'encryption-key-file': text, version: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (e) {
    throw new UsageError((e as Error).message)
  }
  if (values.help) return 'help'
  if (values.version) return 'version'
  const range = /^(\d+)-(\d+)$/.exec(values['node-port-range'] ?? '30000-32767')
  if (!range || Number(range[1]) > Number(range[2]) || Number(range[2]) > 65_535) throw new UsageError(`--node-port-range ${values['node-port-range']}: two ports such as 30000-32767`)
  const level = values['log-level'] ?? 'info'
  if (!['debug', 'info', 'warn', 'error'].includes(level)) throw new UsageError(`--log-level ${level}: debug, info, warn or error`)
  const flush = Number(values['status-flush-seconds'] ?? '30')
  if (!(flush >= 0 && flush <= 3600)) throw new UsageError(`--status-flush-seconds ${values['status-flush-seconds']}: a number from 0 to 3600`)
  return {
    dataDir: resolve(values['data-dir'] ?? '/var/lib/bramble/control-plane'), address: values.address ?? '0.0.0.0', apiPort: port('api-port', values['api-port'] ?? '6443'),
    mqttPort: port('mqtt-port', values['mqtt-port'] ?? '8883'), advertise: values['advertise-address'] ?? '127.0.0.1', serviceCIDR: cidr('service-cidr', values['service-cidr'] ?? '10.96.0.0/16'),
    podCIDR: cidr('pod-cidr', values['pod-cidr'] ?? '10.244.0.0/16'), nodePortRange: { from: Number(range[1]), to: Number(range[2]) }, tlsNames: values['tls-name'] ?? [],
    encrypted: resources(values.encrypt ?? 'secrets'), ...(values['encryption-key-file'] === undefined ? {} : { encryptionKeyFile: resolve(values['encryption-key-file']) }),
    lazyFlushMs: flush * 1000, logLevel: level as LogLevel, audit: audit(values, values['data-dir'] ?? '/var/lib/bramble/control-plane'),
  }
}
