/** `npm run down`: stops what `up` started and removes what it left on the machine; `--purge` removes its data too. */
import { rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ignore } from '../shared/base/ignore.ts'
import { run } from '../shared/host/exec.ts'
import { root } from './bundle.ts'
import { startEngine } from './engines.ts'
import { base, parseDown, usage } from './flags.mjs'
import { remembered, runDir, systemSocket, type Remembered } from './options.ts'
import { Services } from './services.ts'

const services = new Services(join(base, 'run'))
const say = (text: string): void => { process.stdout.write(`  ${text}\n`) }
const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false)

/** Containers, mounts, namespaces and rules. The engine must run for it: it is started again where it died under its containers. */
async function clean(options: Remembered): Promise<void> {
  const agentData = join(options.dataDir, 'node-agent')
  if (!await exists(agentData)) return
  const engine = await startEngine(options, services, say)
  const argv = [process.execPath, join(root, 'dist/bundle/bramble-node-agent.cjs'), 'clean', '--data-dir', agentData, '--runtime', options.runtime, ...(options.runtime === 'docker' ? ['--docker-host', `unix://${engine}`] : ['--containerd-address', engine])]
  const cleaned = await run(argv, { timeout: 120_000 })
  if (cleaned.exitCode !== 0) throw new Error(`containers could not be removed:\n${cleaned.stderr.toString().trim()}`)
  say('containers, mounts, namespaces, cgroups and iptables rules removed')
}

/** Only what we made: the folder may have been somebody's before. */
async function purge(options: Remembered): Promise<void> {
  for (const part of ['control-plane', 'node-agent', 'containerd', 'docker']) await rm(join(options.dataDir, part), { recursive: true, force: true })
  await ignore(rmdir(options.dataDir), 'ENOTEMPTY or ENOENT: it holds what is not ours, or was never made')
  await rm(base, { recursive: true, force: true })
  say('data removed')
  if (options.engine === systemSocket[options.runtime]) say(`images stay in the system's ${options.runtime}`)
}

async function main(): Promise<void> {
  const asked = parseDown(process.argv.slice(2))
  if (asked === 'help') { process.stdout.write(usage); return }
  const options = await remembered()
  if (!options) { process.stdout.write('bramble: nothing was started from here\n'); return }
  process.stdout.write('Bramble: stopping the cluster\n')
  for (const name of ['node-agent', 'control-plane'] as const) if (await services.stop(name)) say(`${name} stopped`)
  // Without this folder `up` did not run since the machine started: no container, mount or rule can be there.
  if (await exists(runDir)) await clean(options)
  for (const name of ['containerd', 'dockerd'] as const) if (await services.stop(name)) say(`${name} stopped`)
  await rm(runDir, { recursive: true, force: true })
  await ignore(rmdir(dirname(runDir)), 'ENOTEMPTY: other agents have theirs there')
  if (asked.purge) await purge(options)
  else say(`data kept in ${options.dataDir}: "npm run up" goes on with it, "npm run down -- --purge" removes it`)
}

await main().catch((e: Error) => {
  process.stderr.write(`bramble: ${e.message}\n`)
  process.exitCode = 1
})
