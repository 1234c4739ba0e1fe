/** `/metrics/cadvisor`: what dashboards commonly read of cadvisor, under its names and labels (`google/cadvisor/metrics/prometheus.go`). Pure. */
import type { CgroupReading } from './cgroup-reading.ts'
import { family, type Sample } from './exposition.ts'
import type { InterfaceReading } from './proc-files.ts'
import type { ContainerReading, PodReading, Snapshot } from './snapshot.ts'

type Labels = Readonly<Record<string, string>>
interface Group { readonly labels: Labels; readonly cgroup: CgroupReading; readonly startedAt: number; readonly container?: ContainerReading }

/** The pod's own cgroup has no container, image or name, as cadvisor shows it. */
const groupsOf = (pods: readonly PodReading[]): Group[] => pods.flatMap((p) => {
  const at = { namespace: p.namespace, pod: p.name }
  return [
    { labels: { ...at, container: '', id: p.cgroupPath, image: '', name: '' }, cgroup: p.cgroup, startedAt: p.startedAt },
    ...p.containers.map((c) => ({ labels: { ...at, container: c.name, id: c.cgroupPath, image: c.image, name: c.id }, cgroup: c.cgroup, startedAt: c.startedAt, container: c })),
  ]
})

export function cadvisorMetrics({ at, node, pods }: Snapshot): string {
  const groups = groupsOf(pods)
  /** Of a group where it has the value. */
  const each = (of: (g: Group) => number | undefined, more: Labels = {}): Sample[] => groups.flatMap((g) => { const value = of(g); return value === undefined ? [] : [{ labels: { ...g.labels, ...more }, value, at }] })
  const network = (of: (i: InterfaceReading) => number): Sample[] => pods.flatMap((p) => (p.interfaces ?? []).map((i) => ({
    labels: { container: '', id: p.cgroupPath, image: '', interface: i.name, name: '', namespace: p.namespace, pod: p.name }, value: of(i), at,
  })))
  const out: string[] = []
  const counter = (name: string, help: string, samples: readonly Sample[]): void => { out.push(family(name, 'counter', help, samples)) }
  const gauge = (name: string, help: string, samples: readonly Sample[]): void => { out.push(family(name, 'gauge', help, samples)) }
  counter('container_cpu_cfs_periods_total', 'Number of elapsed enforcement period intervals.', each((g) => g.cgroup.throttling?.periods))
  counter('container_cpu_cfs_throttled_periods_total', 'Number of throttled period intervals.', each((g) => g.cgroup.throttling?.throttledPeriods))
  counter('container_cpu_cfs_throttled_seconds_total', 'Total time duration the container has been throttled.', each((g) => g.cgroup.throttling && g.cgroup.throttling.throttledNanos / 1e9))
  counter('container_cpu_usage_seconds_total', 'Cumulative cpu time consumed in seconds.', each((g) => g.cgroup.cpuNanos / 1e9, { cpu: 'total' }))
  gauge('container_fs_inodes_free', 'Number of available Inodes', each((g) => g.container?.rootfs?.inodesFree))
  gauge('container_fs_inodes_total', 'Number of Inodes', each((g) => g.container?.rootfs?.inodes))
  gauge('container_fs_limit_bytes', 'Number of bytes that can be consumed by the container on this filesystem.', each((g) => g.container?.rootfs?.capacityBytes))
  gauge('container_fs_usage_bytes', 'Number of bytes that are consumed by the container on this filesystem.', each((g) => g.container?.rootfs?.usedBytes))
  gauge('container_last_seen', 'Last time a container was seen by the exporter', each(() => Math.floor(at / 1000)))
  gauge('container_memory_cache', 'Number of bytes of page cache memory.', each((g) => g.cgroup.cacheBytes))
  counter('container_memory_failcnt', 'Number of memory usage hits limits', each((g) => g.cgroup.failures))
  counter('container_memory_failures_total', 'Cumulative count of memory allocation failures.', [
    ...each((g) => g.cgroup.pageFaults, { failure_type: 'pgfault', scope: 'hierarchy' }), ...each((g) => g.cgroup.majorPageFaults, { failure_type: 'pgmajfault', scope: 'hierarchy' }),
  ])
  gauge('container_memory_mapped_file', 'Size of memory mapped files in bytes.', each((g) => g.cgroup.mappedFileBytes))
  gauge('container_memory_rss', 'Size of RSS in bytes.', each((g) => g.cgroup.rssBytes))
  gauge('container_memory_swap', 'Container swap usage in bytes.', each((g) => g.cgroup.swapBytes))
  gauge('container_memory_usage_bytes', 'Current memory usage in bytes, including all memory regardless of when it was accessed', each((g) => g.cgroup.memoryBytes))
  gauge('container_memory_working_set_bytes', 'Current working set in bytes.', each((g) => g.cgroup.workingSetBytes))
  for (const [way, verb] of [['receive', 'received'], ['transmit', 'transmitted']] as const) {
    const side = way === 'receive' ? 'rx' : 'tx'
    counter(`container_network_${way}_bytes_total`, `Cumulative count of bytes ${verb}`, network((i) => i[`${side}Bytes`]))
    counter(`container_network_${way}_errors_total`, `Cumulative count of errors encountered while ${way === 'receive' ? 'receiving' : 'transmitting'}`, network((i) => i[`${side}Errors`]))
    counter(`container_network_${way}_packets_dropped_total`, `Cumulative count of packets dropped while ${way === 'receive' ? 'receiving' : 'transmitting'}`, network((i) => i[`${side}Dropped`]))
    counter(`container_network_${way}_packets_total`, `Cumulative count of packets ${verb}`, network((i) => i[`${side}Packets`]))
  }
  for (const [kind, title] of [['cpu', 'CPU'], ['memory', 'memory'], ['io', 'IO']] as const) {
    counter(`container_pressure_${kind}_waiting_seconds_total`, `Total time duration tasks in the container have waited due to ${title} congestion.`, each((g) => g.cgroup.pressure?.[kind]?.some && g.cgroup.pressure[kind].some.total / 1e6))
    counter(`container_pressure_${kind}_stalled_seconds_total`, `Total time duration no tasks in the container could make progress due to ${title} congestion.`, each((g) => g.cgroup.pressure?.[kind]?.full && g.cgroup.pressure[kind].full.total / 1e6))
  }
  gauge('container_processes', 'Number of processes running inside the container.', each((g) => g.cgroup.processes))
  gauge('container_spec_cpu_period', 'CPU period of the container.', each((g) => g.cgroup.cpuPeriodMicros))
  gauge('container_spec_cpu_quota', 'CPU quota of the container.', each((g) => g.cgroup.cpuQuotaMicros))
  gauge('container_spec_cpu_shares', 'CPU share of the container.', each((g) => g.cgroup.cpuShares))
  gauge('container_spec_memory_limit_bytes', 'Memory limit for the container.', each((g) => g.cgroup.memoryLimitBytes ?? 0))
  gauge('container_start_time_seconds', 'Start time of the container since unix epoch in seconds.', each((g) => Math.floor(g.startedAt / 1000)))
  gauge('machine_cpu_cores', 'Number of logical CPU cores.', [{ labels: {}, value: node.cpus }])
  gauge('machine_memory_bytes', 'Amount of memory installed on the machine.', [{ labels: {}, value: node.memory.totalBytes }])
  gauge('machine_swap_bytes', 'Amount of swap memory available on the machine.', [{ labels: {}, value: node.swap.totalBytes }])
  return out.join('')
}
