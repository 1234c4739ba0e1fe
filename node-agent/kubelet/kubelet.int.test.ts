import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../shared/host/clock.ts'
import { silentLog, createLog } from '../../shared/host/log.ts'
import { systemFileTree } from '../../shared/host/file-tree.ts'
import { systemRandom } from '../../shared/host/random.ts'
import { run } from '../../shared/host/exec.ts'
import { startContainerd } from '../../test/testbed/daemons.ts'
import { testImage, writeTestImage } from '../../test/testbed/images.ts'
import { ContainerdRuntime } from '../runtime/containerd/driver.ts'
import { FakeDesired, makePod as plainPod, RecordingSink } from './harness.ts'
import { openCgroups } from './resources/cgroup-files.ts'
import { createKubelet, type Kubelet } from './kubelet.ts'

/** Namespaces and cgroups of the machine are named by it: two runs of this file must not share one. */
const uidOf = (name: string): string => `uid-${process.pid}-${name}`
const makePod: typeof plainPod = (name, spec, metadata = {}) => plainPod(name, spec, { uid: uidOf(name), ...metadata })

const log = process.env['KUBELET_TEST_LOG'] ? createLog({ level: 'debug', clock: systemClock, write: (l) => { process.stderr.write(l) } }) : silentLog
let engine: Awaited<ReturnType<typeof startContainerd>>
let runtime: ContainerdRuntime
let kubelet: Kubelet
const desired = new FakeDesired()
const sink = new RecordingSink()
const cgroupRoot = `bramble-test-${process.pid}`

const makeRuntime = (): ContainerdRuntime =>
  new ContainerdRuntime({ address: engine.address, namespace: `k${process.pid}`, dataDir: join(engine.dir, 'data'), stateDir: join(engine.dir, 'run'), clock: systemClock, log })
const make = (): Kubelet => createKubelet({
  host: { clock: systemClock, random: systemRandom, log }, runtime, desired, sink, dataDir: join(engine.dir, 'kubelet'), nodeName: 'node-1', config: { cgroupRoot, nodeIPs: ['127.0.0.1'] },
  network: { attach: async () => ({ ip: '10.9.9.9', ips: ['10.9.9.9'] }), detach: async () => undefined }, tokens: { token: async () => ({ token: 'a.b.c', expires: Date.now() + 3_600_000, renewAt: Date.now() + 3_600_000 }) },
})
async function until(what: string, condition: () => unknown, timeout = 20_000): Promise<void> {
  const end = systemClock.monotonic() + timeout
  while (!condition()) {
    if (systemClock.monotonic() > end) throw new Error(`waited in vain until ${what}: ${JSON.stringify([...sink.statuses].map(([n, s]) => [n, s.at(-1)]))} ${JSON.stringify(sink.events)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
const main = (parts: object) => ({ containers: [{ name: 'main', image: testImage, imagePullPolicy: 'IfNotPresent', ...parts }] })
const remove = async (...names: string[]): Promise<void> => {
  for (const name of names) {
    const pod = desired.get('Pod', 'default', name)!
    desired.put('Pod', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: 0 } })
  }
  await until('gone', () => names.every((n) => sink.gone.includes(n)), 60_000)
  for (const name of names) desired.remove('Pod', 'default', name)
}

beforeAll(async () => {
  engine = await startContainerd()
  runtime = makeRuntime()
  const tar = join(engine.dir, 'image.tar')
  await writeTestImage(tar)
  await runtime.importImage(tar)
  kubelet = make()
  await kubelet.start()
})
afterAll(async () => {
  await kubelet.stop()
  await runtime.close()
  await run(['umount', join(engine.dir, 'kubelet', 'memory')])
  await (await openCgroups(systemFileTree, log)).remove(`/${cgroupRoot}`)
  await engine.stop()
})

describe('on a real containerd', () => {
  it('starts a pod with files, environment and limits, quickly, and leaves nothing behind', async () => {
    desired.put('Secret', { metadata: { name: 's', namespace: 'default' }, data: { key: Buffer.from('hidden').toString('base64') } } as never)
    const script = 'cat /sec/key > /dev/termination-log; echo "$POD $(cat /etc/hostname 2>/dev/null)"; cat /etc/hosts; id -u; exit 3'
    const begun = systemClock.monotonic()
    desired.put('Pod', makePod('files', {
      ...main({ command: ['sh', '-c', script], env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }], volumeMounts: [{ name: 's', mountPath: '/sec' }], resources: { requests: { cpu: '100m', memory: '16Mi' }, limits: { memory: '32Mi' } } }),
      restartPolicy: 'Never', volumes: [{ name: 's', secret: { secretName: 's' } }],
    }))
    await until('failed', () => sink.status('files')?.phase === 'Failed')
    console.log(`pod with secret to its end: ${Math.round(systemClock.monotonic() - begun)} ms`)
    expect(sink.container('files')?.state?.terminated).toMatchObject({ exitCode: 3, reason: 'Error', message: 'hidden' })
    const found = kubelet.containerFor('default', 'files')
    // Its end is told before the last of its output is written.
    let text = ''
    await until('output', () => { void readFile(found.logPath(0), 'utf8').then((t) => { text = t }); return text.includes('10.9.9.9\tfiles') })
    await remove('files')
    expect((await runtime.list()).sandboxes).toEqual([])
    await expect(stat(join(engine.dir, `kubelet/pods/${uidOf('files')}`))).rejects.toThrow('ENOENT')
  })

  it('describes the machine that it runs on', () => {
    expect(Number(sink.node?.capacity?.['cpu'])).toBeGreaterThan(0)
    expect(sink.node?.capacity?.['memory']).toMatch(/^[1-9]\d+Ki$/)
    expect(sink.node?.nodeInfo).toMatchObject({ operatingSystem: 'linux', containerRuntimeVersion: expect.stringMatching(/^containerd:\/\/\d/) })
    expect(sink.node?.conditions?.map((c) => [c.type, c.status])).toEqual([['MemoryPressure', 'False'], ['DiskPressure', expect.any(String)], ['PIDPressure', 'False'], ['Ready', 'True']])
  })

  it('gives a pod memory to write to, of the size it asked for', async () => {
    desired.put('Pod', makePod('ram', { ...main({ command: ['sh', '-c', 'df -k /ram | tail -1; sleep 1000'], volumeMounts: [{ name: 'r', mountPath: '/ram' }] }), volumes: [{ name: 'r', emptyDir: { medium: 'Memory', sizeLimit: '2Mi' } }] }))
    await until('ready', () => sink.isReady('ram'))
    let text = ''
    await until('output', () => { void readFile(kubelet.containerFor('default', 'ram').logPath(0), 'utf8').then((t) => { text = t }); return text.includes('/ram') })
    expect(text).toMatch(/\s2048\s/)
    await remove('ram')
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(uidOf('ram'))
  })

  it('sets the limits of the pod cgroup', async () => {
    desired.put('Pod', makePod('limits', main({ command: ['sleep', '1000'], resources: { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } } })))
    await until('ready', () => sink.isReady('limits'))
    const v2 = await stat('/sys/fs/cgroup/cgroup.controllers').then(() => true, () => false)
    const path = v2 ? `/sys/fs/cgroup/${cgroupRoot}/burstable/pod${uidOf('limits')}/memory.max` : `/sys/fs/cgroup/memory/${cgroupRoot}/burstable/pod${uidOf('limits')}/memory.limit_in_bytes`
    expect((await readFile(path, 'utf8')).trim()).toBe(String(64 << 20))
    await remove('limits')
    await expect(stat(path)).rejects.toThrow('ENOENT')
  })

  it('is quick: one pod, then thirty at once', async () => {
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      const begun = systemClock.monotonic()
      desired.put('Pod', makePod(`one-${i}`, main({ command: ['sleep', '1000'] })))
      await until('ready', () => sink.isReady(`one-${i}`))
      times.push(Math.round(systemClock.monotonic() - begun))
    }
    const names = Array.from({ length: 30 }, (_, i) => `many-${i}`)
    const begun = systemClock.monotonic()
    for (const name of names) desired.put('Pod', makePod(name, { ...main({ command: ['sleep', '1000'] }), volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }] }))
    await until('all ready', () => names.every((n) => sink.isReady(n)), 60_000)
    console.log(`pod to Ready: ${times.join(', ')} ms; thirty at once: ${Math.round(systemClock.monotonic() - begun)} ms`)

    const before = (await runtime.list()).containers.map((c) => c.id).sort()
    await kubelet.stop()
    await runtime.abandon()
    sink.statuses.clear()
    runtime = makeRuntime()
    kubelet = make()
    const again = systemClock.monotonic()
    await kubelet.start()
    await until('adopted', () => names.every((n) => sink.isReady(n)), 60_000)
    console.log(`thirty-five adopted: ${Math.round(systemClock.monotonic() - again)} ms`)
    expect((await runtime.list()).containers.map((c) => c.id).sort()).toEqual(before)
    const ending = systemClock.monotonic()
    await remove(...names, ...times.map((_, i) => `one-${i}`))
    console.log(`thirty-five removed: ${Math.round(systemClock.monotonic() - ending)} ms`)
    expect(await runtime.list()).toEqual({ sandboxes: [], containers: [] })
  }, 240_000)

  it('acts on an exec probe', async () => {
    const probed = { command: ['sh', '-c', 'touch /tmp/ok; sleep 1; rm /tmp/ok; sleep 1000'], livenessProbe: { exec: { command: ['cat', '/tmp/ok'] }, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 1 } }
    desired.put('Pod', makePod('probe', { ...main(probed), terminationGracePeriodSeconds: 0 }))
    await until('restarted', () => (sink.container('probe')?.restartCount ?? 0) >= 1)
    expect(sink.events.find((e) => e.regarding.name === 'probe' && e.reason === 'Unhealthy')?.message).toMatch(/^Liveness probe failed: cat: .*No such file/)
    await remove('probe')
  })
})
