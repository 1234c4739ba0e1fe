/** `npm run up`: a one-node cluster on this machine, from nothing to an answering Service. Every step is skipped where it is done already. */
import { get } from 'node:http'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, runOk } from '../shared/host/exec.ts'
import { readIfThere, writeFileAtomic } from '../shared/host/files.ts'
import { bundle, heapFlags, programs, root, type Program } from './bundle.ts'
import { writeImage } from './demo-image.ts'
import { base, kubeconfigFile, ownContainerd, ownDocker, parseUp, remember, remembered, runDir, systemContainerd, systemDocker, usage, type UpOptions } from './options.ts'
import { listening, Services } from './services.ts'

const node = process.execPath
const bundles = join(root, 'dist/bundle')
const services = new Services(join(base, 'run'))
const began = performance.now()
const say = (text: string): void => { process.stdout.write(`  ${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${text}\n`) }

async function bramble(...args: string[]): Promise<string> {
  return (await runOk([node, join(bundles, 'bramble.cjs'), '--kubeconfig', kubeconfigFile, ...args])).toString()
}

async function startContainerd(options: UpOptions): Promise<string> {
  if (await listening(systemContainerd)) return systemContainerd
  if (!await listening(ownContainerd)) {
    const config = join(base, 'containerd.toml')
    await mkdir(runDir, { recursive: true, mode: 0o711 })
    await writeFileAtomic(config, `version = 2\nroot = "${join(options.dataDir, 'containerd')}"\nstate = "${join(runDir, 'containerd')}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${ownContainerd}"\n`)
    await services.start('containerd', ['containerd', '--config', config])
    await services.until('containerd', 'containerd is listening', async () => await listening(ownContainerd) || undefined)
    say('containerd started (no system service was running)')
  }
  return ownContainerd
}

async function startDocker(options: UpOptions): Promise<string> {
  if (await listening(systemDocker)) return `unix://${systemDocker}`
  if (!await listening(ownDocker)) {
    await mkdir(runDir, { recursive: true, mode: 0o711 })
    await services.start('dockerd', ['dockerd', '--host', `unix://${ownDocker}`, '--data-root', join(options.dataDir, 'docker'), '--exec-root', join(runDir, 'docker'), '--pidfile', join(runDir, 'docker.pid'), '--bridge', 'none'])
    await services.until('dockerd', 'dockerd is listening', async () => await listening(ownDocker) || undefined)
    say('dockerd started (no system service was running)')
  }
  return `unix://${ownDocker}`
}

async function startControlPlane(options: UpOptions): Promise<void> {
  const dataDir = join(options.dataDir, 'control-plane')
  if (await services.running('control-plane') === undefined) {
    await services.start('control-plane', [node, ...heapFlags['bramble-control-plane'], join(bundles, 'bramble-control-plane.cjs'), '--data-dir', dataDir, '--api-port', String(options.apiPort), '--mqtt-port', String(options.mqttPort)])
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
      ...(options.runtime === 'docker' ? ['--docker-host', engine] : ['--containerd-address', engine]),
    ], env)
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
  const alive = await services.running('control-plane') !== undefined || await services.running('node-agent') !== undefined
  if (alive && before && (before.dataDir !== asked.dataDir || before.apiPort !== asked.apiPort || before.mqttPort !== asked.mqttPort || before.runtime !== asked.runtime)) {
    throw new Error('a cluster with other options is running: "npm run down" first')
  }
  process.stdout.write('Bramble: starting a one-node cluster\n')
  await remember(asked)
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  await mkdir(bundles, { recursive: true })
  await Promise.all((Object.keys(programs) as Program[]).map((p) => bundle(p, bundles, version)))
  say('bundled')
  const [engine] = await Promise.all([asked.runtime === 'docker' ? startDocker(asked) : startContainerd(asked), startControlPlane(asked)])
  await startAgent(asked, engine)
  const url = asked.demo ? await demo() : undefined
  await sleep(0)
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
