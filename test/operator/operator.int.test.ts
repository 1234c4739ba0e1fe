/**
 * An operator as others write them, on the public client alone and as processes of their own: two controllers of which one leads, and a
 * program with a conversion and a validating webhook. A user works with its kind through real kubectl.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { start } from '../../shared/host/exec.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { createCa, issueCertificate } from '../../shared/pki/certificates.ts'
import { eventually } from '../testbed/cluster.ts'
import { startControlPlane } from '../testbed/control-plane.ts'
import type { LoneControlPlane } from '../testbed/control-plane.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import { definition, group, rights, validation } from './definition.ts'

const versions = await kubectls()

/** A program of the operator, with what it has printed so far. */
class Program {
  readonly #child: ChildProcess
  readonly gone: Promise<unknown>
  printed = ''
  constructor(file: string, ...args: string[]) {
    this.#child = start([process.execPath, join(import.meta.dirname, file), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.gone = new Promise((resolve) => this.#child.once('exit', resolve))
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { this.printed += text })
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.gone
  }
}

let dir: string
let server: LoneControlPlane
let kubectl: Kubectl
let webhook: Program
let controllers: Program[] = []
const backup = (name: string, spec: object, version = 'v1'): object => ({ apiVersion: `${group}/${version}`, kind: 'Backup', metadata: { name, namespace: 'default' }, spec })
const leading = (): Promise<Program> => eventually('a leader', async () => controllers.find((c) => c.printed.includes('leading')))

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bramble-operator-'))
  server = await startControlPlane()
  kubectl = new Kubectl(versions.at(-1) as (typeof versions)[number], server.kubeconfig)
  const validity = { now: systemClock.now(), ttl: 3_600_000 }
  const ca = await createCa({ commonName: 'operator' }, validity)
  const { keyPem, certPem } = await issueCertificate(ca, { commonName: 'webhook' }, { ...validity, usages: ['server'], ips: ['127.0.0.1'] })
  await writeFile(join(dir, 'key.pem'), keyPem)
  await writeFile(join(dir, 'cert.pem'), certPem)
  webhook = new Program('webhook.ts', join(dir, 'key.pem'), join(dir, 'cert.pem'))
  const port = await eventually('the webhook listens', async () => /^\d+\n/.exec(webhook.printed)?.[0].trim())
  const client = [`https://127.0.0.1:${port}`, Buffer.from(ca.certPem).toString('base64')] as const
  await kubectl.apply([...rights, definition(...client), validation(...client)])
  await kubectl.run(['wait', '--for=condition=Established', `crd/backups.${group}`])
  // As in a pod: the account's token, and nothing of the administrator's.
  const token = (await kubectl.run(['create', 'token', 'backup-operator', '-n', 'operators'])).trim()
  const config = JSON.parse(await kubectl.run(['config', 'view', '--raw', '-o', 'json'])) as { users: object[] }
  config.users = config.users.map((u) => ({ ...u, user: { token } }))
  await writeFile(join(dir, 'config'), JSON.stringify(config), { mode: 0o600 })
  controllers = ['one', 'two'].map((name) => new Program('controller.ts', join(dir, 'config'), name))
})
afterAll(async () => {
  for (const program of [...controllers, webhook]) await program.kill()
  await server.stop()
  await rm(dir, { recursive: true, force: true })
})

const planned = (name: string): Promise<string> => kubectl.run(['wait', '--for=jsonpath={.status.phase}=Planned', `backups/${name}`, '--timeout=60s'])

describe('an operator', () => {
  it('serves what is made in either version, and one of its controllers leads', async () => {
    await kubectl.apply([backup('old', { volume: 'data', schedule: '04:30' }, 'v1alpha1'), backup('new', { volume: 'logs', hour: 5, minute: 0, keep: 2 })])
    await planned('old')
    await planned('new')
    expect(controllers.filter((c) => c.printed.includes('leading'))).toHaveLength(1)
    expect(await kubectl.run(['get', 'configmap', 'backup-old', '-o', 'jsonpath={.data.plan}'])).toBe('data at 4:30, keep 7')
    expect(await kubectl.json<object>(['get', 'backups.v1alpha1.operators.example.com/new'])).toMatchObject({ apiVersion: `${group}/v1alpha1`, spec: { schedule: '05:00', volume: 'logs' }, status: { phase: 'Planned', observedGeneration: 1 } })
  })

  it.each(versions)('is seen by kubectl $version in columns, by its short name, and explained', async (binary) => {
    const user = new Kubectl(binary, server.kubeconfig)
    const table = (await user.run(['get', 'bk'])).trim().split('\n').map((l) => l.replace(/ +/g, ' ').trim())
    expect(table).toEqual(['NAME HOUR KEEP PHASE', 'new 5 2 Planned', 'old 4 7 Planned'])
    expect(await user.run(['get', 'backups.v1alpha1.operators.example.com', 'old'])).toMatch(/^NAME +SCHEDULE +PHASE\nold +04:30 +Planned\n$/)
    expect(await user.run(['explain', 'backup.spec.keep', '--api-version', `${group}/v1`])).toContain('<integer>')
    expect(await user.run(['get', 'all'])).toContain('backup.operators.example.com/new')
  })

  it('refuses and warns through its validating webhook, in both versions', async () => {
    const moved = await kubectl.try(['patch', 'bk', 'old', '--type=merge', '-p', '{"spec":{"volume":"other"}}'])
    expect(moved.exitCode).toBe(1)
    expect(moved.stderr.toString()).toBe(`The request is invalid: admission webhook "validate.${group}" denied the request: the volume of a backup does not change: data\n`)
    const older = await kubectl.try(['patch', 'backups.v1alpha1.operators.example.com', 'old', '--type=merge', '-p', '{"spec":{"volume":"other","schedule":"03:00"}}'])
    expect(older.stderr.toString()).toContain('the volume of a backup does not change: data')
    const early = await kubectl.try(['patch', 'bk', 'new', '--type=merge', '-p', '{"spec":{"hour":3}}'])
    expect(early.stderr.toString()).toBe('Warning: 03:00 comes twice on one day of the year\n')
    expect((await kubectl.try(['patch', 'bk', 'new', '--type=merge', '-p', '{"spec":{"hour":24}}'])).stderr.toString()).toContain('spec.hour: Invalid value: 24: spec.hour in body should be less than or equal to 23')
    await eventually('the change is planned', async () => (await kubectl.run(['get', 'configmap', 'backup-new', '-o', 'jsonpath={.data.plan}'])) === 'logs at 3:0, keep 2')
  })

  it('goes on under its other controller when the leader dies', async () => {
    const first = await leading()
    const other = controllers.find((c) => c !== first) as Program
    const lease = async (): Promise<{ spec: { holderIdentity: string; leaseTransitions?: number } }> => kubectl.json(['get', 'lease', 'backup-operator', '-n', 'operators'])
    const before = await lease()
    await first.kill()
    await kubectl.apply(backup('late', { volume: 'media', hour: 1, minute: 15 }))
    await planned('late')
    expect(other.printed).toContain('leading')
    const after = await lease()
    expect(after.spec.holderIdentity).not.toBe(before.spec.holderIdentity)
    expect(after.spec.leaseTransitions).toBe((before.spec.leaseTransitions ?? 0) + 1)
    expect(await kubectl.run(['get', 'configmap', 'backup-late', '-o', 'jsonpath={.data.by}'])).toBe(after.spec.holderIdentity)
    controllers = [other]
  })

  it('is asked before its object goes, and what that owned goes after it', async () => {
    await kubectl.run(['delete', 'bk', 'late', '--timeout=30s'])
    expect((await leading()).printed).toContain('forgot late')
    await kubectl.run(['wait', '--for=delete', 'configmap/backup-late', '--timeout=30s'])
  })

  it('goes with its definition: objects, discovery and rights', async () => {
    // Its finalizer stands on each: the operator lets them go while the definition waits.
    await kubectl.run(['delete', 'crd', `backups.${group}`, '--timeout=30s'])
    expect(await kubectl.run(['api-resources', `--api-group=${group}`, '--no-headers', '--cached=false'])).toBe('')
    expect((await kubectl.try(['get', '--raw', `/apis/${group}/v1/backups`])).stderr.toString()).toContain('the server could not find the requested resource')
    await kubectl.run(['wait', '--for=delete', 'configmap/backup-old', '--timeout=30s'])
  })
})
