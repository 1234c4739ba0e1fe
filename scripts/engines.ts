/** The container engine of `npm run up`: the system's where its service runs, otherwise one of our own on a private socket. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../shared/host/files.ts'
import { base } from './flags.mjs'
import { ownSocket, runDir, systemSocket, type Remembered } from './options.ts'
import { listening, type Services } from './services.ts'

const programs = { containerd: 'containerd', docker: 'dockerd' } as const

async function argvOf({ runtime, dataDir }: Remembered): Promise<string[]> {
  if (runtime === 'docker') {
    // The network is the agent's: dockerd would write rules of its own, and close the FORWARD chain.
    return ['dockerd', '--host', `unix://${ownSocket.docker}`, '--data-root', join(dataDir, 'docker'), '--exec-root', join(runDir, 'docker'), '--pidfile', join(runDir, 'docker.pid'),
      '--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false', '--live-restore']
  }
  const config = join(base, 'containerd.toml')
  await writeFileAtomic(config, `version = 2\nroot = ${JSON.stringify(join(dataDir, 'containerd'))}\nstate = "${join(runDir, 'containerd')}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${ownSocket.containerd}"\n`)
  return ['containerd', '--config', config]
}

/**
 * Socket of the engine to use, started where it has to be. A cluster stays with the engine it has: one that began on its own does not move
 * to the system's when that is installed later.
 */
export async function startEngine(options: Remembered, services: Services, say: (text: string) => void): Promise<string> {
  const [own, system, program] = [ownSocket[options.runtime], systemSocket[options.runtime], programs[options.runtime]]
  if (await listening(own)) return own
  if (options.engine !== own && await listening(system)) return system
  if (options.engine === system) throw new Error(`${program} does not answer on ${system}, and its containers are ours: start it ("systemctl start ${options.runtime}") and try again`)
  await mkdir(runDir, { recursive: true, mode: 0o711 })
  await services.start(program, await argvOf(options))
  await services.until(program, `${program} is listening`, async () => await listening(own) || undefined)
  say(`${program} started, our own (no system service of it is running)`)
  return own
}
