/** Flags and remembered state of `npm run up` and `npm run down`. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import { root } from './bundle.ts'

export interface UpOptions {
  readonly demo: boolean
  readonly dataDir: string
  readonly runtime: 'containerd' | 'docker'
  readonly apiPort: number
  readonly mqttPort: number
}

/** Everything of a cluster started by `up`: kubeconfig, logs, pids. */
export const base = join(root, '.bramble')
export const kubeconfigFile = join(base, 'kubeconfig')
const stateFile = join(base, 'up.json')

export const usage = `npm run up -- [options]      starts a one-node cluster on this machine

  --no-demo                  do not apply examples/hello
  --data-dir DIR             where its data goes (default .bramble/data)
  --runtime NAME             containerd (default) or docker
  --api-port PORT            Kubernetes API (default 6443)
  --mqtt-port PORT           MQTT (default 8883)

npm run down                 stops it and removes containers, mounts, namespaces and rules
npm run down -- --purge      removes its data too
`

/** Throws an Error with a sentence for the user. */
export function parseUp(argv: readonly string[]): UpOptions | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'no-demo': { type: 'boolean' }, 'data-dir': { type: 'string' }, runtime: { type: 'string' }, 'api-port': { type: 'string' }, 'mqtt-port': { type: 'string' }, help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return 'help'
  const runtime = values.runtime ?? 'containerd'
  if (runtime !== 'containerd' && runtime !== 'docker') throw new Error(`--runtime ${runtime}: containerd or docker`)
  const port = (name: 'api-port' | 'mqtt-port', fallback: number): number => {
    const n = Number(values[name] ?? fallback)
    if (!Number.isInteger(n) || n < 1 || n > 65_535) throw new Error(`--${name} ${values[name]}: a port is a number from 1 to 65535`)
    return n
  }
  return { demo: !values['no-demo'], dataDir: resolve(values['data-dir'] ?? join(base, 'data')), runtime, apiPort: port('api-port', 6443), mqttPort: port('mqtt-port', 8883) }
}

/** What the last `up` started, so that `down` finds it whatever its flags were. */
export async function remembered(): Promise<UpOptions | undefined> {
  const text = await readIfThere(stateFile)
  return text === undefined ? undefined : JSON.parse(text) as UpOptions
}
export const remember = (options: UpOptions): Promise<void> => writeFileAtomic(stateFile, JSON.stringify(options))

/** Sockets live in a short path: a Unix socket's is limited to 107 bytes. */
export const runDir = '/run/bramble'
export const systemContainerd = '/run/containerd/containerd.sock'
export const ownContainerd = join(runDir, 'containerd.sock')
export const systemDocker = '/run/docker.sock'
export const ownDocker = join(runDir, 'docker.sock')
