/**
 * The real kubelet, runtime driver and pod network with one pod, told over stdin what is desired: `start N` and `stop N`, N the boundary at which it is to be
 * killed (`-` for none); `restart N` ends its container's process, `resize N` asks for more cpu. Says `ready BOUNDARIES` and `gone BOUNDARIES`. Started with `--import ./kill-at.ts`.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { run } from '../../shared/host/exec.ts'
import { systemClock } from '../../shared/host/clock.ts'
import { detectBackend, iptablesOf } from '../../shared/host/iptables.ts'
import { createLog } from '../../shared/host/log.ts'
import { systemRandom } from '../../shared/host/random.ts'
import { openDatabase } from '../../shared/host/sqlite.ts'
import { allocationSchema, createAllocations } from '../../node-agent/allocations.ts'
import { FakeDesired, makePod, RecordingSink } from '../../node-agent/kubelet/harness.ts'
import { createKubelet } from '../../node-agent/kubelet/kubelet.ts'
import { createBridgeNetwork } from '../../node-agent/network/bridge-network.ts'
import { ContainerdRuntime } from '../../node-agent/runtime/containerd/driver.ts'
import { cgroupDriverOf } from '../../node-agent/runtime/docker/cgroup-driver.ts'
import { DockerRuntime } from '../../node-agent/runtime/docker/driver.ts'
import { testImage } from '../testbed/images.ts'
import { arm, passed } from './kill-at.ts'

interface Setting { readonly runtime: 'containerd' | 'docker'; readonly address: string; readonly dir: string; readonly tag: string; readonly uid: string; /** With a sidecar, a port of the node and amounts of cpu. */ readonly rich?: boolean }
const { runtime: kind, address, dir, tag, uid, rich } = JSON.parse(process.argv[2] ?? '{}') as Setting

const log = createLog({ level: 'warn', clock: systemClock, write: (l) => { process.stderr.write(l) } })
const stateDir = `/run/bramble-chaos-${tag}`
const runtime = kind === 'docker' ? new DockerRuntime({ host: address, cgroupDriver: await cgroupDriverOf(address), owner: tag, stateDir, clock: systemClock, log })
  : new ContainerdRuntime({ address, namespace: tag, dataDir: join(dir, 'runtime'), stateDir, clock: systemClock, log })
const desired = new FakeDesired()
const sink = new RecordingSink()
const volumes = [{ name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }, { name: 'disk', emptyDir: {} }, { name: 'sec', secret: { secretName: 's' } }]
const volumeMounts = volumes.map((v) => ({ name: v.name, mountPath: `/${v.name}` }))
const container = { image: testImage, imagePullPolicy: 'IfNotPresent', volumeMounts }
const cpu = (limit: string): object => (rich ? { resources: { requests: { cpu: '50m' }, limits: { cpu: limit } } } : {})
const podWith = (limit: string) => makePod('p', {
  terminationGracePeriodSeconds: 1, volumes, initContainers: [{ ...container, name: 'init', command: ['touch', '/disk/x'] }, ...(rich ? [{ ...container, name: 'side', restartPolicy: 'Always' as const, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 2000000 & wait'] }] : [])],
  containers: [{ ...container, ...cpu(limit), ...(rich ? { ports: [{ containerPort: 80, hostPort: 31_080 }] } : {}), name: 'main', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait'], lifecycle: { postStart: { exec: { command: ['true'] } }, preStop: { exec: { command: ['true'] } } } }],
}, { uid })
const pod = podWith('100m')
// As the API server has it: asked for, and not yet told to be so.
const resized = { ...podWith('200m'), status: { containerStatuses: [{ name: 'main', image: '', imageID: '', ready: true, restartCount: 0, state: { running: {} }, resources: { requests: { cpu: '50m' }, limits: { cpu: '100m' } } }] } }

const database = await openDatabase(join(dir, 'node.db'), { mode: 'create', setup: allocationSchema })
const iptables = iptablesOf(run, await detectBackend(run, ''))
const network = createBridgeNetwork({ exec: run, iptables, allocations: createAllocations(database), writeSysctl: (key, value) => writeFile(join('/proc/sys', key), value), log, bridge: 'chaos0' })
await network.setUp({ podCIDR: '10.77.0.0/24', clusterCIDR: '10.77.0.0/16' })
const kubelet = createKubelet({
  host: { clock: systemClock, random: systemRandom, log }, runtime, network, desired, sink, dataDir: join(dir, 'kubelet'), nodeName: 'n', config: { cgroupRoot: tag, nodeIPs: ['127.0.0.1'] },
  tokens: { token: async () => ({ token: 'a.b.c', expires: Date.now() + 3_600_000, renewAt: Date.now() + 3_600_000 }) },
})
desired.put('Secret', { metadata: { name: 's', namespace: 'default' }, data: { key: 'aGlkZGVu' } } as never)

const say = (text: string): void => { process.stdout.write(`${text}\n`) }
async function until(condition: () => boolean | Promise<boolean>): Promise<void> { while (!await condition()) await systemClock.sleep(2) }
const main = async () => (await runtime.list()).containers.filter((c) => c.name === 'main' && c.state === 'running')
/** Microseconds of cpu in 100,000 that the container may have. */
async function quota(id: string): Promise<string> {
  const folder = `${tag}/burstable/pod${uid}/${id}`
  const text = await readFile(`/sys/fs/cgroup/cpu/${folder}/cpu.cfs_quota_us`, 'utf8').catch(() => readFile(`/sys/fs/cgroup/${folder}/cpu.max`, 'utf8'))
  return text.trim().split(' ')[0] ?? ''
}

let isStarted = false
/** A kubelet that starts with the pod desired: what an agent finds after a crash in its middle. */
async function begin(pods: readonly typeof pod[]): Promise<void> {
  for (const p of pods) desired.put('Pod', p)
  if (isStarted) return
  isStarted = true
  await network.adopt(pods.map((p) => ({ uid: p.metadata.uid })))
  await kubelet.start()
}
const ending = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: 1 } }

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, at] = line.split(' ')
  const killAt = at === '-' ? Infinity : Number(at)
  if (verb === 'start') {
    if (killAt !== Infinity) { await begin([]); arm(killAt) }
    await begin([pod])
    if (killAt === Infinity) arm(Infinity)
    await until(() => sink.isReady('p'))
    say(`ready ${passed().boundaries}`)
  } else if (verb === 'restart') {
    await begin([pod])
    await until(async () => sink.isReady('p') && (await main()).length === 1)
    const [before] = await main()
    arm(killAt)
    process.kill(before?.pid ?? 0, 'SIGKILL')
    await until(async () => { const [now] = await main(); return now !== undefined && now.id !== before?.id && sink.isReady('p') })
    say(`ready ${passed().boundaries}`)
  } else if (verb === 'resize') {
    if (isStarted) arm(killAt)
    await begin([resized])
    await until(async () => { const [now] = await main(); return now !== undefined && sink.isReady('p') && await quota(now.id) === '20000' })
    say(`ready ${passed().boundaries}`)
  } else if (verb === 'stop') {
    if (isStarted) arm(killAt)
    await begin([ending])
    await until(() => sink.gone.includes('p'))
    say(`gone ${passed().boundaries}`)
  } else if (verb === 'trail') say(JSON.stringify(passed().trail))
  else {
    await kubelet.stop()
    await runtime.close()
    await database.close()
    process.exit(0)
  }
}
