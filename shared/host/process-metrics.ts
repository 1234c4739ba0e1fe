/** What Prometheus' client libraries say of every process, under their names. */
import { readdirSync } from 'node:fs'
import type { Clock } from '../base/host.ts'
import type { Metrics } from '../base/metrics.ts'

/** Read when somebody asks; nothing is counted in between. */
export function collectProcessMetrics(metrics: Metrics, clock: Clock): void {
  const started = (clock.now() / 1000) - process.uptime()
  const one = (name: string, kind: 'counter' | 'gauge', help: string, read: () => number | undefined): void => {
    metrics.collected(name, { kind, help, read: () => { const value = read(); return value === undefined ? [] : [{ labels: [], value }] } })
  }
  one('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6 })
  one('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', () => process.memoryUsage.rss())
  one('process_start_time_seconds', 'gauge', 'Start time of the process since unix epoch in seconds.', () => started)
  one('process_open_fds', 'gauge', 'Number of open file descriptors.', openFiles)
  one('nodejs_heap_size_used_bytes', 'gauge', 'Process heap size used from Node.js in bytes.', () => process.memoryUsage().heapUsed)
  one('nodejs_external_memory_bytes', 'gauge', 'Node.js external memory size in bytes.', () => process.memoryUsage().external)
}

/** Undefined where there is no /proc. */
function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}
