/** Flags of `npm run up` and `npm run down`: read before anything is installed, so by any Node from 20 on and without our packages. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** Everything of a cluster started by `up`: kubeconfig, logs, pids. */
export const base = join(import.meta.dirname, '../.bramble')

export const usage = `npm run up -- [options]      starts a one-node cluster on this machine

  --no-demo                  do not apply examples/hello
  --data-dir DIR             where its data goes (default .bramble/data)
  --runtime NAME             containerd (default) or docker
  --api-port PORT            Kubernetes API (default 6443)
  --mqtt-port PORT           MQTT (default 8883)

npm run down                 stops it and removes containers, mounts, namespaces and rules
npm run down -- --purge      removes its data too
`

function port(flag, text) {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 1 || n > 65_535) throw new Error(`--${flag} ${text}: a port is a number from 1 to 65535`)
  return n
}

/** Throws an Error with a sentence for the user. */
export function parseUp(argv) {
  const text = { type: 'string' }
  const { values } = parseArgs({ args: [...argv], options: { 'no-demo': { type: 'boolean' }, 'data-dir': text, runtime: text, 'api-port': text, 'mqtt-port': text, help: { type: 'boolean', short: 'h' } } })
  if (values.help) return 'help'
  const runtime = values.runtime ?? 'containerd'
  if (runtime !== 'containerd' && runtime !== 'docker') throw new Error(`--runtime ${runtime}: containerd or docker`)
  // npm runs scripts in the package's folder; a relative path is meant from where the user is.
  const dataDir = resolve(process.env.INIT_CWD ?? process.cwd(), values['data-dir'] ?? join(base, 'data'))
  const [apiPort, mqttPort] = [port('api-port', values['api-port'] ?? '6443'), port('mqtt-port', values['mqtt-port'] ?? '8883')]
  if (apiPort === mqttPort) throw new Error(`--api-port and --mqtt-port are both ${apiPort}: they are two ports`)
  return { demo: !values['no-demo'], dataDir, runtime, apiPort, mqttPort }
}

/** Throws an Error with a sentence for the user. */
export function parseDown(argv) {
  const { values } = parseArgs({ args: [...argv], options: { purge: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
  return values.help ? 'help' : { purge: values.purge ?? false }
}
