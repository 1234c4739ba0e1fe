/** The texts and the summary that are made when somebody asks; loaded with the first question. */
import type { Metrics } from '../../../shared/base/metrics.ts'
import type { NodeUsage } from '../../../shared/streams/usage.ts'
import { cadvisorMetrics } from './cadvisor-metrics.ts'
import { family } from './exposition.ts'
import { createMeter, type ClaimReading, type MeterDeps } from './meter.ts'
import { resourceMetrics } from './resource-metrics.ts'
import { summaryOf } from './summary.ts'

/** Of one probe of one container of a pod. */
export interface ProbeTotal { readonly namespace: string; readonly pod: string; readonly uid: string; readonly container: string; readonly kind: 'Liveness' | 'Readiness' | 'Startup'; readonly successful: number; readonly failed: number; /** The probe could not be made. */ readonly unknown: number }

/** Paths below `/metrics`; `''` is the agent's own. */
export type MetricsPath = '' | 'resource' | 'cadvisor' | 'probes'

export interface MetricsEndpoints {
  text(path: MetricsPath): Promise<string>
  summary(options: { readonly onlyCore: boolean }): Promise<object>
}

function probeMetrics(totals: readonly ProbeTotal[]): string {
  return family('prober_probe_total', 'counter', '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.', totals.flatMap((t) => ([['successful', t.successful], ['failed', t.failed], ['unknown', t.unknown]] as const).filter(([, n]) => n > 0).map(([result, value]) => (
    { labels: { container: t.container, namespace: t.namespace, pod: t.pod, pod_uid: t.uid, probe_type: t.kind, result }, value }))))
}

function volumeMetrics(claims: readonly ClaimReading[]): string {
  const each = (name: string, help: string, of: (c: ClaimReading) => number): string =>
    family(`kubelet_volume_stats_${name}`, 'gauge', `[ALPHA] ${help}`, claims.map((c) => ({ labels: { namespace: c.namespace, persistentvolumeclaim: c.claim }, value: of(c) })))
  return [
    each('available_bytes', 'Number of available bytes in the volume', (c) => c.fs.availableBytes), each('capacity_bytes', 'Capacity in bytes of the volume', (c) => c.fs.capacityBytes),
    each('inodes', 'Maximum number of inodes in the volume', (c) => c.fs.inodes), each('inodes_free', 'Number of free inodes in the volume', (c) => c.fs.inodesFree),
    each('inodes_used', 'Number of used inodes in the volume', (c) => c.fs.inodesUsed), each('used_bytes', 'Number of used bytes in the volume', (c) => c.fs.usedBytes),
  ].join('')
}

export function createMetricsEndpoints(deps: MeterDeps & { readonly metrics: Metrics; usage(): Promise<NodeUsage>; probes(): readonly ProbeTotal[] }): MetricsEndpoints {
  const meter = createMeter(deps)
  return {
    async text(path) {
      switch (path) {
        case '': return deps.metrics.render() + volumeMetrics(await meter.claims())
        case 'resource': return resourceMetrics(await meter.read('core'))
        case 'cadvisor': return cadvisorMetrics(await meter.read('containers'))
        case 'probes': return probeMetrics(deps.probes())
      }
    },
    async summary({ onlyCore }) {
      const usage = await deps.usage()
      return summaryOf(await meter.read(onlyCore ? 'core' : 'all'), usage, { onlyCore })
    },
  }
}
