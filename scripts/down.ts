/** `npm run down`: stops what `up` started and removes what it left on the machine; `--purge` removes its data too. */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { run } from '../shared/host/exec.ts'
import { root } from './bundle.ts'
import { base, ownContainerd, ownDocker, remembered, runDir, systemContainerd, systemDocker, usage } from './options.ts'
import { listening, Services } from './services.ts'

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { purge: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
  if (values.help) { process.stdout.write(usage); return }
  const options = await remembered()
  if (!options) { process.stdout.write('bramble: nothing was started from here\n'); return }
  const services = new Services(join(base, 'run'))
  for (const name of ['node-agent', 'control-plane'] as const) if (await services.stop(name)) process.stdout.write(`  ${name} stopped\n`)
  const agentData = join(options.dataDir, 'node-agent')
  if (await stat(agentData).then(() => true, () => false)) {
    const own = options.runtime === 'docker' ? ownDocker : ownContainerd
    const engine = await listening(own) ? own : options.runtime === 'docker' ? systemDocker : systemContainerd
    const cleaned = await run([process.execPath, join(root, 'dist/bundle/bramble-node-agent.cjs'), 'clean', '--data-dir', agentData, '--runtime', options.runtime, ...(options.runtime === 'docker' ? ['--docker-host', `unix://${engine}`] : ['--containerd-address', engine])], { timeout: 120_000 })
    if (cleaned.exitCode !== 0) throw new Error(`containers could not be removed:\n${cleaned.stderr.toString().trim()}`)
    process.stdout.write(`  ${cleaned.stdout.toString().trim() || 'containers, mounts, namespaces and rules removed'}\n`)
  }
  for (const name of ['containerd', 'dockerd'] as const) if (await services.stop(name)) process.stdout.write(`  ${name} stopped\n`)
  // Only what `up` made: agents that others started on this machine keep their state beside it.
  for (const path of [ownContainerd, ownDocker, join(runDir, 'containerd'), join(runDir, 'docker'), join(runDir, 'docker.pid')]) await rm(path, { recursive: true, force: true })
  if (values.purge) {
    await rm(options.dataDir, { recursive: true, force: true })
    await rm(base, { recursive: true, force: true })
    process.stdout.write('  data removed\n')
  }
}

await main().catch((e: Error) => {
  process.stderr.write(`bramble: ${e.message}\n`)
  process.exitCode = 1
})
