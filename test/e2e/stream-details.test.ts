/** Logs, attach, exec, cp and port-forward in their details, on both engines; the client speaks the protocol itself where kubectl would hide something. */
import { createHash, randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { start } from '../../shared/host/exec.ts'
import { Cluster, eventually, freePort } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import { StreamClient } from '../testbed/stream-client.ts'
import { footing, settled } from '../testbed/stream-load.ts'
import type { PodState } from '../testbed/workloads.ts'

interface Shape { readonly [field: string]: unknown }
const container = (script: string, more: Shape = {}): Shape => ({ name: 'main', image: testImage, command: ['sh', '-c', script], ...more })
const pod = (name: string, containers: readonly Shape[], more: Shape = {}): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: 'details' } }, spec: { terminationGracePeriodSeconds: 0, containers, ...more } })

/** Docker's log driver keeps text: what is no UTF-8 it has replaced. */
const asKept = (data: Buffer, runtime: string): Buffer => (runtime === 'docker' ? Buffer.from(data.toString()) : data)
/** A line of every kind: short, longer than two of an engine's pieces, no text, without an end. */
const shapes = 'echo first; head -c 40000 /dev/zero | tr "\\0" x; echo; printf "b\\377\\000c\\n"; printf "no end"'
const raw = Buffer.concat([Buffer.from(`first\n${'x'.repeat(40_000)}\n`), Buffer.from([98, 255, 0, 99, 10]), Buffer.from('no end')])
/**
 * Waits to be told, prints numbered lines of 100 bytes: more than all of containerd's room, four of Docker's files. At 20 MB a second at most: who follows may be behind by
 * no more than the room, or what he has not read is given up, as with upstream's rotation.
 */
const fast = (lines: number): string => `until [ -e /tmp/go ]; do sleep 0.1; done; awk 'BEGIN { for (i = 1; i <= ${lines}; i++) { printf "%09d ${'y'.repeat(89)}\\n", i; if (i % 50000 == 0) system("sleep 0.25") } }'; exec sleep 1000000`

/** The number of the first line that is not the next one; undefined where all `count` are there. */
async function gap(lines: AsyncIterable<unknown>, count: number): Promise<string | undefined> {
  let rest = ''
  let next = 1
  for await (const part of lines) {
    rest += (part as Buffer).toString('latin1')
    let at = 0
    for (; rest.length - at >= 100; at += 100) if (Number(rest.slice(at, at + 9)) !== next++) return `${next - 1}: ${rest.slice(at, at + 20)}`
    rest = rest.slice(at)
    if (next > count) return rest === '' ? undefined : 'more than was printed'
  }
  return `ended at ${next}`
}

describe.each(['containerd', 'docker'] as const)('streams in detail on %s', (runtime) => {
  const lines = runtime === 'containerd' ? 600_000 : 250_000
  const printed = asKept(raw, runtime)
  let cluster: Cluster
  let client: StreamClient
  let kubectl: Kubectl
  const state = async (name: string): Promise<PodState> => (await kubectl.json<{ status: PodState }>(['get', 'pod', name])).status
  const status = (name: string) => state(name).then((s) => s.containerStatuses?.[0])

  beforeAll(async () => {
    cluster = await Cluster.start({ runtime })
    client = await StreamClient.of(cluster.kubeconfig)
    const [newest] = await kubectls(['1.33'])
    kubectl = new Kubectl(newest!, cluster.kubeconfig)
    await kubectl.apply([
      pod('shapes', [container(shapes), container('echo from-two', { name: 'two' })], { restartPolicy: 'Never', initContainers: [container('echo before', { name: 'init' })] }),
      pod('again', [container('echo attempt; until [ -e /tmp/end ]; do sleep 0.1; done; echo done; exit 3')]),
      pod('fast', [container(fast(lines))]),
      pod('tick', [container('i=0; while :; do i=$((i+1)); echo $i; sleep 0.2; done')]),
      pod('term', [container('while :; do stty size; read -t 1 line && echo got-$line; done', { stdin: true, tty: true })]),
      pod('work', [container(`nc -${'l'.repeat(64)} -p 7100 -e wc -c & exec sleep 1000000`)]),
    ])
    await eventually('they run', async () => (await Promise.all(['again', 'fast', 'tick', 'term', 'work'].map((n) => status(n)))).every((s) => s?.ready) && (await state('shapes')).phase === 'Succeeded')
  })
  afterAll(() => cluster?.stop())

  it('logs: every byte as it was printed, each option alone and together', async () => {
    const main = (query: string) => client.log('shapes', `container=main&${query}`)
    expect((await main('')).equals(printed)).toBe(true)
    const stamped = (await main('timestamps=true')).toString('latin1').split('\n')
    expect(stamped.map((l) => l.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z /, ''))).toEqual(printed.toString('latin1').split('\n'))
    expect(stamped.every((l) => /^\d{4}-/.test(l))).toBe(true)
    expect((await main('tailLines=1')).toString()).toBe('no end')
    expect((await main('tailLines=0')).length).toBe(0)
    expect((await main('tailLines=2&limitBytes=2')).equals(printed.subarray(40_007, 40_009))).toBe(true)
    expect((await main('limitBytes=30000')).equals(printed.subarray(0, 30_000))).toBe(true)
    expect((await main('sinceSeconds=3600&tailLines=1&timestamps=true')).toString()).toMatch(/^\d{4}-\S+ no end$/)
    expect((await main(`sinceTime=${new Date(Date.now() + 60_000).toISOString()}`)).length).toBe(0)
    expect((await main('follow=true')).equals(printed)).toBe(true)
    expect((await client.log('shapes', 'container=init')).toString()).toBe('before\n')
    await expect(client.log('shapes', 'container=main&previous=true')).rejects.toThrow('previous terminated container \\"main\\" in pod \\"shapes\\" not found')
    await expect(client.log('shapes', 'container=main&stream=Stdout')).rejects.toThrow('stream \\"Stdout\\" is not supported')
    // In any order: kubectl asks for them one after another or at once.
    const prefixed = await kubectl.run(['logs', 'shapes', '--all-containers', '--prefix', '--tail=1'])
    for (const part of ['[pod/shapes/init] before\n', '[pod/shapes/main] no end', '[pod/shapes/two] from-two\n']) expect(prefixed).toContain(part)
  })

  it('logs: following ends with the container, and what the attempt before said is kept', async () => {
    const followed = client.log('again', 'follow=true')
    await (await client.exec('again', ['touch', '/tmp/end'])).ended
    expect((await followed).toString()).toBe('attempt\ndone\n')
    await eventually('it runs again', async () => (await status('again'))?.restartCount === 1 && (await status('again'))?.ready)
    expect((await client.log('again', 'previous=true')).toString()).toBe('attempt\ndone\n')
    await eventually('the new one speaks', async () => (await client.log('again')).toString() === 'attempt\n')
  })

  it('logs: a fast writer loses nothing while files are turned', async () => {
    // Docker's own follower skips and repeats lines where a file is turned, so that of Docker it is said of what is read afterwards.
    const follow = runtime === 'containerd'
    const begun = follow ? await client.logs('fast', 'follow=true') : undefined
    await (await client.exec('fast', ['touch', '/tmp/go'])).ended
    if (!begun) await eventually('the last line is there', async () => (await client.log('fast', 'tailLines=1')).toString().startsWith(String(lines).padStart(9, '0')))
    const log = begun ?? await client.logs('fast')
    expect(await gap(log, lines)).toBeUndefined()
    log.destroy()
  })

  it('logs: what is printed while control plane and agent are away is there afterwards', async () => {
    const before = (await client.log('tick')).toString().trim().split('\n').length
    await Promise.all([cluster.controlPlane.kill('SIGKILL'), cluster.agent.kill('SIGKILL')])
    await new Promise((resolve) => { setTimeout(resolve, 1000) })
    await Promise.all([cluster.startControlPlane(), cluster.startAgent()])
    const all = await eventually('logs again', async () => (await client.log('tick')).toString().trim().split('\n'))
    expect(all.length).toBeGreaterThanOrEqual(before + 4)
    expect(all).toEqual(all.map((_, i) => String(i + 1)))
    expect((await status('tick'))?.restartCount).toBe(0)
  })

  it('attach: the terminal has the client\'s size, and leaving it leaves the container alone', async () => {
    for (const [columns, rows] of [[91, 33], [132, 50]] as const) {
      const session = await client.attach('term', { stdin: true, tty: true })
      await session.resize(columns, rows)
      await session.until(() => session.out.tail.includes(`${rows} ${columns}\r\n`))
      await session.type(`hi${rows}\n`)
      await session.until(() => session.out.tail.includes(`got-hi${rows}\r\n`))
      session.close()
    }
    expect(await status('term')).toMatchObject({ ready: true, restartCount: 0 })
    await expect(client.attach('shapes', { container: 'main' })).rejects.toThrow('500')
  })

  it('exec: a program that cannot be started is told in the status, and one whose container ends ends with it', async () => {
    for (const tty of [false, true]) for (const [file, why] of [['nope', 'executable file not found in $PATH'], ['/etc', /permission denied|is a directory/]] as const) {
      const session = await client.exec('work', [file], { tty })
      const ended = await session.ended
      expect(ended).toMatchObject({ status: 'Failure', reason: 'InternalError', message: expect.stringContaining('failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: exec: ') })
      expect(ended?.message).toMatch(why)
      expect([session.out.tail, session.err.tail]).toEqual(['', ''])
    }
    expect((await (await client.exec('work', ['sh', '-c', 'echo said >&2; exit 127'])).ended)?.details?.causes).toEqual([{ reason: 'ExitCode', message: '127' }])
    const held = await client.exec('again', ['sh', '-c', 'echo begun; exec sleep 1000'])
    await held.until(() => held.out.tail.includes('begun'))
    await (await client.exec('again', ['touch', '/tmp/end'])).ended
    expect((await held.ended)?.details?.causes).toEqual([{ reason: 'ExitCode', message: '137' }])
  })

  it('exec: of a client that was killed nothing is left, with a terminal and without', async () => {
    const before = await footing(cluster)
    const sessions = await Promise.all([false, true].flatMap((tty) => [1, 2, 3].map(() => client.exec('work', ['sh', '-c', 'echo begun; exec sleep 4321'], { tty, stdin: tty }))))
    await Promise.all(sessions.map((s) => s.until(() => s.out.tail.includes('begun'))))
    for (const s of sessions) s.cut()
    await settled(cluster, before)
    const inside = await client.exec('work', ['ps', '-o', 'args'])
    await inside.ended
    expect(inside.out.tail).not.toContain('sleep 4321')
  })

  it('cp: folders, names with blanks and quotes, links and permissions', async () => {
    const [there, back] = [join(cluster.dir, 'there'), join(cluster.dir, 'back')]
    const name = 'it\'s a "name" $(x)'
    await mkdir(join(there, 'sub dir'), { recursive: true })
    await writeFile(join(there, 'sub dir', name), 'inside')
    await writeFile(join(there, 'run'), '#!/bin/sh\necho ran\n')
    await chmod(join(there, 'run'), 0o755)
    await symlink('sub dir', join(there, 'link'))
    await kubectl.run(['cp', there, 'work:/tmp/tree'])
    const looked = await kubectl.run(['exec', 'work', '--', 'sh', '-c', '/tmp/tree/run; readlink /tmp/tree/link; cat "/tmp/tree/link/$1"', 'sh', name])
    expect(looked).toBe('ran\nsub dir\ninside')
    await kubectl.run(['cp', 'work:/tmp/tree', back])
    expect(await readFile(join(back, 'sub dir', name), 'utf8')).toBe('inside')
  })

  it('cp: a hundred megabytes, there and back', async () => {
    const [there, back] = [join(cluster.dir, 'large'), join(cluster.dir, 'large-back')]
    const bytes = randomBytes(100_000_000)
    await writeFile(there, bytes)
    await kubectl.run(['cp', there, 'work:/tmp/large'], { timeout: 120_000 })
    const digest = createHash('sha256').update(bytes).digest('hex')
    expect(await kubectl.run('exec work -- sha256sum /tmp/large')).toBe(`${digest}  /tmp/large\n`)
    await kubectl.run(['cp', 'work:/tmp/large', back], { timeout: 120_000 })
    expect(createHash('sha256').update(await readFile(back)).digest('hex')).toBe(digest)
    await kubectl.run('exec work -- rm /tmp/large')
  })

  it('debug: a container beside, a copy, and the node itself', async () => {
    const debug = (args: readonly string[]) => kubectl.run(['debug', ...args])
    const said = (name: string, of: string) => eventually(`${name} has spoken`, async () => { const text = (await client.log(name, `container=${of}`)).toString(); return text.includes('that is all') ? text : undefined })
    const script = (what: string): string[] => ['--', 'sh', '-c', `${what}; echo that is all; exec sleep 1000000`]
    await debug(['work', `--image=${testImage}`, '--target=main', '--profile=netadmin', '-c', 'beside', ...script('ps -o args; grep CapEff /proc/self/status')])
    expect(await said('work', 'beside')).toMatch(/nc -lll[^]*CapEff:\t\S*35fb\n/)
    await debug(['work', '--copy-to=copy', `--set-image=*=${testImage}`, '--share-processes', `--image=${testImage}`, '-c', 'within', ...script('sleep 1; ps -o args')])
    expect(await said('copy', 'within')).toContain('nc -lll')
    for (const profile of ['general', 'sysadmin']) {
      await debug([`node/${cluster.nodeName}`, `--image=${testImage}`, `--profile=${profile}`, ...script('chroot /host ls -d /etc/debian_version; ls -d /host/proc/1')])
    }
    const { items } = await kubectl.json<{ items: { metadata: { name: string } }[] }>(['get', 'pods'])
    const onNode = items.map((p) => p.metadata.name).filter((name) => name.startsWith('node-debugger-'))
    expect(onNode).toHaveLength(2)
    for (const name of onNode) expect(await said(name, 'debugger')).toContain('/etc/debian_version\n/host/proc/1\n')
  })

  it('port-forward: a hundred connections, fifty at a time, each of which ends its half first', async () => {
    for (const version of await kubectls(['1.27', '1.33'])) {
      const k = new Kubectl(version, cluster.kubeconfig)
      const port = await freePort()
      const child = start(k.argv(['port-forward', 'pod/work', `${port}:7100`]), { stdio: ['ignore', 'pipe', 'ignore'] })
      try {
        await new Promise((resolve) => { child.stdout?.once('data', resolve) })
        const count = (bytes: number): Promise<string> => new Promise((resolve, reject) => {
          const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
          let said = ''
          socket.on('data', (d: Buffer) => { said += d.toString() })
          socket.on('end', () => resolve(said.trim()))
          socket.on('error', reject)
          socket.end(Buffer.alloc(bytes))
        })
        // busybox listens with as many connections waiting as it is given `-l`.
        for (let i = 0; i < 100; i += 50) {
          const sizes = Array.from({ length: 50 }, (_, n) => 1000 * (i + n))
          expect(await Promise.all(sizes.map(count))).toEqual(sizes.map(String))
        }
      } finally {
        child.kill()
      }
    }
  })
})
