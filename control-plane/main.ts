/** The control plane: one process, put together here. Started in this order, stopped in reverse. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../shared/base/errors.ts'
import type { Host } from '../shared/base/host.ts'
import { Metrics } from '../shared/base/metrics.ts'
import { systemClock } from '../shared/host/clock.ts'
import { writeFileAtomic } from '../shared/host/files.ts'
import { createLog, silentLog } from '../shared/host/log.ts'
import { collectProcessMetrics } from '../shared/host/process-metrics.ts'
import { systemRandom } from '../shared/host/random.ts'
import { parseConfig, usage, UsageError } from './config.ts'
import { startControlPlane } from './control-plane.ts'
import { kubeconfig } from './identity.ts'
import { openSqliteStore } from './store/sqlite/open.ts'

const version = process.env.BRAMBLE_VERSION ?? '0.1.0'

/** `self-test`: one durable write through the addon and back, for a fresh executable on a fresh board. */
async function selfTest(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'bramble-self-test-'))
  try {
    const host: Host = { clock: systemClock, random: systemRandom, log: silentLog }
    const path = join(dir, 'state.db')
    const first = await openSqliteStore({ path, host })
    await first.write({ type: 'put', key: 'k', value: Buffer.from('v'), expect: 0, durability: 'durable' })
    await first.close()
    const second = await openSqliteStore({ path, host })
    const value = second.get('k')?.value.toString()
    await second.close()
    if (value !== 'v') throw new Error(`wrote "v", read ${JSON.stringify(value)}`)
    process.stdout.write('sqlite: ok\n')
  } finally {
    await rm(dir, { recursive: true })
  }
}

async function main(): Promise<void> {
  if (process.argv[2] === 'self-test') return await selfTest()
  const config = parseConfig(process.argv.slice(2))
  if (config === 'help') { process.stdout.write(usage); return }
  if (config === 'version') { process.stdout.write(`bramble-control-plane ${version} (Node ${process.versions.node})\n`); return }
  const log = createLog({ level: config.logLevel, clock: systemClock, write: (line) => { process.stderr.write(line) } })
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  // A bug in one request must not end the cluster; it is loud in the log instead.
  process.on('unhandledRejection', (e) => log.error('unhandled rejection', { error: e instanceof Error ? (e.stack ?? e.message) : String(e) }))
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(new Error(signal)))

  const metrics = new Metrics()
  collectProcessMetrics(metrics, systemClock)
  const running = await startControlPlane(config, { clock: systemClock, random: systemRandom, log, metrics })
  await writeFileAtomic(join(config.dataDir, 'admin.kubeconfig'), kubeconfig({ server: `https://${config.advertise}:${running.apiPort}`, ca: running.identity.ca.certPem, user: 'kubernetes-admin', pair: running.identity.admin }), { mode: 0o600 })
  log.info('ready', { api: running.apiPort, mqtt: running.mqttPort, version })
  if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }))
  log.info('stopping', { signal: messageOf(stop.signal.reason) })
  await running.close()
}

main().then(() => process.exit(0), (e: unknown) => {
  process.stderr.write(e instanceof UsageError ? `bramble-control-plane: ${e.message}\nTry --help.\n` : `bramble-control-plane: ${messageOf(e)}\n`)
  process.exit(e instanceof UsageError ? 2 : 1)
})
