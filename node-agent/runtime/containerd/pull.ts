/**
 * One pull by `ctr`. What it has downloaded when it breaks, or when the agent dies, is kept for the next try: containerd goes on from there
 * with a range request, as long as its garbage collection is told to leave it (see `lease-client.ts`).
 */
import { createHash } from 'node:crypto'
import type { Clock, Log } from '../../../shared/base/host.ts'
import type { Millis } from '../../../shared/base/brands.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import { ignore } from '../../../shared/base/ignore.ts'
import { run, start } from '../../../shared/host/exec.ts'
import { withPty } from '../pty.ts'
import { activeDownloads, ctrLine, PullMeter } from '../pull-meter.ts'
import { RuntimeError, type PullProgress, type RegistryAuth } from '../runtime.ts'
import * as argv from './argv.ts'
import type { LeaseClient } from './lease-client.ts'

export interface CtrPull {
  readonly engine: argv.Engine
  /** Normalized. */
  readonly name: string
  readonly auth: RegistryAuth | undefined
  readonly plainHttp: boolean
  readonly hostsDir: string | undefined
  readonly signal: AbortSignal
  readonly progress: (at: PullProgress) => void
  readonly clock: Clock
  readonly log: Log
}

/** Parts of an image that nobody went on with for so long are given up. A gigabyte over 100 kbit/s takes one day. */
const keepParts: Millis = 72 * 3_600_000
/** How often a download that shows no movement is looked at more closely: of a gigabyte, `ctr` shows only tenths. */
const lookEvery: Millis = 20_000
const outputKept = 65_536
/** How our leases begin; those of `ctr` are random. */
const ours = 'bramble-pull-'

/** When each of the pulls of this process that are under way began; wall clock, as leases have it. */
const underWay = new Set<{ readonly since: Millis }>()

/** Rejects with the signal's reason when it aborts. */
export async function pullByCtr(pull: CtrPull): Promise<{ exitCode: number; output: string }> {
  const { openLeases } = await import('./lease-client.ts')
  const leases = openLeases({ address: pull.engine.address, namespace: pull.engine.namespace })
  const lease = `${ours}${createHash('sha256').update(pull.name).digest('hex').slice(0, 32)}`
  const trouble = (e: unknown): void => pull.log.warn('parts of an image may not outlive a broken pull, or stay for a day', { image: pull.name, error: messageOf(e) })
  const self = { since: pull.clock.now() }
  underWay.add(self)
  try {
    await leases.create(lease, pull.clock.now() + keepParts).catch(trouble)
    const kept: Promise<void>[] = []
    const seen = new Set<string>()
    const before = (await leases.resources(lease).catch((e: unknown) => { trouble(e); return [] })).filter((name) => name.startsWith('layer-'))
    const result = await watched(pull, before, (name) => { seen.add(name); kept.push(keep(leases, lease, name).catch(trouble)) })
    await Promise.all(kept)
    if (result.exitCode === 0) await release(leases, lease, seen).catch(trouble)
    return result
  } finally {
    underWay.delete(self)
    leases.close()
  }
}

/** The image holds its parts from now on. A `ctr` that was killed on the way left a lease too, which would hold them when the image is removed. */
async function release(leases: LeaseClient, lease: string, names: ReadonlySet<string>): Promise<void> {
  await leases.remove(lease)
  const oldest = Math.min(...[...underWay].map((u) => u.since))
  for (const { id, created } of await leases.list()) {
    // One of a pull that is under way is younger than that.
    if (id.startsWith(ours) || created >= oldest) continue
    if ((await leases.resources(id)).some((r) => names.has(r) || names.has(`layer-${r}`))) await leases.remove(id)
  }
}

/** A blob of the image, as a download that is under way and as what it will be. */
async function keep(leases: LeaseClient, lease: string, name: string): Promise<void> {
  const digest = /sha256:[0-9a-f]{64}$/.exec(name)?.[0]
  if (digest === undefined) return
  await Promise.all([leases.add(lease, { type: 'ingests', id: name }), leases.add(lease, { type: 'content', id: digest })])
}

async function watched(pull: CtrPull, before: readonly string[], seen: (name: string) => void): Promise<{ exitCode: number; output: string }> {
  const { signal, auth } = pull
  signal.throwIfAborted()
  if (auth && /[\r\n]/.test(auth.password)) throw new RuntimeError('pull-denied', 'a registry password with a line break cannot be used')
  const command = argv.pullImage(pull.engine, pull.name, { plainHttp: pull.plainHttp, username: auth?.username, hostsDir: pull.hostsDir })
  // `ctr` asks on its terminal for a password that the command line does not give: so it never shows in the list of processes.
  const child = start(auth ? withPty(command) : command, { stdio: ['pipe', 'pipe', 'pipe'] })
  // A `runuser` that is killed outright may leave its child behind.
  const abort = (): void => { child.kill(auth ? 'SIGTERM' : 'SIGKILL') }
  signal.addEventListener('abort', abort, { once: true })
  const meter = new PullMeter(ctrLine)
  for (const name of before) meter.expect(name)
  const known = new Set<string>()
  let [output, errors, asked] = ['', '', false]
  let moved = false
  child.stdin?.on('error', () => undefined)
  child.stderr?.on('data', (d: Buffer) => { errors = (errors + d.toString()).slice(-outputKept) })
  child.stdout?.on('data', (d: Buffer) => {
    const text = d.toString()
    output = (output + text).slice(-outputKept)
    if (auth && !asked && output.includes('Password:')) { asked = true; child.stdin?.write(`${auth.password}\n`) }
    if (!meter.feed(text)) return
    moved = true
    for (const name of meter.names) if (!known.has(name)) { known.add(name); seen(name) }
    pull.progress(meter.reading)
  })
  const over = new AbortController()
  void ignore(lookCloser(pull, over.signal, () => { const was = moved; moved = false; return was }, () => pull.progress(meter.reading)), 'ends with the pull')
  try {
    const exitCode = await new Promise<number>((resolve, reject) => { child.once('error', reject); child.once('close', (code) => resolve(code ?? 143)) })
    signal.throwIfAborted()
    // It may have got further than it had time to show; and where a download breaks, the last that `ctr` shows of it is that it were done.
    if (exitCode !== 0 && (await downloads(pull, signal)).filter(({ name, done }) => meter.correct(name, done)).length > 0) pull.progress(meter.reading)
    const all = `${output}\n${errors}`
    return { exitCode, output: auth ? all.replaceAll(auth.password, '***') : all }
  } finally {
    over.abort()
    signal.removeEventListener('abort', abort)
  }
}

const downloads = async (pull: CtrPull, signal: AbortSignal): Promise<ReturnType<typeof activeDownloads>> => activeDownloads((await run(argv.activeContent(pull.engine), { signal })).stdout.toString())

/** Tells of movement that is too small for `ctr` to show. */
async function lookCloser(pull: CtrPull, over: AbortSignal, movedSince: () => boolean, tell: () => void): Promise<void> {
  for (let before = ''; ;) {
    await pull.clock.sleep(lookEvery, over)
    if (movedSince()) continue
    const now = JSON.stringify(await downloads(pull, over))
    if (before !== '' && now !== before) tell()
    before = now
  }
}
