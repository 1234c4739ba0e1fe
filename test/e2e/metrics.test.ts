/** What nodes, pods and containers use, as kubectl, Prometheus and autoscalers are told of it: real load on both engines. */
import { readdir, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readIfThere } from '../../shared/host/files.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import { readExposition, type Family } from '../testbed/prometheus-text.ts'

const mebibyte = 1 << 20
const scrapePort = 9100
const container = (name: string, command: string, more: object = {}) => ({ name, image: testImage, command: ['sh', '-c', command], ...more })
/** busybox' tail keeps the last 64 MiB for as long as more may come. */
const hold = '(head -c 67108864 /dev/zero; echo held >&2; sleep 1000000) | tail -c 67108864 > /dev/null'
/** A loop that this machine's /proc tells from any other. */
const loop = `: metrics-${process.pid}; while :; do :; done`
async function processOf(command: string): Promise<string> {
  for (const pid of await readdir('/proc')) if (/^\d+$/.test(pid) && await readIfThere(`/proc/${pid}/cmdline`).catch(() => '') === `sh\0-c\0${command}\0`) return pid
  throw new Error(`nothing runs ${command}`)
}
/** Hundredths of a second that a process worked. */
const ticksOf = async (pid: string): Promise<number> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 13).map(Number)
  return (user ?? 0) + (system ?? 0)
}
const pod = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'load' } }, spec: { terminationGracePeriodSeconds: 0, ...spec } })
const objects = [
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'claim' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '16Mi' } } } },
  pod('busy', { containers: [container('loop', loop, { resources: { limits: { cpu: '1', memory: '64Mi' } } }), container('idle', 'sleep 1000000')] }),
  pod('holder', {
    volumes: [{ name: 'scratch', emptyDir: {} }, { name: 'kept', persistentVolumeClaim: { claimName: 'claim' } }],
    containers: [container('hold', `head -c 2097152 /dev/zero > /written; head -c 1048576 /dev/zero > /scratch/f; head -c 524288 /dev/zero > /kept/f; ${hold}`, {
      volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }, { name: 'kept', mountPath: '/kept' }], livenessProbe: { exec: { command: ['true'] }, periodSeconds: 1, timeoutSeconds: 20 },
    })],
  }),
]

interface Line { readonly name: string; readonly milli: number; readonly mebi: number }
/** `NAME CPU(cores) MEMORY(bytes)`, the name of all but the last two words. */
const readTop = (text: string): Line[] => text.trimEnd().split('\n').map((line) => {
  const words = line.trim().split(/\s+/)
  const [cpu = '', memory = ''] = words.slice(-2)
  return { name: words.slice(0, -2).join(' '), milli: Number(/^(\d+)m$/.exec(cpu)?.[1]), mebi: Number(/^(\d+)Mi$/.exec(memory)?.[1]) }
})

interface FsStats { readonly usedBytes: number; readonly inodesUsed: number; readonly capacityBytes: number }
interface PodStats {
  readonly podRef: { readonly name: string }
  readonly network?: { readonly name: string; readonly rxBytes: number }
  readonly volume: readonly (FsStats & { readonly name: string; readonly pvcRef?: { readonly name: string } })[]
  readonly containers: readonly { readonly name: string; readonly rootfs: FsStats; readonly logs: FsStats; readonly memory: { readonly workingSetBytes: number; readonly availableBytes?: number }; readonly cpu: { readonly usageNanoCores: number } }[]
  readonly process_stats: { readonly process_count: number }
}

describe.each(['containerd', 'docker'] as const)('on %s', (runtime) => {
  let cluster: Cluster
  let versions: Kubectl[]
  const kubectl = (): Kubectl => versions.at(-1) as Kubectl
  const raw = (path: string): Promise<string> => kubectl().run(['get', '--raw', `/api/v1/nodes/pi-1/proxy/${path}`])
  const scrape = async (path: string): Promise<ReadonlyMap<string, Family>> => readExposition(await cluster.curl(`http://127.0.0.1:${scrapePort}/${path}`))

  beforeAll(async () => {
    cluster = await Cluster.start({ runtime, agentFlags: ['--metrics-address', `127.0.0.1:${scrapePort}`] })
    versions = (await kubectls()).map((v) => new Kubectl(v, cluster.kubeconfig))
    for (const object of objects) expect((await kubectl().said('create -f -', object)).err).toBe('')
    await kubectl().run('wait --for=condition=Ready pod/busy pod/holder --timeout=120s')
    await eventually('the memory is held', async () => (await kubectl().said('logs holder')).out === 'held', 240_000)
  })
  afterAll(() => cluster?.stop())

  it('kubectl top tells what a busy loop and a holder of memory use', async () => {
    const pid = await processOf(loop)
    await raw('stats/summary?only_cpu_and_memory=true')
    const [began, before] = [performance.now(), await ticksOf(pid)]
    // The rate is over the time since that reading, whatever share of the machine other tests leave to the loop.
    await eventually('the loop has worked', async () => performance.now() - began > 3000 && await ticksOf(pid) - before > 30, 30_000)
    const [first] = readTop(await kubectl().run('top pod busy --no-headers'))
    const worked = ((await ticksOf(pid) - before) * 10) / ((performance.now() - began) / 1000)
    expect(first?.milli).toBeGreaterThan(worked * 0.6)
    expect(first?.milli).toBeLessThan(worked * 1.4)
    for (const kubectl of versions) {
      const pods = new Map(readTop(await kubectl.run('top pods -l app=load --no-headers')).map((l) => [l.name, l]))
      expect(pods.get('busy')?.milli, kubectl.version).toBeGreaterThan(worked / 2)
      expect(pods.get('holder')?.mebi, kubectl.version).toBeGreaterThanOrEqual(64)
      const containers = new Map(readTop(await kubectl.run('top pod busy --containers --no-headers')).map((l) => [l.name, l]))
      expect([...containers.keys()].map((name) => name.replace(/ +/, ' ')).sort(), kubectl.version).toEqual(['busy idle', 'busy loop'])
      expect(containers.get('busy idle')?.milli, kubectl.version).toBeLessThan(50)
      expect(await kubectl.run('top pods --sum -l app=load'), kubectl.version).toMatch(/\n +_+ +_+ *\n +\d+m +\d+Mi *\n$/)
      const [node] = readTop((await kubectl.run('top nodes --no-headers')).replaceAll(/\d+%/g, ''))
      expect(node, kubectl.version).toMatchObject({ name: 'pi-1' })
      expect(node?.milli, kubectl.version).toBeGreaterThan(worked / 2)
    }
  })

  it('the summary tells of networks, volumes, layers and logs', async () => {
    const summary = JSON.parse(await raw('stats/summary')) as { node: { systemContainers: { name: string }[]; rlimit: { curproc: number }; fs: FsStats; runtime: { imageFs: FsStats } }; pods: PodStats[] }
    expect(summary.node.systemContainers.map((c) => c.name)).toEqual(expect.arrayContaining(['kubelet', 'pods']))
    expect(summary.node.rlimit.curproc).toBeGreaterThan(10)
    const pods = new Map(summary.pods.map((p) => [p.podRef.name, p]))
    const holder = pods.get('holder')
    expect(holder?.network?.name).toBe('eth0')
    expect(holder?.containers[0]?.rootfs.usedBytes).toBeGreaterThanOrEqual(2 * mebibyte)
    expect(holder?.containers[0]?.rootfs.usedBytes).toBeLessThan(4 * mebibyte)
    expect(holder?.containers[0]?.logs.usedBytes).toBeGreaterThan(0)
    const volumes = new Map(holder?.volume.map((v) => [v.name, v]))
    expect(volumes.get('scratch')?.usedBytes).toBeGreaterThanOrEqual(mebibyte)
    expect(volumes.get('kept')).toMatchObject({ pvcRef: { name: 'claim' } })
    expect(volumes.get('kept')?.usedBytes).toBeGreaterThanOrEqual(mebibyte / 2)
    expect(pods.get('busy')?.containers.find((c) => c.name === 'loop')?.memory.availableBytes).toBeGreaterThan(0)
    expect(holder?.process_stats.process_count).toBeGreaterThanOrEqual(1)
    const core = JSON.parse(await raw('stats/summary?only_cpu_and_memory=true')) as { pods: object[] }
    expect(Object.keys(core.pods[0] ?? {}).sort()).toEqual(['containers', 'cpu', 'memory', 'podRef', 'startTime'])
  })

  it('Prometheus reads the node\'s listener, and the same through the API', async () => {
    const resource = await scrape('metrics/resource')
    const cpuOf = (families: ReadonlyMap<string, Family>): number => families.get('container_cpu_usage_seconds_total')?.lines.find((l) => l.labels.container === 'loop')?.value ?? 0
    expect(cpuOf(resource)).toBeGreaterThan(1)
    expect(cpuOf(readExposition(await raw('metrics/resource')))).toBeGreaterThan(cpuOf(resource))
    const cadvisor = await scrape('metrics/cadvisor')
    expect(cadvisor.get('container_memory_rss')?.lines.find((l) => l.labels.container === 'hold')?.value).toBeGreaterThan(63 * mebibyte)
    expect(cadvisor.get('container_network_receive_bytes_total')?.lines.map((l) => l.labels.pod).sort()).toEqual(['busy', 'holder'])
    expect(cadvisor.get('container_spec_memory_limit_bytes')?.lines.find((l) => l.labels.container === 'loop')?.value).toBe(64 * mebibyte)
    const own = await scrape('metrics')
    const value = (name: string, labels: Record<string, string> = {}): number | undefined => own.get(name)?.lines.find((l) => Object.entries(labels).every(([k, v]) => l.labels[k] === v))?.value
    expect([value('kubelet_running_pods'), value('kubelet_running_containers', { container_state: 'running' }), value('kubelet_started_containers_total', { container_type: 'container' }), value('kubelet_started_pods_total'), value('bramble_agent_link_up')]).toEqual([2, 3, 3, 2, 1])
    expect(value('kubelet_runtime_operations_total', { operation_type: 'start_container' })).toBe(3)
    expect(value('kubelet_volume_stats_used_bytes', { persistentvolumeclaim: 'claim' })).toBeGreaterThanOrEqual(mebibyte / 2)
    expect(value('bramble_agent_iptables_syncs_total')).toBeGreaterThan(0)
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(mebibyte)
    await eventually('the probe has run', async () => readExposition(await raw('metrics/probes')).get('prober_probe_total')?.lines.some((l) => l.labels.pod === 'holder' && l.labels.probe_type === 'Liveness' && l.labels.result === 'successful'))
    expect(await cluster.curl(`http://127.0.0.1:${scrapePort}/pods`)).toBe('404 page not found\n')
  })

  it('no reading starts a process', async () => {
    await kubectl().run('delete pod holder --wait=true')
    const spawned = async (): Promise<number> => (await scrape('metrics')).get('bramble_agent_spawned_processes_total')?.lines[0]?.value ?? NaN
    // The pod's end may still have something run: a reading that started processes would start them each time.
    await eventually('everything is read, and no process was started meanwhile', async () => {
      const before = await spawned()
      for (const path of ['metrics', 'metrics/resource', 'metrics/cadvisor']) await scrape(path)
      await raw('stats/summary')
      await kubectl().run('top pods')
      return await spawned() === before
    }, 30_000, 500)
  })

  it('an autoscaler has a busy Deployment grow, and an idle one shrink', async () => {
    await kubectl().run('delete pod busy --wait=false')
    const deployment = {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' },
      spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { terminationGracePeriodSeconds: 0, containers: [container('main', 'while [ ! -e /stop ]; do :; done; sleep 1000000', { resources: { requests: { cpu: '100m' }, limits: { cpu: '150m' } } })] } } },
    }
    expect((await kubectl().said('create -f -', deployment)).err).toBe('')
    // The old kubectl writes autoscaling/v1, the new one v2; neither is warned any more that nothing acts.
    const [old] = versions
    expect(await old?.said('autoscale deployment web --min=1 --max=3 --cpu-percent=50')).toEqual({ code: 0, out: 'horizontalpodautoscaler.autoscaling/web autoscaled', err: '' })
    await kubectl().run('delete hpa web')
    expect((await kubectl().said('autoscale deployment web --min=1 --max=3 --cpu-percent=50')).out).toBe('horizontalpodautoscaler.autoscaling/web autoscaled')
    const behavior = { spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] } } } }
    await kubectl().run(['patch', 'hpa', 'web', '--type=merge', '-p', JSON.stringify(behavior)])
    await kubectl().run('rollout status deployment web --timeout=60s')
    // A rate counts for what was ready all the while it was measured over: it begins here.
    await raw('stats/summary?only_cpu_and_memory=true')
    await eventually('it grew', async () => (await kubectl().run(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}'])) === '3', 60_000, 500)
    for (const kubectl of versions) {
      expect(await kubectl.run('get hpa web'), kubectl.version).toMatch(/web +Deployment\/web +cpu: \d+%\/50% +1 +3 +\d +/)
      const described = await kubectl.run('describe hpa web')
      expect(described, kubectl.version).toMatch(/resource cpu on pods\s+\(as a percentage of request\):\s+\d+% \(\d+m\) \/ 50%/)
      expect(described, kubectl.version).toMatch(/AbleToScale\s+True\s+(SucceededRescale|ReadyForNewScale)\s/)
      expect(described, kubectl.version).toMatch(/ScalingActive\s+True\s+ValidMetricFound\s+the HPA was able to successfully calculate a replica count from cpu resource utilization \(percentage of request\)/)
      expect(described, kubectl.version).toMatch(/Normal\s+SuccessfulRescale\s.*horizontal-pod-autoscaler\s+New size: 3; reason: cpu resource utilization \(percentage of request\) above target/)
    }
    await kubectl().run('rollout status deployment web --timeout=60s')
    const names = (await kubectl().run('get pods -l app=web -o name')).trim().split('\n')
    await Promise.all(names.map((name) => kubectl().run(['exec', name, '--', 'touch', '/stop'])))
    await eventually('it shrank', async () => (await kubectl().run(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas}'])) === '1', 90_000, 500)
    expect(await kubectl().run('describe hpa web')).toMatch(/New size: 1; reason: All metrics below target/)
  }, 240_000)
})
