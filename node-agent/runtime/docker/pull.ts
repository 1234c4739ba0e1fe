/**
 * One pull by `docker`, on a terminal of its own: only there it says how far it is. Whom to ask, over what, and which certificate authorities
 * to believe is the daemon's own configuration; what the agent was told about it and the daemon does not do is refused by name.
 */
import { BlockList, isIP } from 'node:net'
import { run, start } from '../../../shared/host/exec.ts'
import { makeFolder, namesIn, removeTree, writeText } from '../../../shared/host/tree.ts'
import { lastError } from '../containerd/parse.ts'
import { parseImageReference } from '../image-reference.ts'
import { withPty } from '../pty.ts'
import { dockerLine, PullMeter } from '../pull-meter.ts'
import { RuntimeError, type PullProgress, type RegistryAuth } from '../runtime.ts'
import * as argv from './argv.ts'

export interface DockerPull {
  readonly engine: argv.Engine
  /** As the pod wrote it, and whole. */
  readonly reference: string
  readonly name: string
  readonly auth: RegistryAuth | undefined
  readonly plainHttp: boolean
  /** For the credentials while the pull lasts, on a tmpfs; made and removed. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly progress: (at: PullProgress) => void
}

const outputKept = 65_536

/** Rejects with the signal's reason when it aborts. */
export async function pullByDocker(pull: DockerPull): Promise<{ exitCode: number; output: string }> {
  const { domain } = parseImageReference(pull.reference)
  if (pull.plainHttp) await mustBeInsecure(pull.engine, domain)
  const configDir = pull.auth && pull.folder
  try {
    if (pull.auth && configDir !== undefined) {
      await makeFolder(configDir)
      const server = domain === 'docker.io' ? 'https://index.docker.io/v1/' : domain
      await writeText(`${configDir}/config.json`, JSON.stringify({ auths: { [server]: { auth: Buffer.from(`${pull.auth.username}:${pull.auth.password}`).toString('base64') } } }))
    }
    const { exitCode, output } = await watched(pull, configDir)
    return { exitCode, output: exitCode === 0 ? output : withAdvice(output, domain) }
  } finally {
    if (configDir !== undefined) await removeTree(configDir)
  }
}

/** Credentials that an agent which was killed in the middle of a pull left behind. */
export async function removeStaleCredentials(stateDir: string): Promise<void> {
  for (const name of await namesIn(stateDir)) if (/^auth-\d+-/.test(name) && !name.startsWith(`auth-${process.pid}-`)) await removeTree(`${stateDir}/${name}`)
}

async function watched({ engine, name, signal, progress }: DockerPull, configDir: string | undefined): Promise<{ exitCode: number; output: string }> {
  signal.throwIfAborted()
  const child = start(withPty(argv.pull(engine, name, configDir)), { stdio: ['ignore', 'pipe', 'pipe'] })
  const abort = (): void => { child.kill('SIGTERM') }
  signal.addEventListener('abort', abort, { once: true })
  const meter = new PullMeter(dockerLine)
  let output = ''
  child.stderr?.on('data', (d: Buffer) => { output = (output + d.toString()).slice(-outputKept) })
  child.stdout?.on('data', (d: Buffer) => {
    output = (output + d.toString()).slice(-outputKept)
    if (meter.feed(d.toString())) progress(meter.reading)
  })
  try {
    const exitCode = await new Promise<number>((resolve, reject) => { child.once('error', reject); child.once('close', (code) => resolve(code ?? 143)) })
    signal.throwIfAborted()
    return { exitCode, output }
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

interface RegistryConfig { readonly InsecureRegistryCIDRs?: readonly string[] | null; readonly IndexConfigs?: Readonly<Record<string, { readonly Secure?: boolean }>> }

/** Docker speaks plain HTTP to what its daemon's `insecure-registries` names, and to nobody else. */
async function mustBeInsecure(engine: argv.Engine, domain: string): Promise<void> {
  const told = await run(argv.registryConfig(engine))
  if (told.exitCode !== 0) throw new RuntimeError('unavailable', `docker at ${engine.host}: ${lastError(told.stderr.toString())}`)
  if (isInsecure(JSON.parse(told.stdout.toString()) as RegistryConfig, domain)) return
  throw new RuntimeError('pull-failed', `registry ${domain} is to be spoken to over plain HTTP, which the Docker daemon does only for those in its "insecure-registries" (daemon.json)`)
}

/** Exported for its test. */
export function isInsecure(config: RegistryConfig, domain: string): boolean {
  const index = config.IndexConfigs?.[domain]
  if (index !== undefined) return index.Secure === false
  const host = domain.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  if (host === 'localhost') return true
  const version = isIP(host)
  if (version === 0) return false
  const list = new BlockList()
  for (const cidr of config.InsecureRegistryCIDRs ?? []) {
    const [address = '', bits = ''] = cidr.split('/')
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return list.check(host, version === 6 ? 'ipv6' : 'ipv4')
}

/** What an operator has to do at the daemon, where that is why it failed. */
function withAdvice(output: string, domain: string): string {
  if (/x509: certificate signed by unknown authority|tls: failed to verify certificate/.test(output)) return `${output.trimEnd()} (the Docker daemon believes the certificate authorities of the machine and of /etc/docker/certs.d/${domain}/ca.crt)\n`
  return output
}
