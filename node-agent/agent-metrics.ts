/** What a scrape tells of the agent as a whole, and the listener for it. */
import type { Host } from '../shared/base/host.ts'
import { Metrics } from '../shared/base/metrics.ts'
import { spawned } from '../shared/host/exec.ts'
import type { Iptables } from '../shared/host/iptables.ts'
import { collectProcessMetrics } from '../shared/host/process-metrics.ts'
import type { Kubelet } from './kubelet/kubelet.ts'

/** Where a scrape is served: an address of this machine. */
export interface MetricsAddress { readonly host: string; readonly port: number }

export interface AgentMetrics {
  readonly metrics: Metrics
  /** The same, whose changes of rules are counted. */
  countedIptables(iptables: Iptables): Iptables
  /** The node runs pods now. */
  started(): void
}

export function createAgentMetrics({ clock }: Pick<Host, 'clock'>, metrics = new Metrics()): AgentMetrics {
  collectProcessMetrics(metrics, clock)
  metrics.collected('bramble_agent_spawned_processes_total', { kind: 'counter', help: 'Child processes that the agent has started.', read: () => [{ labels: [], value: spawned() }] })
  const syncs = metrics.counter('bramble_agent_iptables_syncs_total', 'Times the rules for Services were written.').labels()
  const failures = metrics.counter('bramble_agent_iptables_sync_failures_total', 'Times writing them failed.').labels()
  const startup = metrics.gauge('kubelet_node_startup_duration_seconds', '[ALPHA] Duration in seconds of node startup in total.')
  return {
    metrics,
    countedIptables: (iptables) => ({
      ...iptables,
      async restore(text) {
        syncs.inc()
        try {
          await iptables.restore(text)
        } catch (e) {
          failures.inc()
          throw e
        }
      },
    }),
    started: () => startup.labels().set(process.uptime()),
  }
}

const loopback = /^(127\.|::1$)/

/** Nothing where no address is given. Rejects where it cannot be listened on. */
export async function openScrapeServer(address: MetricsAddress | undefined, kubelet: Pick<Kubelet, 'metrics'>, host: Host): Promise<{ close(): Promise<void> } | undefined> {
  if (!address) return undefined
  if (!loopback.test(address.host)) host.log.warn('metrics are readable by whoever reaches this address', { address: address.host, port: address.port })
  const { startScrapeServer } = await import('./kubelet/metrics/scrape-server.ts')
  return startScrapeServer({ ...address, endpoints: await kubelet.metrics(), log: host.log.child('metrics') })
}
