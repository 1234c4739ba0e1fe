/** The single-file executables: this machine's do a whole job, the other architecture's start and keep a record in SQLite under qemu. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, runOk } from '../../shared/host/exec.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import type { Kubectl } from '../testbed/kubectl.ts'
import { service, webDeployment } from '../testbed/workloads.ts'

const root = join(import.meta.dirname, '../..')
const dist = (program: string, arch: string): string => join(root, `dist/${program}-linux-${arch}`)
const programs = ['bramble-control-plane', 'bramble-node-agent', 'bramble'] as const
const other = process.arch === 'x64' ? 'arm64' : 'x64'

beforeAll(async () => {
  await runOk([process.execPath, join(root, 'scripts/build.ts')], { timeout: 20 * 60_000 })
}, 21 * 60_000)

describe('this machine\'s executables', () => {
  let cluster: Cluster
  let kubectl: Kubectl
  beforeAll(async () => {
    cluster = await Cluster.start({ runtime: 'containerd', programs: { controlPlane: [dist('bramble-control-plane', process.arch)], nodeAgent: [dist('bramble-node-agent', process.arch)] } })
    kubectl = await cluster.kubectl()
  })
  afterAll(async () => { await cluster?.stop() })

  it('run a Deployment behind a Service, with logs and exec', async () => {
    await kubectl.apply([webDeployment('web', 2), service('web', 30083)])
    await kubectl.run(['rollout', 'status', 'deployment/web', '--timeout=60s'])
    await eventually('the Service answers', async () => (await cluster.curl(`http://${cluster.nodeIp}:30083/`)).startsWith('web-'))
    expect(await kubectl.run(['exec', 'deployment/web', '--', 'echo', 'hi'])).toBe('hi\n')
    expect(await kubectl.run(['logs', 'deployment/web'])).toContain('serving 1')
  })
  it('are found by our own command line', async () => {
    expect((await runOk([dist('bramble', process.arch), '--kubeconfig', cluster.kubeconfig, 'get', 'deployments'])).toString()).toMatch(/NAME\s+READY\s+UP-TO-DATE[\s\S]*web\s+2\/2/)
  })
})

describe('the other architecture\'s executables', () => {
  const emulator = other === 'arm64' ? 'qemu-aarch64-static' : 'qemu-x86_64-static'
  it.each(programs)('%s answers --version', async (program) => {
    expect((await stat(dist(program, other))).size).toBeGreaterThan(50e6)
    const result = await run([emulator, ...library(), dist(program, other), '--version'], { timeout: 120_000 })
    expect(result.stderr.toString() + result.stdout.toString()).toMatch(/0\.1\.0/)
    expect(result.exitCode).toBe(0)
  })
  it.each(['bramble-control-plane', 'bramble-node-agent'])('%s does a round trip through SQLite', async (program) => {
    const result = await run([emulator, ...library(), dist(program, other), 'self-test'], { timeout: 120_000 })
    expect(result.stderr.toString() + result.stdout.toString()).toContain('sqlite: ok')
    expect(result.exitCode).toBe(0)
  })
  /** Where Debian's cross compiler keeps the other architecture's loader and C library. */
  function library(): string[] { return ['-L', other === 'arm64' ? '/usr/aarch64-linux-gnu' : '/usr/x86_64-linux-gnu'] }
})
