/** Everything that is served, made from the files of an imaginary machine. */
import { afterEach, describe, expect, it } from 'vitest'
import { Metrics } from '../../../shared/base/metrics.ts'
import { FakeClock } from '../../../shared/host/fake-clock.ts'
import { silentLog } from '../../../shared/host/log.ts'
import { systemFileTree, type FileTree } from '../../../shared/host/file-tree.ts'
import { readExposition } from '../../../test/testbed/prometheus-text.ts'
import type { ContainerStats } from '../../runtime/runtime.ts'
import { createKubeletCounters } from './kubelet-counters.ts'
import { createMetricsEndpoints, type MetricsEndpoints } from './endpoints.ts'
import { startScrapeServer, type ScrapeServer } from './scrape-server.ts'

const clock = new FakeClock()
/** Of a version 2 machine; what is not here is not there. */
function machine(pods: number): { files: FileTree; read: string[]; walked: string[] } {
  const group = (cpu: number): Record<string, string> => ({
    'cpu.stat': `usage_usec ${cpu}\n`, 'memory.current': '8000000\n', 'memory.stat': 'anon 5000000\nfile 2000000\ninactive_file 1000000\npgfault 10\npgmajfault 1\n', 'memory.swap.current': '0\n', 'memory.max': '64000000\n', 'cpu.max': 'max 100000\n', 'cpu.weight': '79\n', 'pids.current': '2\n',
  })
  const all = new Map<string, string>([
    ['/sys/fs/cgroup/cgroup.controllers', 'cpu memory\n'], ['/proc/stat', 'cpu  100 0 50 1000 0 0 0 0 0 0\n'], ['/proc/meminfo', 'MemTotal: 4000000 kB\nMemFree: 1000000 kB\nMemAvailable: 2500000 kB\nAnonPages: 900000 kB\nSwapTotal: 100 kB\nSwapFree: 60 kB\n'],
    ['/proc/pressure/io', 'some avg10=2.00 avg60=1.00 avg300=0.50 total=99\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n'], ['/proc/uptime', '5000.00 1.0\n'], ['/proc/vmstat', 'pgfault 7\npgmajfault 2\n'], ['/proc/net/dev', 'x\ny\n  eth0: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n'], ['/proc/loadavg', '0.1 0.1 0.1 2/321 9\n'], ['/proc/sys/kernel/pid_max', '32768\n'],
  ])
  for (let i = 0; i < pods; i++) {
    for (const path of [`/bramble/burstable/podu${i}`, `/bramble/burstable/podu${i}/c${i}`]) for (const [name, text] of Object.entries(group(1_500_000 + i))) all.set(`/sys/fs/cgroup${path}/${name}`, text)
    all.set(`/proc/${1000 + i}/net/dev`, 'x\ny\n  eth0: 100 2 0 0 0 0 0 0 300 4 0 0 0 0 0 0\n')
  }
  const [read, walked]: [string[], string[]] = [[], []]
  return { read, walked, files: { ...systemFileTree, async read(path) { read.push(path); return all.get(path) }, async treeUsage(path) { walked.push(path); return { bytes: 4096, inodes: 3 } } } }
}

function endpointsOf(pods: number, { files }: { files: FileTree }, metrics = new Metrics()): MetricsEndpoints {
  const stats: ContainerStats[] = Array.from({ length: pods }, (_, i) => ({ containerId: `c${i}`, podUid: `u${i}`, cpuNanos: 1n, memoryBytes: 1, workingSetBytes: 1, cgroupPath: `/bramble/burstable/podu${i}/c${i}`, pid: 1000 + i, writableLayer: '/tmp', logFolder: '/tmp' }))
  return createMetricsEndpoints({
    files, clock, metrics, nodeName: 'pi-1', podsCgroup: '/bramble', dataDir: '/tmp', containers: async () => stats, imageBytes: () => 123_456, named: (id) => ({ name: 'main', image: `busybox:${id}`, startedAt: clock.now() - 60_000 }),
    pods: () => Array.from({ length: pods }, (_, i) => ({ name: `p${i}`, namespace: 'd', uid: `u${i}`, hostNetwork: i === 1, startedAt: clock.now() - 61_000, cgroupPath: `/bramble/burstable/podu${i}`, logFolder: '/tmp', volumes: [{ name: 'data', path: '/tmp', claim: 'mine', isWhole: false }] })),
    probes: () => [{ namespace: 'd', pod: 'p0', uid: 'u0', container: 'main', kind: 'Liveness', successful: 7, failed: 1, unknown: 0 }],
    usage: async () => ({
      node: 'pi-1', time: '', windowSeconds: 10, startTime: '', cpuNanos: 0, usageNanoCores: 250_000_000, workingSetBytes: 0, memoryBytes: 0,
      containers: Array.from({ length: pods }, (_, i) => ({ namespace: 'd', pod: `p${i}`, uid: `u${i}`, container: 'main', startTime: '', cpuNanos: 0, usageNanoCores: 1_000_000 * (i + 1), workingSetBytes: 0, memoryBytes: 0 })),
    }),
  })
}
const value = (text: string, name: string, labels: Record<string, string> = {}): number | undefined => readExposition(text).get(name)?.lines.find((l) => Object.entries(labels).every(([k, v]) => l.labels[k] === v))?.value

describe('what Prometheus reads', () => {
  it('of resources is cpu, memory and swap of node, pods and containers, with the time it was measured', async () => {
    const text = await endpointsOf(2, machine(2)).text('resource')
    const families = readExposition(text)
    expect([...families.keys()]).toEqual(['container_cpu_usage_seconds_total', 'container_memory_working_set_bytes', 'container_start_time_seconds', 'container_swap_usage_bytes', 'node_cpu_usage_seconds_total', 'node_memory_working_set_bytes', 'node_swap_usage_bytes', 'pod_cpu_usage_seconds_total', 'pod_memory_working_set_bytes', 'pod_swap_usage_bytes', 'resource_scrape_error'])
    expect(families.get('container_cpu_usage_seconds_total')?.lines[0]).toMatchObject({ labels: { container: 'main', namespace: 'd', pod: 'p0' }, value: 1.5, at: clock.now() })
    expect(families.get('container_start_time_seconds')?.lines[0]?.at).toBeUndefined()
    expect([value(text, 'node_cpu_usage_seconds_total'), value(text, 'node_memory_working_set_bytes'), value(text, 'pod_memory_working_set_bytes', { pod: 'p1' }), value(text, 'resource_scrape_error')]).toEqual([1.5, 1_536_000_000, 7_000_000, 0])
  })

  it('tells of a container that could not be read', async () => {
    const m = machine(1)
    expect(value(await endpointsOf(2, m).text('resource'), 'resource_scrape_error')).toBe(1)
  })

  it('of cadvisor has its labels, the pod\'s network, and what it may use', async () => {
    const text = await endpointsOf(2, machine(2)).text('cadvisor')
    expect(value(text, 'container_cpu_usage_seconds_total', { container: 'main', pod: 'p0', id: '/bramble/burstable/podu0/c0', image: 'busybox:c0', name: 'c0', cpu: 'total' })).toBe(1.5)
    expect(value(text, 'container_cpu_usage_seconds_total', { container: '', pod: 'p0', id: '/bramble/burstable/podu0' })).toBe(1.5)
    expect(value(text, 'container_network_transmit_bytes_total', { pod: 'p0', interface: 'eth0' })).toBe(300)
    expect(value(text, 'container_network_transmit_bytes_total', { pod: 'p1' })).toBeUndefined()
    expect([value(text, 'container_spec_memory_limit_bytes', { container: 'main' }), value(text, 'container_fs_usage_bytes', { pod: 'p0' }), value(text, 'container_spec_cpu_quota'), value(text, 'machine_memory_bytes')]).toEqual([64_000_000, 4096, undefined, 4_096_000_000])
  })

  it('of probes and of the agent itself', async () => {
    const metrics = new Metrics()
    const counters = createKubeletCounters(metrics, clock)
    const seen: string[] = []
    const sink = counters.watched({ podStatus: (p) => { seen.push(p.name) }, podGone: () => undefined, podForgotten: () => undefined, nodeStatus: () => undefined, event: () => undefined })
    const pod = { uid: 'u', name: 'p', namespace: 'd' }
    sink.podStatus(pod, { phase: 'Pending' })
    await clock.advance(1500)
    sink.podStatus(pod, { phase: 'Running', containerStatuses: [{ name: 'main', state: { running: {} } }] as never })
    sink.podStatus({ ...pod, uid: 'adopted' }, { phase: 'Running' })
    counters.event({ reason: 'Started', fieldPath: 'spec.initContainers{a}', trouble: undefined })
    counters.event({ reason: 'Failed', fieldPath: 'spec.containers{b}', trouble: 'RunContainerError' })
    counters.evicted('memory.available')
    counters.preempted('cpu')
    const endpoints = endpointsOf(1, machine(1), metrics)
    const text = await endpoints.text('')
    expect(seen).toEqual(['p', 'p', 'p'])
    expect([value(text, 'kubelet_started_containers_total', { container_type: 'init_container' }), value(text, 'kubelet_started_containers_errors_total', { code: 'RunContainerError' }), value(text, 'kubelet_evictions'), value(text, 'kubelet_preemptions', { preemption_signal: 'cpu' }), value(text, 'kubelet_started_pods_total')]).toEqual([1, 1, 1, 1, 1])
    const starts = readExposition(text).get('kubelet_pod_start_duration_seconds')?.lines
    expect(starts?.find((l) => l.labels.le === '1')?.value).toBe(0)
    expect(starts?.find((l) => l.labels.le === '2')?.value).toBe(1)
    expect(value(text, 'kubelet_volume_stats_used_bytes', { namespace: 'd', persistentvolumeclaim: 'mine' })).toBe(4096)
    const probes = await endpoints.text('probes')
    expect([value(probes, 'prober_probe_total', { probe_type: 'Liveness', result: 'successful', pod_uid: 'u0' }), value(probes, 'prober_probe_total', { result: 'failed' })]).toEqual([7, 1])
  })
})

describe('the summary', () => {
  it('has upstream\'s shape', async () => {
    const { node, pods } = await endpointsOf(2, machine(2)).summary({ onlyCore: false }) as { node: Record<string, object>; pods: Record<string, object>[] }
    expect(Object.keys(node)).toEqual(['nodeName', 'startTime', 'cpu', 'memory', 'systemContainers', 'network', 'fs', 'runtime', 'rlimit', 'swap', 'io'])
    expect(node).toMatchObject({ cpu: { usageNanoCores: 250_000_000, usageCoreNanoSeconds: 1_500_000_000 }, memory: { workingSetBytes: 1_536_000_000, pageFaults: 7 }, rlimit: { maxpid: 32_768, curproc: 321 }, runtime: { imageFs: { usedBytes: 123_456 } }, network: { name: 'eth0', rxBytes: 1, txBytes: 3 }, io: { psi: { some: { total: 99, avg10: 2, avg60: 1, avg300: 0.5 } } } })
    expect(Object.keys(pods[0] ?? {})).toEqual(['podRef', 'startTime', 'containers', 'cpu', 'memory', 'network', 'volume', 'ephemeral-storage', 'process_stats', 'swap'])
    expect(pods[0]).toMatchObject({
      podRef: { name: 'p0', namespace: 'd', uid: 'u0' }, cpu: { usageNanoCores: 1_000_000, usageCoreNanoSeconds: 1_500_000_000 }, memory: { availableBytes: 57_000_000, workingSetBytes: 7_000_000, rssBytes: 5_000_000 },
      containers: [{ name: 'main', rootfs: { usedBytes: 4096, inodesUsed: 3 }, logs: { usedBytes: 4096 }, swap: { swapUsageBytes: 0 } }], volume: [{ name: 'data', pvcRef: { name: 'mine', namespace: 'd' }, usedBytes: 4096 }], 'ephemeral-storage': { usedBytes: 8192 }, process_stats: { process_count: 2 },
    })
    expect(pods[1]).not.toHaveProperty('network')
  })
  it('of cpu and memory alone has nothing else, and walks no folder', async () => {
    const m = machine(1)
    const { node, pods } = await endpointsOf(1, m).summary({ onlyCore: true }) as { node: object; pods: object[] }
    expect([Object.keys(node), Object.keys(pods[0] ?? {})]).toEqual([['nodeName', 'startTime', 'cpu', 'memory'], ['podRef', 'startTime', 'containers', 'cpu', 'memory']])
    expect(m.walked).toEqual([])
  })
})

describe('reading', () => {
  it('takes no file before it is asked, few for resources, and walks a folder once a minute', async () => {
    const m = machine(110)
    const endpoints = endpointsOf(110, m)
    expect(m.read).toEqual([])
    await endpoints.text('resource')
    expect(m.read.length).toBeLessThan(110 * 2 * 4 + 20)
    expect(m.walked).toEqual([])
    await Promise.all([endpoints.text('cadvisor'), endpoints.text('cadvisor')])
    await endpoints.text('cadvisor')
    expect(m.walked).toEqual(['/tmp'])
    await clock.advance(61_000)
    await endpoints.text('cadvisor')
    expect(m.walked).toEqual(['/tmp', '/tmp'])
  })
})

describe('the listener', () => {
  let server: ScrapeServer | undefined
  afterEach(() => server?.close())
  it('serves what may be read, and nothing else', async () => {
    server = await startScrapeServer({ host: '127.0.0.1', port: 0, endpoints: endpointsOf(1, machine(1)), log: silentLog })
    const url = `http://127.0.0.1:${server.port}`
    for (const path of ['/metrics', '/metrics/resource', '/metrics/cadvisor?x=1']) {
      const answer = await fetch(url + path)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
      readExposition(await answer.text())
    }
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok')
    for (const path of ['/pods', '/stats/summary', '/metrics/probes', '/containerLogs/d/p/c', '/']) expect((await fetch(url + path)).status, path).toBe(404)
    expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405)
  })
})
