/** The node agent: one process that runs this machine's share of a cluster. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../shared/base/errors.ts'
import type { Host } from '../shared/base/host.ts'
import { keepAlive, systemClock } from '../shared/host/clock.ts'
import { createLog } from '../shared/host/log.ts'
import { systemRandom } from '../shared/host/random.ts'
import { openDatabase } from '../shared/host/sqlite.ts'
import { allocationSchema, createAllocations } from './allocations.ts'
import { parseConfig, usage, UsageError } from './config.ts'
import { answerNewKey, newKeyCommand } from './link/new-key.ts'
import { cleanNode, startNode } from './node.ts'

const version = process.env.BRAMBLE_VERSION ?? '0.1.0'

/** `self-test`: one durable write through the addon and back, for a fresh executable on a fresh board. */
async function selfTest(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'bramble-self-test-'))
  try {
    const path = join(dir, 'node.db')
    const first = await openDatabase(path, { mode: 'create', setup: allocationSchema })
    await createAllocations(first).put('uid', '10.0.0.2')
    await first.close()
    const second = await openDatabase(path, { mode: 'existing' })
    const all = await createAllocations(second).all()
    await second.close()
    if (all[0]?.ip !== '10.0.0.2') throw new Error(`wrote one row, read ${JSON.stringify(all)}`)
    process.stdout.write('sqlite: ok\n')
  } finally {
    await rm(dir, { recursive: true })
  }
}

async function main(): Promise<void> {
  if (process.argv[2] === 'self-test') return await selfTest()
  if (process.argv[2] === newKeyCommand) return await answerNewKey(process.stdin, (text) => { process.stdout.write(text) })
  const config = parseConfig(process.argv.slice(2), process.env)
  // Not for the containers' engines and whatever else is started from here to see.
  delete process.env.BRAMBLE_TOKEN
  if (config === 'help') { process.stdout.write(usage); return }
  if (config === 'version') { process.stdout.write(`bramble-node-agent ${version} (Node ${process.versions.node})\n`); return }
  const host: Host = { clock: systemClock, random: systemRandom, log: createLog({ level: config.logLevel, clock: systemClock, write: (line) => { process.stderr.write(line) } }) }
  if (config.command === 'clean') {
    await cleanNode(config, host)
    process.stdout.write('containers, mounts, namespaces and rules removed\n')
    return
  }
  process.on('unhandledRejection', (e) => host.log.error('unhandled rejection', { error: e instanceof Error ? (e.stack ?? e.message) : String(e) }))
  const signal = new Promise<string>((resolve) => { for (const s of ['SIGINT', 'SIGTERM'] as const) process.on(s, () => resolve(s)) })
  // Everything of the agent waits on sockets and unreferenced timers; without a connection nothing else would keep it alive.
  using _alive = keepAlive()
  const node = await startNode(config, host, version)
  host.log.info('started', { node: config.nodeName, version })
  host.log.info('stopping', { signal: await signal })
  await node.close()
}

main().then(() => process.exit(0), (e: unknown) => {
  process.stderr.write(e instanceof UsageError ? `bramble-node-agent: ${e.message}\nTry --help.\n` : `bramble-node-agent: ${messageOf(e)}\n`)
  process.exit(e instanceof UsageError ? 2 : 1)
})
