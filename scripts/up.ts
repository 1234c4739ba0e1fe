/** `npm run up`: a one-node cluster on this machine, from nothing to an answering Service. Every step is skipped where it is done already. */
import { get } from 'node:http'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { run, runOk } from '../shared/host/exec.ts'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import { bundle, heapFlags, mallocEnv, programs, root, type Program } from './bundle.ts'
import { writeImage } from './demo-image.ts'
import { startEngine } from './engines.ts'
import { base, parseUp, usage, type UpOptions } from './flags.mjs'
import { differences, kubeconfigFile, remember, remembered, runDir } from './options.ts'
import { portTaken, Services } from './services.ts'

const node = process.execPath
const bundles = join(root, 'dist/bundle')
const services = new Services(join(base, 'run'))
const began = performance.now()
const say = (text: string): void => { process.stdout.write(`  ${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}\n`) }

async function bramble(...args: string[]): Promise<string> {
  return (await runOk([node, join(bundles, 'bramble.cjs'), '--kubeconfig', kubeconfigFile, ...args])).toString()
}

async function startControlPlane(options: UpOptions): Promise<void> {
  const dataDir = join(options.dataDir, 'control-plane')
  if (await services.running('control-plane') === undefined) {
    for (const [flag, port] of [['--api-port', options.apiPort], ['--mqtt-port', options.mqttPort]] as const) {
      if (await portTaken(port)) throw new Error(`port ${port} is in use by another program: give us another one with "npm run up -- ${flag} PORT"`)
    }
    await services.start('control-plane', [node, ...heapFlags['bramble-control-plane'], join(bundles, 'bramble-control-plane.cjs'), '--data-dir', dataDir, '--api-port', String(options.apiPort), '--mqtt-port', String(options.mqttPort)], { ...process.env, ...mallocEnv })
  }
  await services.until('control-plane', 'the API answers', async () => {
    const text = await readIfThere(join(dataDir, 'admin.kubeconfig'))
    if (text === undefined) return undefined
    await writeFileAtomic(kubeconfigFile, text, { mode: 0o600 })
    return (await run([node, join(bundles, 'bramble.cjs'), '--kubeconfig', kubeconfigFile, 'ready'])).exitCode === 0 || undefined
  })
  say(`control plane: https://127.0.0.1:${options.apiPort} (MQTT ${options.mqttPort})`)
}

async function startAgent(options: UpOptions, engine: string): Promise<void> {
  const dataDir = join(options.dataDir, 'node-agent')
  if (await services.running('node-agent') === undefined) {
    const images = join(dataDir, 'images')
    await mkdir(images, { recursive: true })
    await writeImage(join(images, 'hello.tar'))
    const joined = await stat(join(dataDir, 'link/node.pem')).then(() => true, () => false)
    // The token is passed in the environment: arguments are for everybody to see.
    const env = joined ? process.env : { ...process.env, BRAMBLE_TOKEN: (await bramble('token', 'create', '--ttl', '1h')).trim() }
    await services.start('node-agent', [
      node, ...heapFlags['bramble-node-agent'], join(bundles, 'bramble-node-agent.cjs'), '--server', `https://127.0.0.1:${options.apiPort}`, '--data-dir', dataDir, '--node-name', hostname(), '--runtime', options.runtime,
      ...(options.runtime === 'docker' ? ['--docker-host', `unix://${engine}`] : ['--containerd-address', engine]),
    ], { ...env, ...mallocEnv })
  }
  await services.until('node-agent', 'the node is Ready', async () => {
    const list = JSON.parse(await bramble('get', 'nodes', '-o', 'json')) as { items: { status?: { conditions?: { type: string; status: string }[] } }[] }
    return list.items.some((n) => n.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) || undefined
  })
  say(`node ${hostname()} is Ready (${options.runtime})`)
}

const answer = (url: string): Promise<string | undefined> => new Promise((resolve) => {
  get(url, { timeout: 2000, agent: false }, (res) => {
    let body = ''
    res.on('data', (d: Buffer) => { body += d.toString() })
    res.on('end', () => resolve(res.statusCode === 200 ? body.trim() : undefined))
  }).on('error', () => resolve(undefined))
})

async function demo(): Promise<string> {
  await bramble('apply', '-f', join(root, 'examples/hello'))
  const service = JSON.parse(await bramble('get', 'services', 'hello', '-o', 'json')) as { spec: { clusterIP: string } }
  const url = `http://${service.spec.clusterIP}/`
  const said = await services.until('node-agent', `the demo Service answers at ${url}`, async () => await answer(url), 120_000)
  say(`demo: curl ${url} answers "${said}"`)
  return url
}

async function main(): Promise<void> {
  const asked = parseUp(process.argv.slice(2))
  if (asked === 'help') { process.stdout.write(usage); return }
  const before = await remembered()
  const names = ['control-plane', 'node-agent', 'containerd', 'dockerd'] as const
  const alive = (await Promise.all(names.map((name) => services.running(name)))).some((pid) => pid !== undefined)
  const different = before && alive ? differences(before, asked) : []
  if (different.length) throw new Error(`a cluster with other options is running here: ${different.join('; ')}.\n         "npm run down" stops it; then "up" starts it with the new ones`)
  process.stdout.write(alive ? 'Bramble: a cluster is running here; making sure that it is whole\n' : 'Bramble: starting a one-node cluster\n')
  // The engine of a cluster elsewhere is no news for this one.
  const engineBefore = before?.engine !== undefined && before.runtime === asked.runtime && before.dataDir === asked.dataDir ? { engine: before.engine } : {}
  await remember({ ...asked, ...engineBefore })
  await mkdir(runDir, { recursive: true, mode: 0o711 })
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  await mkdir(bundles, { recursive: true })
  await Promise.all((Object.keys(programs) as Program[]).map((p) => bundle(p, bundles, version)))
  say('bundled')
  const [engine] = await Promise.all([startEngine({ ...asked, ...engineBefore }, services, say), startControlPlane(asked)])
  await remember({ ...asked, engine })
  await startAgent(asked, engine)
  const url = asked.demo ? await demo() : undefined
  process.stdout.write(`\n${await bramble('get', 'nodes,pods,services', '-A')}
It runs in the background; logs are in .bramble/run. Next:
  export KUBECONFIG=${kubeconfigFile}
  kubectl get nodes,pods,svc -A -o wide
${url ? `  curl ${url}\n  kubectl scale deployment hello --replicas=5\n  kubectl logs -l app=hello --prefix\n` : ''}  npm run bramble -- --help
  npm run down
`)
}

await main().catch((e: Error) => {
  process.stderr.write(`bramble: ${e.message}\n`)
  process.exitCode = 1
})
